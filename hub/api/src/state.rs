//! What every handler can reach.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use agentos_domain::{Clock, ProviderSecret, SystemClock};
use agentos_engine::{EngineError, EngineHandle};
use agentos_kernel::Kernel;
use agentos_router::Router as Models;
use tokio_util::sync::CancellationToken;

use crate::auth::TokenVerifier;
use crate::http_metrics::HttpMetrics;
use crate::limits::{Limits, RateLimits};
use crate::problem::{Code, Problem};
use crate::sessions::Sessions;
use crate::trigger::Triggers;

/// The longest that the engine may take over a verb that does not wait for a
/// task and moves no file.
const VERB_LIMIT: Duration = Duration::from_secs(30);

/// How the API is set up.
#[derive(Debug, Clone)]
pub struct ApiConfig {
    /// Where it listens; port 0 takes any free one.
    pub listen: SocketAddr,
    /// The longest that a request waits for its task.
    pub wait_limit: Duration,
    /// The largest JSON body, in bytes.
    pub body_limit_bytes: usize,
    /// The largest request to a model, in bytes.
    pub model_body_limit_bytes: usize,
    /// The largest file that can be stored, in bytes.
    pub file_limit_bytes: u64,
    /// The hub's version, as `/health` tells it.
    pub version: String,
    /// Open connections at a time. For more, one that waits for its client
    /// gives way; while there is none, they wait in the system's queue.
    pub max_connections: usize,
    /// How often clients may ask.
    pub rates: RateLimits,
    /// Origins (`https://example.org`) whose pages may use the API from a
    /// browser; none allows no page but those that the hub itself serves.
    pub cors_origins: Vec<String>,
    /// Whether `/metrics` is open to everyone.
    pub metrics_open: bool,
    /// Whether browsers reach the API by https alone, so that a session's
    /// cookie is never to travel otherwise. Where a page came by https, its
    /// cookie does not in any case.
    pub secure_cookies: bool,
    /// What webhooks that run plugins are signed with; without it there are none.
    pub webhook_secret: Option<Arc<ProviderSecret>>,
}

impl ApiConfig {
    /// A configuration with the usual limits: 120 s, 1 MiB and 256 MiB, the
    /// default rates, no other origins, `/metrics` for those with a key.
    pub fn new(listen: SocketAddr, version: impl Into<String>) -> Self {
        Self {
            listen,
            wait_limit: Duration::from_secs(120),
            body_limit_bytes: 1024 * 1024,
            model_body_limit_bytes: 32 * 1024 * 1024,
            file_limit_bytes: 256 * 1024 * 1024,
            version: version.into(),
            max_connections: 512,
            rates: RateLimits::default(),
            cors_origins: Vec::new(),
            metrics_open: false,
            secure_cookies: false,
            webhook_secret: None,
        }
    }
}

/// What every handler can reach. Clones share everything.
#[derive(Clone)]
pub struct ApiState {
    pub(crate) config: Arc<ApiConfig>,
    pub(crate) engine: EngineHandle,
    pub(crate) shutdown: CancellationToken,
    pub(crate) limits: Arc<Limits>,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) http_metrics: Arc<HttpMetrics>,
    pub(crate) verifier: Option<Arc<dyn TokenVerifier>>,
    pub(crate) triggers: Arc<Triggers>,
    models: Option<Models>,
    kernel: Option<Arc<Kernel>>,
}

/// What the API passes requests on to, beside the engine.
#[derive(Default)]
pub struct Services {
    /// Who knows signed tokens.
    pub verifier: Option<Arc<dyn TokenVerifier>>,
    /// Who answers requests to models.
    pub models: Option<Models>,
    /// Who knows what providers charge.
    pub kernel: Option<Arc<Kernel>>,
}

impl ApiState {
    /// For [`crate::router`]; [`crate::Api`] makes its own. When `shutdown` is
    /// cancelled, waiting requests are answered and event streams end.
    pub fn new(config: ApiConfig, engine: EngineHandle, shutdown: CancellationToken) -> Self {
        Self::with_clock(config, engine, shutdown, Arc::new(SystemClock))
    }

    /// As [`ApiState::new`], with the clock by which rates and sessions are measured.
    pub(crate) fn with_clock(
        config: ApiConfig,
        engine: EngineHandle,
        shutdown: CancellationToken,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            limits: Arc::new(Limits::new(config.rates, Arc::clone(&clock))),
            sessions: Arc::new(Sessions::new(clock)),
            config: Arc::new(config),
            engine,
            shutdown,
            http_metrics: Arc::default(),
            verifier: None,
            triggers: Arc::default(),
            models: None,
            kernel: None,
        }
    }

    /// Also answers requests to models, by these.
    #[must_use]
    pub fn with_models(mut self, models: Option<Models>) -> Self {
        self.models = models;
        self
    }

    /// Those who answer requests to models.
    pub(crate) fn models(&self) -> Result<&Models, Problem> {
        let none = || Problem::new(Code::Unavailable, "this hub serves no models");
        self.models.as_ref().ok_or_else(none)
    }

    /// Also answers what providers charge, by this.
    #[must_use]
    pub fn with_kernel(mut self, kernel: Option<Arc<Kernel>>) -> Self {
        self.kernel = kernel;
        self
    }

    /// Who knows what providers charge.
    pub(crate) fn kernel(&self) -> Result<&Arc<Kernel>, Problem> {
        let none = || Problem::new(Code::Unavailable, "this hub collects no bills");
        self.kernel.as_ref().ok_or_else(none)
    }

    /// Also lets in whoever `verifier` knows, if there is one.
    #[must_use]
    pub fn with_verifier(mut self, verifier: Option<Arc<dyn TokenVerifier>>) -> Self {
        self.verifier = verifier;
        self
    }
}

/// The outcome of one of the engine's verbs, for as long as a client may have
/// to wait for it.
pub(crate) async fn answer<T>(
    verb: impl Future<Output = Result<T, EngineError>>,
) -> Result<T, Problem> {
    answer_within(VERB_LIMIT, verb).await
}

/// As [`answer`], with another limit.
pub(crate) async fn answer_within<T>(
    limit: Duration,
    verb: impl Future<Output = Result<T, EngineError>>,
) -> Result<T, Problem> {
    match tokio::time::timeout(limit, verb).await {
        Ok(outcome) => Ok(outcome?),
        Err(_) => Err(Problem::new(Code::Unavailable, "the hub is too busy: try again later")
            .caused_by(format!("the engine did not answer within {} s", limit.as_secs()))),
    }
}
