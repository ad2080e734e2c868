//! The kernel's door: what clients and the schedule ask for.

use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use agentos_domain::{Clock, Timestamp};
use agentos_store::{
    Day, KernelCounts, KernelStore, ReplacedResult, ResultFilter, ResultRecord, RunFilter, RunId,
    RunRecord,
};
use futures::future::join_all;
use serde::Serialize;
use serde_json::{Value, json};

use crate::collect::{Collector, Provider, newest_complete_day};
use crate::config::KernelConfig;
use crate::error::KernelError;
use crate::export::{self, Export, ExportRequest};
use crate::month::{Month, Zone};
use crate::notify::Notify;
use crate::plugin::ProgressSink;
use crate::reconcile::{self, Reconciliation};
use crate::registry::{Declared, Registry};
use crate::runner::{RunReport, Runner};
use crate::summary::Summary;
use crate::task::KernelTask;
use crate::totals::{self, MonthlyTotals};

/// Runs plugins, and answers what providers billed.
pub struct Kernel {
    pub(crate) config: KernelConfig,
    pub(crate) store: Arc<dyn KernelStore>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) notify: Option<Arc<dyn Notify>>,
    runner: Runner,
    zone: Zone,
    collectors: Vec<Arc<Collector>>,
}

/// Days in UTC, both included. What is absent is the newest complete day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DayRange {
    /// The first.
    pub from: Option<Day>,
    /// The last.
    pub to: Option<Day>,
}

/// What collecting came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outcome {
    /// The runs, in the order in which the collectors are declared.
    pub runs: Vec<RunReport>,
    /// Providers that were left out.
    pub passed_over: Vec<PassedOver>,
}

/// A provider that was left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PassedOver {
    /// The provider, such as `openai`.
    pub provider: String,
    /// Why, and what to do about it.
    pub reason: String,
}

impl Outcome {
    /// Whether all was done, or nothing was to do.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.runs.iter().all(RunReport::is_ok)
    }

    /// What went wrong, run by run.
    #[must_use]
    pub fn errors(&self) -> Vec<String> {
        self.runs.iter().filter_map(RunReport::told).collect()
    }

    /// 0 where all was done or nothing was to do, 1 otherwise.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        u8::from(!self.is_ok())
    }
}

impl Kernel {
    /// Opens it: runs that a process before left open are closed as failed.
    ///
    /// # Errors
    /// [`KernelError::UnknownZone`], [`KernelError::PluginTwice`], and those of
    /// the store.
    pub async fn open(
        config: KernelConfig,
        store: Arc<dyn KernelStore>,
        clock: Arc<dyn Clock>,
        collectors: Vec<Arc<Collector>>,
        plugins: Vec<Declared>,
        notify: Option<Arc<dyn Notify>>,
    ) -> Result<Self, KernelError> {
        let zone = Zone::named(&config.timezone)?;
        let declared = collectors.iter().map(Collector::declared).chain(plugins).collect();
        let (registry, secrets) = (Registry::new(declared)?, config.secrets.clone());
        let runner =
            Runner::open(Arc::clone(&store), Arc::clone(&clock), registry, secrets).await?;
        Ok(Self { config, store, clock, notify, runner, zone, collectors })
    }

    /// Has the runs that are under way end, and refuses new ones.
    pub async fn close(&self, deadline: Duration) {
        self.runner.close(deadline).await;
    }

    /// The names of all plugins, sorted.
    pub fn plugins(&self) -> impl Iterator<Item = &str> {
        self.runner.plugins()
    }

