//! The plugin that collects a provider's bill.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use agentos_store::{BilledDay, Day, DayOutcome, StoreError};
use async_trait::async_trait;
use serde_json::{Value, json};

use super::adapter::{Adapter, Provider};
use super::chunk;
use super::client::{Client, Counts, Pause, RealPause};
use super::plan::{self, Params, PlanError};
use crate::config::CollectorConfig;
use crate::plugin::{Plugin, PluginContext, PluginResult, PluginStatus, Progress};
use crate::registry::Declared;

/// Collects what one provider billed, day by day: a whole day or nothing.
pub struct Collector {
    adapter: Box<dyn Adapter>,
    config: CollectorConfig,
    http: reqwest::Client,
    pause: Arc<dyn Pause>,
}

impl Collector {
    /// A collector. `http` has TLS and follows no redirects.
    #[must_use]
    pub fn new(adapter: impl Adapter, config: CollectorConfig, http: reqwest::Client) -> Self {
        Self { adapter: Box::new(adapter), config, http, pause: Arc::new(RealPause) }
    }

    /// With another way to wait between two tries.
    #[must_use]
    pub fn with_pause(mut self, pause: Arc<dyn Pause>) -> Self {
        self.pause = pause;
        self
    }

    /// Whose bill it collects.
    #[must_use]
    pub fn provider(&self) -> &'static Provider {
        self.adapter.provider()
    }

    /// Whether `run_all` and the daily report run it.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.config.enabled
    }

    /// As a plugin that sees its provider's key and no other secret.
    #[must_use]
    pub fn declared(self: &Arc<Self>) -> Declared {
        let secrets = vec![self.provider().secret.to_owned()];
        Declared { plugin: Arc::clone(self) as Arc<dyn Plugin>, secrets }
    }
}

#[async_trait]
impl Plugin for Collector {
    fn name(&self) -> &str {
        let Provider { plugin, .. } = self.adapter.provider();
        plugin
    }

    async fn run(&self, context: &PluginContext, params: &Value) -> PluginResult {
        let provider = self.adapter.provider();
        let params = match params {
            Value::Null => Ok(Params::default()),
            params => serde_json::from_value(params.clone()),
        };
        let params: Params = match params {
            Ok(params) => params,
            Err(error) => return PluginResult::failed(format!("wrong parameters: {error}")),
        };
        let Some(key) = context.secret(provider.secret) else {
            let hint = provider.secret_hint;
            let error = format!("there is no key for {}: set {hint}", provider.name);
            return PluginResult::failed(error).with("error_code", "no_key");
        };
        let (refresh, now) = (self.config.refresh_days, context.clock.now());
        let planned =
            plan::plan(context.database.as_ref(), provider.name, params, refresh, now).await;
        let plan = match planned {
            Ok(plan) => plan,
            Err(PlanError::Params(reason)) => {
                return PluginResult::failed(reason).with("error_code", "wrong_days");
            }
            Err(PlanError::Store(error)) => return PluginResult::failed(error.to_string()),
        };
        if plan.days.is_empty() {
            return PluginResult::skipped().with("days_there", plan.there);
        }
        let client = Client {
            http: &self.http,
            adapter: self.adapter.as_ref(),
            config: &self.config,
            key,
            secrets: &context.secrets,
            clock: &context.clock,
            pause: &self.pause,
            cancel: &context.cancel,
            counts: Counts::default(),
        };
        let mut tally = Tally::new(plan::first_open_day(refresh, now), plan.there);
        self.collect(context, &client, &plan.days, &mut tally).await;
        tally.result(&client.counts)
    }
}

