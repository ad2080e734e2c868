//! `POST /v1/embeddings`.

use agentos_domain::RequestId;
use agentos_engine::Principal;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::{Extension, Json};
use serde_json::Value;

use super::failure::Failure;
use super::reply::caller;
use crate::ApiState;
use crate::body::ModelBody;

/// Texts as vectors.
pub(crate) async fn create(
    State(state): State<ApiState>,
    Extension(principal): Extension<Principal>,
    Extension(id): Extension<RequestId>,
    headers: HeaderMap,
    ModelBody(request): ModelBody<Value>,
) -> Result<Json<Value>, Failure> {
    if !request["model"].is_string() {
        return Err(Failure::field("model", "model: name the model that makes the vectors"));
    }
    if !matches!(request["input"], Value::String(_) | Value::Array(_)) {
        return Err(Failure::field("input", "input: a text, or a list of texts"));
    }
    let caller = caller(&principal, id, &headers)?;
    Ok(Json(state.models()?.embed(caller, request).await?))
}
