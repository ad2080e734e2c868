//! Signed webhooks that run a plugin (Standard Webhooks): the signature is the
//! credential.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use agentos_domain::Timestamp;
use agentos_kernel::{KernelError, ProgressSink, WebhookError, WebhookHeaders, verify_webhook};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use crate::billing::refused;
use crate::body::RawBody;
use crate::problem::{Code, Problem};
use crate::{ApiState, openapi};

/// How long a sender waits for the plugin; after that it goes on by itself.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a message is remembered: as long as its signature is good, twice.
const MEMORY: Duration = Duration::from_secs(10 * 60);
/// The most messages that are remembered.
const MOST: usize = 10_000;

/// The messages that have come lately: each counts once.
#[derive(Default)]
pub(crate) struct Triggers(Mutex<VecDeque<(Timestamp, String)>>);

impl Triggers {
    /// Whether it is the first of its id.
    fn is_new(&self, id: &str, now: Timestamp) -> bool {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while seen.front().is_some_and(|(at, _)| now.since(*at) > MEMORY) || seen.len() > MOST {
            seen.pop_front();
        }
        let new = seen.iter().all(|(_, known)| known != id);
        if new {
            seen.push_back((now, id.to_owned()));
        }
        new
    }
}

/// Run a plugin by a signed webhook
///
/// A message of Standard Webhooks, signed with `security.webhook_secret`; no key
/// is needed. The plugin is given the message's `data`. A message that comes
/// again runs nothing.
#[utoipa::path(post, path = "/api/plugins/{name}/trigger", tag = "billing",
    operation_id = "trigger_plugin",
    params(
        ("name" = String, Path, description = "The plugin"),
        ("webhook-id" = Option<String>, Header, description = "The message"),
        ("webhook-timestamp" = Option<String>, Header, description = "Seconds since 1970"),
        ("webhook-signature" = Option<String>, Header, description = "`v1,` and base64"),
    ),
    request_body(content = [u8], content_type = "application/octet-stream"),
    responses((status = 200, description = "How it went", body = openapi::Triggered)))]
pub(crate) async fn trigger(
    State(state): State<ApiState>,
    Path(name): Path<String>,
    headers: HeaderMap,
    RawBody(body): RawBody,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let off = "no plugin is run by webhooks: set security.webhook_secret";
    let secret = state.config.webhook_secret.as_ref();
    let secret = secret.ok_or_else(|| Problem::new(Code::NotFound, off))?;
    let kernel = Arc::clone(state.kernel()?);
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let id = header("webhook-id").unwrap_or_default();
    let signed = WebhookHeaders {
        id,
        timestamp: header("webhook-timestamp").unwrap_or_default(),
        signature: header("webhook-signature").unwrap_or_default(),
    };
    let now = kernel.now();
    verify_webhook(secret, signed, &body, now).map_err(|error| match error {
        WebhookError::Secret => Problem::new(Code::Unavailable, error.to_string()),
        _ => Problem::new(Code::Unauthenticated, error.to_string()),
    })?;
    if !kernel.plugins().any(|known| known == name) {
        let known = kernel.plugins().collect::<Vec<_>>().join(", ");
        return Err(refused(KernelError::UnknownPlugin { name, known }));
    }
    if !state.triggers.is_new(id, now) {
        return Ok(told(&name, "repeated", None, None));
    }
    let message: Value = serde_json::from_slice(&body).unwrap_or_default();
    let params = message.get("data").filter(|data| data.is_object()).cloned();
    let silent: ProgressSink = Arc::new(|_| ());
    let run = kernel.run(&name, params.unwrap_or_else(|| json!({})), silent);
    // The run goes on also where nobody waits for it any more.
    match tokio::time::timeout(PATIENCE, run).await {
        Err(_) => Ok(told(&name, "running", None, None)),
        Ok(Err(error)) => Err(refused(error)),
        Ok(Ok(run)) => {
            Ok(told(&name, run.status.as_str(), Some(run.run_id.to_string()), run.error))
        }
    }
}

fn told(
    plugin: &str,
    status: &str,
    run_id: Option<String>,
    error: Option<String>,
) -> (StatusCode, Json<Value>) {
    let answer = json!({ "plugin": plugin, "status": status, "run_id": run_id, "error": error });
    (StatusCode::OK, Json(answer))
}
