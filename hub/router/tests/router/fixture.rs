//! A router over mocks of providers, and what clients see of it.

use std::sync::Arc;
use std::time::Duration;

use agentos_domain::{
    Clock, NanoUsd, ProviderName, ProviderSecret, SystemClock, Timestamp, WorkspaceId,
};
use agentos_mock_provider::MockProvider;
use agentos_prices::PriceTable;
use agentos_router::{
    Answer, Answering, Calibrations, CallError, Caller, ChatEvent, ChatRequest, Delta, Deployment,
    DeploymentConfig, Ending, ErrorKind, Fallback, HttpProvider, HttpProviderConfig, Location,
    Provider, ProviderKeys, Router, RouterConfig, RouterError, RouterParts, Shape, Strategy,
    Timeouts, http_client,
};
use agentos_store::{
    Budget, BudgetScope, CallRecord, Ledger as _, ModelCall, OnLimit, SettledCall, SqliteConfig,
    SqliteStore,
};
use async_trait::async_trait;
use serde_json::{Value, json};
use tempfile::TempDir;

/// Longer than anything takes here, on the busiest machine.
pub(crate) const LONG: Duration = Duration::from_secs(60);
/// For deployments that are expected to be too slow.
pub(crate) const SHORT: Duration = Duration::from_millis(300);
/// Prices of the model `priced`, in nano-dollars per token.
pub(crate) const INPUT: i64 = 1000;
pub(crate) const OUTPUT: i64 = 10_000;

const PRICES: &str = r#"{"prices": [
    {"provider": "acme", "model": "priced", "effective_from": "2020-01-01", "source": "invented",
     "usd_per_million": {"input": "1", "cache_read": "0.1", "cache_write": "1.25",
                         "cache_write_1h": "2", "output": "10"}},
    {"provider": "acme", "model": "dearer", "effective_from": "2020-01-01", "source": "invented",
     "usd_per_million": {"input": "6", "output": "60"}},
    {"provider": "acme", "model": "ten-cents", "effective_from": "2020-01-01",
     "source": "invented", "usd_per_million": {"input": "0", "output": "100"}}
]}"#;

/// No workspace has a key of its own.
struct NoKeys;

#[async_trait]
impl ProviderKeys for NoKeys {
    async fn key(
        &self,
        _: &WorkspaceId,
        _: &ProviderName,
    ) -> Result<Option<ProviderSecret>, CallError> {
        Ok(None)
    }
}

/// A router that is put together.
pub(crate) struct Setup {
    pub(crate) config: RouterConfig,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) calibrations: Calibrations,
    pub(crate) keys: Arc<dyn ProviderKeys>,
    deployments: Vec<Arc<Deployment>>,
    near: reqwest::Client,
    far: reqwest::Client,
}

impl Setup {
    pub(crate) fn new() -> Self {
        Self::with_clock(Arc::new(SystemClock))
    }

    pub(crate) fn with_clock(clock: Arc<dyn Clock>) -> Self {
        let config = RouterConfig {
            fallbacks: Vec::new(),
            strategy: Strategy::LeastBusy,
            budget: None,
            alert_permille: 800,
            prices: PriceTable::parse(PRICES).unwrap(),
            cache_ttl: None,
            cache_bytes: 10_000_000,
            concurrent: 10_000,
        };
        Self {
            config,
            clock,
            calibrations: Calibrations::new(),
            keys: Arc::new(NoKeys),
            deployments: Vec::new(),
            near: http_client(LONG, Location::Local).unwrap(),
            far: http_client(LONG, Location::Cloud).unwrap(),
        }
    }

    /// Where `model` fails, `fallback` answers.
    pub(crate) fn fallback(mut self, model: &str, fallback: &str) -> Self {
        let (model, fallback) = (model.to_owned(), fallback.to_owned());
        let rule = Fallback { model, fallback, errors: Vec::new(), confidence_below: None };
        self.config.fallbacks.push(rule);
        self
    }

    /// Where `model` is less sure than this, `fallback` answers.
    pub(crate) fn unsure(mut self, model: &str, fallback: &str, below: f64) -> Self {
        self = self.fallback(model, fallback);
        if let Some(rule) = self.config.fallbacks.last_mut() {
            rule.confidence_below = Some(below);
        }
        self
    }

