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
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};

use self::asked::Asked;
use self::events::Writer;
use self::object::Object;
use super::chat::{begin, caller, told};
use super::chunks::Naming;
use super::failure::Failure;
use super::stream::{Streamed, event_stream};
use super::{agents, whole};
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
    let streamed = request.stream;
    let caller = caller(&principal, id, &headers)?;
    if let Some(agent) = request.model.strip_prefix(agents::PREFIX) {
        let task = agents::submit(&state, caller, agent, &request).await?;
        if streamed {
            let writer = Writer::new(object, agents::answering(&task));
            return Ok(agents::watch(&state, task, writer));
        }
        let (message, answering, ending) = agents::ended(&state, &task).await?;
        return Ok(Json(object.complete(message, &answering, &ending)).into_response());
    }
    let (answer, answering) = begin(&state, caller, request).await?;
    let mut response = if streamed {
        let streamed = Streamed::new(answer, Writer::new(object, answering.clone()));
        event_stream(Body::from_stream(streamed.until(state.shutdown.clone())))
    } else {
        let (message, answering, ending) = whole::collect(answer, answering.clone()).await?;
        Json(object.complete(message, &answering, &ending)).into_response()
    };
    told(&answering, response.headers_mut());
    Ok(response)
}

/// For whoever asks for an earlier response.
pub(crate) async fn not_kept() -> Failure {
    let message = "responses are not kept here: keep what POST /v1/responses answers";
    Failure::field("response_id", message).with(StatusCode::NOT_FOUND, "response_not_found")
}