    /// The providers whose bills are collected.
    #[must_use]
    pub fn providers(&self) -> Vec<&'static Provider> {
        self.collectors.iter().map(|collector| collector.provider()).collect()
    }

    /// The task of a name.
    ///
    /// # Errors
    /// [`KernelError::UnknownTask`], which names all.
    pub fn task(&self, name: &str) -> Result<KernelTask, KernelError> {
        KernelTask::named(name, &self.providers())
    }

    /// Runs any plugin by its name.
    ///
    /// # Errors
    /// [`KernelError::UnknownPlugin`], [`KernelError::Stopping`], and those of
    /// the store. What goes wrong in the plugin is in the report.
    pub async fn run(
        &self,
        plugin: &str,
        params: Value,
        progress: ProgressSink,
    ) -> Result<RunReport, KernelError> {
        self.runner.run(plugin, params, progress).await
    }

    /// Fetches one provider's bill. Days that are there are fetched only by
    /// `force`. Without a key the run fails.
    ///
    /// # Errors
    /// [`KernelError::UnknownProvider`], and those of [`run`](Self::run).
    pub async fn fetch(
        &self,
        provider: &str,
        range: DayRange,
        force: bool,
        progress: ProgressSink,
    ) -> Result<RunReport, KernelError> {
        let plugin = self.provider(provider)?.plugin;
        self.run(plugin, params(range, force), progress).await
    }

    /// Fetches the bills of all providers at once. Those that are switched off
    /// or have no key are passed over.
    ///
    /// # Errors
    /// [`KernelError::Stopping`], and those of the store.
    pub async fn run_all(
        &self,
        range: DayRange,
        force: bool,
        progress: ProgressSink,
    ) -> Result<Outcome, KernelError> {
        self.collect(&params(range, force), progress).await
    }

    /// Fetches the young days of all providers again, and those that were missed.
    pub(crate) async fn collect_daily(
        &self,
        progress: ProgressSink,
    ) -> Result<Outcome, KernelError> {
        self.collect(&json!({ "daily": true }), progress).await
    }

    async fn collect(
        &self,
        params: &Value,
        progress: ProgressSink,
    ) -> Result<Outcome, KernelError> {
        let (mut plugins, mut passed_over) = (Vec::new(), Vec::new());
        for collector in &self.collectors {
            let provider = collector.provider();
            let reason = if !collector.is_enabled() {
                format!("collectors.{} is switched off", provider.key)
            } else if !self.runner.has_secret(provider.secret) {
                let reason = format!("there is no key: set {}", provider.secret_hint);
                tracing::warn!(provider = provider.key, "its bill is not collected: {reason}");
                reason
            } else {
                plugins.push(provider.plugin);
                continue;
            };
            passed_over.push(PassedOver { provider: provider.key.to_owned(), reason });
        }
        let running = plugins
            .into_iter()
            .map(|plugin| self.run(plugin, params.clone(), Arc::clone(&progress)));
        // All are waited for before an error of one is told.
        let runs = join_all(running).await.into_iter().collect::<Result<_, _>>()?;
        Ok(Outcome { runs, passed_over })
    }

    /// Writes results to a file.
    ///
    /// # Errors
    /// [`KernelError::UnknownProvider`], [`KernelError::Write`], and those of the
    /// store.
    pub async fn export(&self, mut request: ExportRequest) -> Result<Export, KernelError> {
        if let Some(provider) = &mut request.provider {
            *provider = self.provider(provider)?.name.to_owned();
        }
        let (store, config) = (self.store.as_ref(), &self.config.export);
        export::export(store, config, request, self.clock.now()).await
    }

    /// Results as a file without a name: it is gone when it is closed.
    ///
    /// # Errors
    /// Those of [`export`](Self::export).
    pub async fn download(&self, request: ExportRequest) -> Result<File, KernelError> {
        let path = self.config.export.output_dir.join(format!(".{}.csv", RunId::generate()));
        self.export(ExportRequest { path: Some(path.clone()), ..request }).await?;
        let failed = |reason: String| KernelError::Write { path: path.clone(), reason };
        let opened = {
            let path = path.clone();
            let open = move || {
                let file = File::open(&path);
                std::fs::remove_file(&path).and(file)
            };
            tokio::task::spawn_blocking(open).await.map_err(|error| failed(error.to_string()))?
        };
        opened.map_err(|error| failed(error.to_string()))
    }

    /// What a month costs, with a message for people.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn summary(&self, month: Month) -> Result<Summary, KernelError> {
        Ok(Summary::of(self.totals(month).await?))
    }

    /// What a month costs.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn monthly_totals(&self, month: Month) -> Result<MonthlyTotals, KernelError> {
        self.totals(month).await
    }

    pub(crate) async fn totals(&self, month: Month) -> Result<MonthlyTotals, KernelError> {
        Ok(totals::monthly(self.store.as_ref(), &self.zone, month).await?)
    }

    /// The hub's time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The month of the newest complete day.
    #[must_use]
    pub fn current_month(&self) -> Month {
        Month::of(newest_complete_day(self.now()))
    }

    /// What the hub metered beside what was billed, from one day to another.
    ///
    /// # Errors
    /// [`KernelError::Invalid`] where these are no days, and those of the store.
    pub async fn reconcile(&self, from: Day, to: Day) -> Result<Reconciliation, KernelError> {
        if from > to {
            let reason = format!("the days from {from} to {to} are none: exchange them");
            return Err(KernelError::Invalid { reason });
        }
        let name = |key: &str| {
            let found = self.providers().into_iter().find(|provider| provider.key == key);
            found.map(|provider| provider.name.to_owned())
        };
        let permille = self.config.drift_permille;
        Ok(reconcile::reconcile(self.store.as_ref(), (from, to), permille, name).await?)
    }

    /// Results; a provider is named as in arguments or as in results.
    ///
    /// # Errors
    /// [`KernelError::UnknownProvider`], and those of the store.
    pub async fn results(
        &self,
        mut filter: ResultFilter,
    ) -> Result<Vec<ResultRecord>, KernelError> {
        if let Some(provider) = &mut filter.provider {
            *provider = self.provider(provider)?.name.to_owned();
        }
        Ok(self.store.results(filter).await?)
    }

    /// What was recorded of a day before the provider changed it.
    ///
    /// # Errors
    /// [`KernelError::UnknownProvider`], and those of the store.
    pub async fn history(
        &self,
        provider: &str,
        date: Day,
    ) -> Result<Vec<ReplacedResult>, KernelError> {
        let provider = self.provider(provider)?.name;
        Ok(self.store.result_history(provider, date).await?)
    }

    /// Runs, the newest first.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn runs(&self, filter: RunFilter) -> Result<Vec<RunRecord>, KernelError> {
        Ok(self.store.runs(filter).await?)
    }

    /// How much is recorded: for the answer to whether the kernel is well.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn health(&self) -> Result<KernelCounts, KernelError> {
        Ok(self.store.kernel_counts().await?)
    }

    /// A provider by either of its names.
    fn provider(&self, name: &str) -> Result<&'static Provider, KernelError> {
        let providers = self.providers();
        let known = providers.iter().find(|known| known.key == name || known.name == name);
        known.copied().ok_or_else(|| KernelError::UnknownProvider {
            name: name.chars().take(80).collect(),
            known: providers.iter().map(|known| known.key).collect::<Vec<_>>().join(", "),
        })
    }

    /// The provider that a plugin collects.
    pub(crate) fn provider_of(&self, plugin: &str) -> Option<&'static Provider> {
        self.providers().into_iter().find(|provider| provider.plugin == plugin)
    }
}

fn params(range: DayRange, force: bool) -> Value {
    json!({ "from": range.from, "to": range.to, "force": force })
}