    /// A budget of the installation, in nano-dollars.
    pub(crate) fn budget(mut self, limit: i64, on_limit: OnLimit) -> Self {
        let (scope, limit) = (BudgetScope::Installation, NanoUsd(limit));
        self.config.budget = Some(Budget { scope, limit, on_limit });
        self
    }

    pub(crate) fn open_ai(self, config: DeploymentConfig, mock: &MockProvider) -> Self {
        let base = format!("{}/v1", mock.base_url());
        self.over_http(config, Shape::OpenAi, base)
    }

    pub(crate) fn anthropic(self, config: DeploymentConfig, mock: &MockProvider) -> Self {
        let base = mock.base_url();
        self.over_http(config, Shape::Anthropic, base)
    }

    pub(crate) fn over_http(self, config: DeploymentConfig, shape: Shape, base: String) -> Self {
        let key = Some(ProviderSecret::new("sk-of-the-installation".to_owned()).unwrap());
        let http = HttpProviderConfig { shape, base, key };
        let client = match config.location {
            Location::Local => self.near.clone(),
            Location::Cloud => self.far.clone(),
        };
        let provider = HttpProvider::new(client, http, Arc::clone(&self.clock));
        self.deployment(config, Arc::new(provider))
    }

    pub(crate) fn deployment(
        mut self,
        config: DeploymentConfig,
        provider: Arc<dyn Provider>,
    ) -> Self {
        let deployment = Deployment::new(config, provider, Arc::clone(&self.clock));
        self.deployments.push(Arc::new(deployment));
        self
    }

    pub(crate) async fn open(self) -> House {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("hub.db");
        let store = SqliteStore::open(SqliteConfig { path, readers: 1 }).await.unwrap();
        let store = Arc::new(store);
        let clock = Arc::clone(&self.clock);
        let parts = RouterParts {
            config: self.config,
            deployments: self.deployments,
            ledger: Arc::clone(&store) as _,
            clock: self.clock,
            keys: self.keys,
            calibrations: self.calibrations,
            outcomes: Default::default(),
        };
        let router = Router::open(parts).await.unwrap();
        House { router, store, clock, _dir: dir }
    }
}

/// A router with its ledger.
pub(crate) struct House {
    pub(crate) router: Router,
    pub(crate) store: Arc<SqliteStore>,
    pub(crate) clock: Arc<dyn Clock>,
    _dir: TempDir,
}

impl House {
    /// Asks, and sees the answer to its end.
    pub(crate) async fn ask(&self, request: Value) -> Result<Seen, RouterError> {
        self.ask_as(caller(), request).await
    }

    pub(crate) async fn ask_as(&self, by: Caller, what: Value) -> Result<Seen, RouterError> {
        let asked = async { Ok(Seen::all(self.router.chat(by, request(what)).await?).await) };
        tokio::time::timeout(LONG, asked).await.unwrap()
    }

    /// The text of the answer, which has to be whole.
    pub(crate) async fn text(&self, request: Value) -> String {
        self.ask(request).await.unwrap().whole().text
    }

    /// Why nobody answers.
    pub(crate) async fn error(&self, request: Value) -> RouterError {
        match self.ask(request).await {
            Ok(seen) => panic!("it was answered: {seen:?}"),
            Err(error) => error,
        }
    }

    /// Every call of the workspace `default`, the last first.
    pub(crate) async fn rows(&self) -> Vec<CallRecord> {
        let mut rows: Vec<CallRecord> = Vec::new();
        loop {
            let before = rows.last().map(|row| row.call.id.clone());
            let page = self.store.calls(&ws("default"), before.as_ref(), 100).await.unwrap();
            if page.is_empty() {
                return rows;
            }
            rows.extend(page);
        }
    }

    /// Waits until so many calls are settled: there are no more, and none is open.
    pub(crate) async fn settled(&self, count: usize) -> Vec<(ModelCall, SettledCall)> {
        self.router.close(LONG).await;
        let rows = self.rows().await;
        assert_eq!(rows.len(), count, "{rows:#?}");
        let settled = rows.into_iter().map(|row| (row.call, row.settled.expect("it is settled")));
        settled.collect()
    }

