//! Whether the hub lives and whether it can work. Both are open to everyone.

use std::time::Duration;

use agentos_engine::Readiness;
use axum::Extension;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::auth::Caller;
use crate::{ApiState, openapi};

/// The longest that a probe waits for the engine.
const PROBE_LIMIT: Duration = Duration::from_secs(2);

async fn readiness(state: &ApiState) -> Readiness {
    tokio::time::timeout(PROBE_LIMIT, state.engine.readiness()).await.unwrap_or(Readiness {
        ready: false,
        database: false,
        edges_connected: 0,
        models: 0,
    })
}

/// Whether the hub lives
///
/// Answers while the process lives, whatever else fails. Who asks is told only
/// to those with a valid key.
#[utoipa::path(get, path = "/health", tag = "hub", operation_id = "get_health",
    responses((status = 200, description = "It does", body = openapi::Health)))]
pub(crate) async fn health(
    State(state): State<ApiState>,
    Extension(Caller(caller)): Extension<Caller>,
) -> Json<Value> {
    let readiness = readiness(&state).await;
    let caller = caller.ok();
    Json(json!({
        "status": "ok",
        "version": state.config.version,
        "environment": {
            // A hub does not start without its database.
            "database_configured": true,
            "edges": readiness.edges_connected,
            "port": state.config.listen.port(),
        },
        "tenant_context": {
            "user_id": caller.as_ref().map(|caller| &caller.name),
            "workspace_id": caller.as_ref().map(|caller| &caller.workspace_id),
        },
    }))
}

/// Whether tasks can run now
#[utoipa::path(get, path = "/ready", tag = "hub", operation_id = "get_ready",
    responses(
        (status = 200, description = "They can", body = openapi::Readiness),
        (status = 503, description = "They cannot", body = openapi::Readiness),
    ))]
pub(crate) async fn ready(State(state): State<ApiState>) -> (StatusCode, Json<Readiness>) {
    let readiness = readiness(&state).await;
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(readiness))
}
