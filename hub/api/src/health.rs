//! Whether the hub lives and whether it can work. Both are open to everyone.

use std::time::Duration;

use agentos_engine::Readiness;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use crate::ApiState;
use crate::auth::authenticate;

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

/// `GET /health`: answers while the process lives, whatever else fails.
pub(crate) async fn health(State(state): State<ApiState>, headers: HeaderMap) -> Json<Value> {
    let readiness = readiness(&state).await;
    let caller = tokio::time::timeout(PROBE_LIMIT, authenticate(&state.engine, &headers)).await;
    let caller = caller.ok().and_then(Result::ok);
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

/// `GET /ready`: whether tasks can run now.
pub(crate) async fn ready(State(state): State<ApiState>) -> (StatusCode, Json<Readiness>) {
    let readiness = readiness(&state).await;
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(readiness))
}
