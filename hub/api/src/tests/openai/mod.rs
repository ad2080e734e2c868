//! The API of OpenAI as a client sees it: a router with a real ledger, and
//! behind it a mock of a provider.

mod agents;
mod chat;
mod errors;
mod responses;
mod spending;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use agentos_domain::{Clock, NanoUsd, ProviderName, ProviderSecret, SystemClock, WorkspaceId};
use agentos_mock_provider::{MockProvider, Script};
use agentos_prices::PriceTable;
use agentos_router::{
    Calibrations, CallError, Deployment, DeploymentConfig, HttpProvider, HttpProviderConfig,
    Location, ProviderKeys, Router, RouterConfig, RouterParts, Shape, Strategy, Timeouts,
    http_client,
};
use agentos_store::{Budget, BudgetScope, OnLimit, SqliteConfig, SqliteStore};
use agentos_tiering::Outcomes;
use async_trait::async_trait;
use axum::body::Body;
use axum::http::{Method, Request};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{ADMIN, Answer, Fixture, READER, config};
use crate::ApiConfig;

/// The name of the model behind OpenAI's shape.
const MODEL: &str = "cloud-smart";
/// The name of the model behind Anthropic's.
const CLAUDE: &str = "claude";
/// The name of a model in the home network.
const HOME: &str = "local-fast";

/// How a gateway differs from the usual one.
struct Setup {
    script: Script,
    config: ApiConfig,
    /// What a month may cost, in billionths of a US dollar.
    budget: Option<i64>,
    concurrent: usize,
    cache: bool,
    /// The longest until an answer begins.
    first: Duration,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            script: Script::words(3),
            config: config(),
            budget: None,
            concurrent: 16,
            cache: false,
            first: Duration::from_secs(20),
        }
    }
}

/// An API whose models are at a mock.
struct Gateway {
    hub: Fixture,
    mock: MockProvider,
    _dir: TempDir,
}

struct NoKeys;

#[async_trait]
impl ProviderKeys for NoKeys {
    async fn key(
        &self,
        _workspace: &WorkspaceId,
        _provider: &ProviderName,
    ) -> Result<Option<ProviderSecret>, CallError> {
        Ok(None)
    }
}

impl Gateway {
    async fn new() -> Self {
        Self::with(Setup::default()).await
    }

    async fn answering(script: Script) -> Self {
        Self::with(Setup { script, ..Setup::default() }).await
    }

    async fn with(setup: Setup) -> Self {
        let dir = TempDir::new().unwrap();
        let mock = MockProvider::start(setup.script).await.unwrap();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let store = SqliteConfig { path: dir.path().join("ledger.db"), readers: 1 };
        let ledger = Arc::new(SqliteStore::open(store).await.unwrap());
        let http = http_client(Duration::from_secs(5), Location::Local).unwrap();
        let deployments = [
            (MODEL, "openai", "gpt-5-mini", Shape::OpenAi, Location::Cloud),
            (CLAUDE, "anthropic", "claude-opus-5", Shape::Anthropic, Location::Cloud),
            (HOME, "vllm", "small", Shape::OpenAi, Location::Local),
        ]
        .map(|(group, provider, model, shape, location)| {
            let config = DeploymentConfig {
                name: format!("{group}/{provider}/{model}"),
                group: group.to_owned(),
                provider: provider.parse().unwrap(),
                model: model.to_owned(),
                location,
                temperature: None,
                max_tokens: None,
                timeouts: Timeouts { first: setup.first, ..Timeouts::default() },
                continues: false,
                own_keys: true,
                free: location == Location::Local,
            };
            let path = if shape == Shape::OpenAi { "/v1" } else { "" };
            let base = format!("{}{path}", mock.base_url());
            let key = Some(ProviderSecret::new("sk-of-nobody".to_owned()).unwrap());
            let config_of = HttpProviderConfig { shape, base, key };
            let provider = HttpProvider::new(http.clone(), config_of, Arc::clone(&clock));
            Arc::new(Deployment::new(config, Arc::new(provider), Arc::clone(&clock)))
        });
        let config = RouterConfig {
            fallbacks: Vec::new(),
            strategy: Strategy::LeastBusy,
            budget: setup.budget.map(|limit| Budget {
                scope: BudgetScope::Installation,
                limit: NanoUsd(limit),
                on_limit: OnLimit::Refuse,
            }),
            alert_permille: 800,
            prices: PriceTable::shipped().unwrap(),
            cache_ttl: setup.cache.then_some(Duration::from_mins(1)),
            cache_bytes: 1 << 20,
            concurrent: setup.concurrent,
        };
        let parts = RouterParts {
            config,
            deployments: deployments.into(),
            ledger,
            clock,
            keys: Arc::new(NoKeys),
            calibrations: Calibrations::default(),
            outcomes: Outcomes::default(),
        };
        let router = Router::open(parts).await.unwrap();
        let hub = Fixture::with_models(setup.config, router).await;
        Self { hub, mock, _dir: dir }
    }