impl Collector {
    /// Span by span, the oldest first; the first that fails is the last.
    async fn collect(
        &self,
        context: &PluginContext,
        client: &Client<'_>,
        days: &BTreeSet<Day>,
        tally: &mut Tally,
    ) {
        let (plugin, total) = (self.name().to_owned(), days.len() as u64);
        for (from, to) in plan::spans(days) {
            let read = match chunk::fetch(client, from, to).await {
                Ok(read) => read,
                Err(error) => {
                    tally.error_code.get_or_insert(error.code);
                    tally.errors.push(error.message);
                    return;
                }
            };
            let mut good = Vec::new();
            for (day, read) in read.into_iter().filter(|(day, _)| days.contains(day)) {
                match read {
                    Ok((billed, notes)) => {
                        tally.notes.extend(notes.into_iter().map(|note| format!("{day}: {note}")));
                        good.push(billed);
                    }
                    Err(reason) => {
                        tally.error_code.get_or_insert("bad_day");
                        tally.errors.push(format!("{day} cannot be recorded: {reason}"));
                    }
                }
            }
            if let Err(error) = self.record(context, good, tally).await {
                tally.errors.push(error.to_string());
                return;
            }
            let done = days.range(..=to).count() as u64;
            context.progress(Progress { plugin: plugin.clone(), done, total });
        }
    }

    async fn record(
        &self,
        context: &PluginContext,
        days: Vec<BilledDay>,
        tally: &mut Tally,
    ) -> Result<(), StoreError> {
        let (provider, now) = (self.provider().name, context.clock.now());
        let database = &context.database;
        let outcomes = database.record_days(context.run_id, provider, days.clone(), now).await?;
        for (day, outcome) in days.into_iter().zip(outcomes) {
            tally.add(day, &outcome);
        }
        Ok(())
    }
}

/// What a run came to.
struct Tally {
    first_open: Day,
    there: usize,
    added: usize,
    replaced: usize,
    unchanged: usize,
    days: Vec<Value>,
    changed_closed_days: Vec<Value>,
    notes: Vec<String>,
    errors: Vec<String>,
    error_code: Option<&'static str>,
}

impl Tally {
    fn new(first_open: Day, there: usize) -> Self {
        Self {
            first_open,
            there,
            added: 0,
            replaced: 0,
            unchanged: 0,
            days: Vec::new(),
            changed_closed_days: Vec::new(),
            notes: Vec::new(),
            errors: Vec::new(),
            error_code: None,
        }
    }

    fn add(&mut self, day: BilledDay, outcome: &DayOutcome) {
        let BilledDay { date, tokens, cost, .. } = day;
        let word = match outcome {
            DayOutcome::Added => "added",
            DayOutcome::Unchanged => "unchanged",
            DayOutcome::Replaced { .. } => "replaced",
        };
        match outcome {
            DayOutcome::Added => self.added += 1,
            DayOutcome::Unchanged => self.unchanged += 1,
            DayOutcome::Replaced { tokens: tokens_before, cost: before } => {
                self.replaced += 1;
                if date < self.first_open {
                    tracing::warn!(%date, %before, %cost, "the provider changed a closed day");
                    self.changed_closed_days.push(json!({
                        "date": date, "tokens_before": tokens_before, "tokens": tokens,
                        "cost_before": before, "cost": cost,
                    }));
                }
            }
        }
        let day = json!({ "date": date, "tokens": tokens, "cost": cost, "outcome": word });
        self.days.push(day);
    }

    fn result(self, counts: &Counts) -> PluginResult {
        let recorded = self.days.len();
        let status = match (self.errors.is_empty(), recorded) {
            (true, _) => PluginStatus::Success,
            (false, 0) => PluginStatus::Failed,
            (false, _) => PluginStatus::Partial,
        };
        let mut result = PluginResult::success(json!({ "days": self.days }))
            .with("days_there", self.there)
            .with("days_added", self.added)
            .with("days_replaced", self.replaced)
            .with("days_unchanged", self.unchanged)
            .with("pages", counts.pages.load(Ordering::Relaxed))
            .with("retries", counts.retries.load(Ordering::Relaxed));
        let lists = [
            ("changed_closed_days", Value::from(self.changed_closed_days)),
            ("notes", Value::from(self.notes)),
        ];
        for (name, list) in lists {
            if list != json!([]) {
                result = result.with(name, list);
            }
        }
        if let Some(code) = self.error_code {
            result = result.with("error_code", code);
        }
        result.status = status;
        result.error = (!self.errors.is_empty()).then(|| self.errors.join("; "));
        result
    }
}
