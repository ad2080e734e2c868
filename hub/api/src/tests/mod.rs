//! The API as a client sees it, over an engine with a real store.

mod access;
mod billing;
mod events;
mod files;
mod keys;
mod limits;
mod matrix;
mod metrics;
mod openai;
mod openapi;
mod provider_keys;
mod schedules;
mod server;
mod session;
mod signed;
mod tasks;
mod tenancy;
mod tls;

use std::sync::Arc;

use agentos_domain::{ManualClock, ProviderSecret, TaskId, Timestamp};
use agentos_engine::testing::{TestEngine, engine};
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use bytes::Bytes;
use http_body_util::BodyExt;
use serde_json::Value;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::{ApiConfig, ApiState, Rate, RateLimits, TokenVerifier, router};

pub(crate) const ADMIN: &str = "test-admin-key";
pub(crate) const READER: &str = "test-read-key";
pub(crate) const OTHER: &str = "test-other-key";

/// An API with everything under it that is not the network.
pub(crate) struct Fixture {
    pub(crate) engine: TestEngine,
    pub(crate) router: Router,
    pub(crate) shutdown: CancellationToken,
    /// By which rates are measured.
    pub(crate) clock: Arc<ManualClock>,
    _dir: TempDir,
}

/// Without limits that a test could reach by chance.
pub(crate) fn config() -> ApiConfig {
    let all = Rate::new(1_000_000, 1_000_000);
    ApiConfig {
        rates: RateLimits { per_key: all, per_address: all, refused_keys: all },
        ..ApiConfig::new("127.0.0.1:0".parse().unwrap(), "1.2.3")
    }
}

impl Fixture {
    pub(crate) async fn new() -> Self {
        Self::with(config()).await
    }

    pub(crate) async fn with(config: ApiConfig) -> Self {
        Self::build(config, None, None).await
    }

    pub(crate) async fn verifying(verifier: Arc<dyn TokenVerifier>) -> Self {
        Self::build(config(), Some(verifier), None).await
    }

    pub(crate) async fn verifying_with(
        config: ApiConfig,
        verifier: Arc<dyn TokenVerifier>,
    ) -> Self {
        Self::build(config, Some(verifier), None).await
    }

    /// Whose kernel has a plugin that webhooks signed with `secret` may run.
    pub(crate) async fn signed_for(secret: &str) -> Self {
        let secret = ProviderSecret::new(secret.to_owned()).unwrap();
        Self::with(ApiConfig { webhook_secret: Some(Arc::new(secret)), ..config() }).await
    }

    pub(crate) async fn with_models(config: ApiConfig, models: agentos_router::Router) -> Self {
        Self::build(config, None, Some(models)).await
    }

    async fn build(
        config: ApiConfig,
        verifier: Option<Arc<dyn TokenVerifier>>,
        models: Option<agentos_router::Router>,
    ) -> Self {
        let dir = TempDir::new().unwrap();
        let engine = engine(dir.path()).await.unwrap();
        let models = match models {
            Some(models) => models,
            None => self::openai::no_models(dir.path()).await,
        };
        let shutdown = CancellationToken::new();
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_795_000_000_000)));
        let state = ApiState::with_clock(
            config,
            engine.handle.clone(),
            shutdown.clone(),
            Arc::clone(&clock) as _,
        )
        .with_verifier(verifier)
        .with_models(Some(models))
        .with_kernel(Some(self::billing::kernel(dir.path()).await));
        Self { engine, router: router(state), shutdown, clock, _dir: dir }
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let kind = parts.headers.get(header::CONTENT_TYPE);
        let kind = kind.map_or("", |kind| kind.to_str().unwrap());
        openapi::foreseen(&method, &path, parts.status, kind, &body);
        Answer { status: parts.status, headers: parts.headers, body }
    }

    pub(crate) async fn get(&self, path: &str, key: &str) -> Answer {
        self.send(request(Method::GET, path, key, Body::empty())).await
    }

    pub(crate) async fn post(&self, path: &str, key: &str, body: Value) -> Answer {
        self.send(request(Method::POST, path, key, Body::from(body.to_string()))).await
    }

    /// A task that nobody waits for.
    pub(crate) async fn task(&self, input: &str) -> TaskId {
        let body = serde_json::json!({ "input": input, "wait": false });
        let answer = self.post("/api/tasks", ADMIN, body).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text());
        answer.json()["task_id"].as_str().unwrap().parse().unwrap()
    }
}

pub(crate) fn request(method: Method, path: &str, key: &str, body: Body) -> Request<Body> {
    Request::builder()
        .method(method)
        .uri(path)
        .header(header::AUTHORIZATION, format!("Bearer {key}"))
        .body(body)
        .unwrap()
}

/// A response that has arrived.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Asserts that this is a problem document and returns its detail.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16, code: &str) -> String {
        let text = self.text();
        assert_eq!(self.status.as_u16(), status, "{text}");
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{text}");
        let document = self.json();
        assert_eq!(document["code"], code, "{text}");
        assert_eq!(document["type"], format!("https://agentos.invalid/errors/{code}"));
        assert_eq!(document["status"], status);
        assert!(!document["title"].as_str().unwrap().is_empty());
        assert!(document["instance"].as_str().unwrap().starts_with('/'));
        assert_eq!(document["request_id"].as_str(), self.header("x-request-id"));
        document["detail"].as_str().unwrap().to_owned()
    }
}