    /// The one call that there is.
    pub(crate) async fn row(&self) -> (ModelCall, SettledCall) {
        self.settled(1).await.remove(0)
    }
}

/// What a client sees of an answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    pub(crate) begins: Vec<Answering>,
    pub(crate) text: String,
    pub(crate) deltas: Vec<Delta>,
    pub(crate) end: Option<Ending>,
    pub(crate) failed: Option<RouterError>,
}

impl Seen {
    /// Takes what happened, and holds that it may happen there.
    pub(crate) fn take(&mut self, event: ChatEvent) {
        assert!(self.end.is_none() && self.failed.is_none(), "after the end: {event:?}");
        match event {
            ChatEvent::Begin(answering) => self.begins.push(answering),
            ChatEvent::Delta(delta) => {
                assert!(!self.begins.is_empty(), "before the beginning: {delta:?}");
                self.text.push_str(delta.content.as_deref().unwrap_or_default());
                self.deltas.push(delta);
            }
            ChatEvent::End(ending) => {
                assert!(!self.begins.is_empty(), "before the beginning: {ending:?}");
                self.end = Some(ending);
            }
            ChatEvent::Failed(error) => self.failed = Some(error),
        }
    }

    pub(crate) async fn all(mut answer: Answer) -> Self {
        let mut seen = Self::default();
        while let Some(event) = answer.next().await {
            seen.take(event);
        }
        assert!(seen.end.is_some() != seen.failed.is_some(), "one of them: {seen:?}");
        seen
    }

    /// Holds that it is a whole answer of one deployment.
    pub(crate) fn whole(self) -> Self {
        assert!(self.end.is_some() && self.begins.len() == 1, "{self:?}");
        self
    }

    pub(crate) fn by(&self) -> &str {
        &self.begins.last().expect("somebody answers").deployment
    }

    pub(crate) fn ending(&self) -> &Ending {
        self.end.as_ref().expect("it has ended well")
    }
}

pub(crate) fn kind(error: &RouterError) -> ErrorKind {
    match error {
        RouterError::Failed { error, .. } => error.kind,
        other => panic!("no deployment's failure: {other}"),
    }
}

/// Waits for something.
pub(crate) async fn until(what: &str, mut is: impl FnMut() -> bool) {
    let waits = async {
        while !is() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(tokio::time::timeout(LONG, waits).await.is_ok(), "never: {what}");
}

pub(crate) fn ws(name: &str) -> WorkspaceId {
    name.parse().unwrap()
}

pub(crate) fn caller() -> Caller {
    Caller {
        workspace: ws("default"),
        key_id: "key".to_owned(),
        request: None,
        task: None,
        local_only: false,
        cached: false,
    }
}

pub(crate) fn request(value: Value) -> ChatRequest {
    serde_json::from_value(value).unwrap()
}

/// A question to this model.
pub(crate) fn question(model: &str, stream: bool) -> Value {
    json!({"model": model, "stream": stream, "max_tokens": 1000,
        "messages": [{"role": "user", "content": "count to fifty"}]})
}

/// The same with other fields.
pub(crate) fn with(mut request: Value, fields: &Value) -> Value {
    for (name, value) in fields.as_object().unwrap() {
        request[name] = value.clone();
    }
    request
}

/// A deployment at home, free.
pub(crate) fn local(name: &str, group: &str) -> DeploymentConfig {
    DeploymentConfig {
        name: name.to_owned(),
        group: group.to_owned(),
        provider: "home".parse().unwrap(),
        model: "small".to_owned(),
        location: Location::Local,
        temperature: None,
        max_tokens: None,
        timeouts: Timeouts { first: LONG, idle: LONG, total: LONG },
        continues: false,
        own_keys: true,
        free: true,
    }
}

/// A deployment elsewhere, of the model `priced`.
pub(crate) fn cloud(name: &str, group: &str) -> DeploymentConfig {
    DeploymentConfig {
        provider: "acme".parse().unwrap(),
        model: "priced".to_owned(),
        location: Location::Cloud,
        free: false,
        ..local(name, group)
    }
}

/// A day of tests with a clock of their own.
pub(crate) fn day() -> Timestamp {
    Timestamp::from_millis(1_795_000_000_000)
}
