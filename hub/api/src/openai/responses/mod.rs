//! `POST /v1/responses`, as far as the official clients use it: text, images,
//! calls of functions, answers of a given form, and streams. Nothing is kept
//! between two requests, so what builds on an earlier response is refused.

mod asked;
mod events;
mod input;
mod object;

#[cfg(test)]
mod tests;

use agentos_domain::{Clock as _, RequestId, SystemClock};
use agentos_engine::Principal;
use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use self::asked::Asked;
use self::object::Object;
use super::chunks::Naming;
use super::failure::Failure;
use super::reply::reply;
use crate::ApiState;
use crate::body::ModelBody;

/// Answers a conversation.
pub(crate) async fn create(
    State(state): State<ApiState>,
    Extension(principal): Extension<Principal>,
    Extension(id): Extension<RequestId>,
    headers: HeaderMap,
    ModelBody(asked): ModelBody<Asked>,
) -> Result<Response, Failure> {
    let echo = asked.echo();
    let request = asked.into_chat()?;
    let object = Object::new(Naming::new("resp_", &id, SystemClock.now()), echo);
    reply(&state, &principal, id, &headers, request, object).await
}

/// For whoever asks for an earlier response.
pub(crate) async fn not_kept() -> Failure {
    let message = "responses are not kept here: keep what POST /v1/responses answers";
    Failure::field("response_id", message).with(StatusCode::NOT_FOUND, "response_not_found")
}
