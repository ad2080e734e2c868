//! `GET /v1/models`: what requests may name.

use agentos_router::WISHES;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::agents;
use super::failure::Failure;
use crate::ApiState;

/// All models.
pub(crate) async fn list(State(state): State<ApiState>) -> Result<Json<Value>, Failure> {
    Ok(Json(json!({ "object": "list", "data": all(&state)? })))
}

/// One model.
pub(crate) async fn show(
    State(state): State<ApiState>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Failure> {
    let found = all(&state)?.into_iter().find(|model| model["id"] == id.as_str());
    found.map(Json).ok_or_else(|| {
        let message = format!("there is no model `{id}`: GET /v1/models names those there are");
        Failure::field("model", message).with(StatusCode::NOT_FOUND, "model_not_found")
    })
}

fn all(state: &ApiState) -> Result<Vec<Value>, Failure> {
    let router = state.models()?;
    let mut models: Vec<_> = WISHES.into_iter().map(|wish| model(wish, "agent-os")).collect();
    for info in router.models() {
        let owner = if info.local { "local" } else { "cloud" };
        models.push(model(&info.name, owner));
        models.extend(
            info.deployments
                .iter()
                .filter(|name| **name != info.name)
                .map(|name| model(name, owner)),
        );
    }
    let agents = state.engine.agents();
    models.extend(agents.iter().map(|name| model(&format!("{}{name}", agents::PREFIX), "agent")));
    Ok(models)
}

fn model(id: &str, owner: &str) -> Value {
    json!({ "id": id, "object": "model", "created": 0, "owned_by": owner })
}