    async fn post(&self, path: &str, body: Value) -> Answer {
        self.hub.post(path, ADMIN, body).await
    }

    async fn chat(&self, body: Value) -> Answer {
        self.post("/v1/chat/completions", asking(body)).await
    }

    /// As [`Self::chat`], with a header.
    async fn chat_with(&self, name: &str, value: &str, body: Value) -> Answer {
        let request = Request::builder()
            .method(Method::POST)
            .uri("/v1/chat/completions")
            .header("authorization", format!("Bearer {ADMIN}"))
            .header(name, value)
            .body(Body::from(asking(body).to_string()))
            .unwrap();
        self.hub.send(request).await
    }

    /// What the mock was asked last.
    fn asked(&self) -> Value {
        self.mock.requests().last().expect("nothing was asked").body.clone()
    }
}

/// A request for a chat completion, with these members.
fn asking(members: Value) -> Value {
    let mut body = json!({ "model": MODEL, "messages": [{ "role": "user", "content": "Hi" }] });
    body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    body
}

impl Answer {
    /// Asserts that this is an error in OpenAI's shape and returns it.
    #[track_caller]
    fn error(&self, status: u16, kind: &str, code: &str) -> Value {
        let text = self.text();
        assert_eq!(self.status.as_u16(), status, "{text}");
        assert_eq!(self.header("content-type"), Some("application/json"), "{text}");
        let error = self.json()["error"].clone();
        assert_eq!((&error["type"], &error["code"]), (&json!(kind), &json!(code)), "{text}");
        assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()), "{text}");
        assert!(error.get("param").is_some(), "{text}");
        assert!(self.header("x-request-id").is_some());
        error
    }

    /// The data of the events of a stream, in order.
    #[track_caller]
    fn events(&self) -> Vec<String> {
        assert_eq!(self.status, 200, "{}", self.text());
        assert_eq!(self.header("content-type"), Some("text/event-stream"));
        let lines = self.text().lines().filter_map(|line| line.strip_prefix("data: "));
        lines.map(ToOwned::to_owned).collect()
    }
}

/// A router that knows no model.
pub(crate) async fn no_models(folder: &Path) -> Router {
    let store = SqliteConfig { path: folder.join("models.db"), readers: 1 };
    let config = RouterConfig {
        fallbacks: Vec::new(),
        strategy: Strategy::LeastBusy,
        budget: None,
        alert_permille: 800,
        prices: PriceTable::shipped().unwrap(),
        cache_ttl: None,
        cache_bytes: 0,
        concurrent: 10,
    };
    let parts = RouterParts {
        config,
        deployments: Vec::new(),
        ledger: Arc::new(SqliteStore::open(store).await.unwrap()),
        clock: Arc::new(SystemClock),
        keys: Arc::new(NoKeys),
        calibrations: Calibrations::default(),
        outcomes: Outcomes::default(),
    };
    Router::open(parts).await.unwrap()
}
