//! The way of a conversation to its answer: by an agent or a model, as a whole
//! or in pieces. Routes differ in the shape of the answer alone.

use agentos_domain::RequestId;
use agentos_engine::Principal;
use agentos_router::{Answer, Answering, Caller, ChatEvent, ChatRequest, Ending, Message};
use agentos_tiering::Decision;
use axum::Json;
use axum::body::Body;
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::{IntoResponse as _, Response};
use serde_json::Value;

use super::agents;
use super::failure::Failure;
use super::stream::{Form, Streamed, event_stream};
use super::whole;
use crate::ApiState;

/// Says that nothing of a request may leave the home network: `local_only`.
const PRIVACY: HeaderName = HeaderName::from_static("x-agentos-privacy");
const DEPLOYMENT: HeaderName = HeaderName::from_static("x-agentos-deployment");
const LOCATION: HeaderName = HeaderName::from_static("x-agentos-location");
const CACHED: HeaderName = HeaderName::from_static("x-agentos-cached");

/// The shape in which a route answers.
pub(crate) trait Shape: Sized {
    /// What writes the answer in pieces.
    type Writer: Form;

    /// Also says how the tier was decided, where it was.
    fn decided(self, decision: Option<Decision>) -> Self;

    /// For an answer in pieces.
    fn writer(self, answering: Answering) -> Self::Writer;

    /// The answer as a whole.
    fn whole(self, message: Message, answering: &Answering, ending: &Ending) -> Value;
}

/// Answers a conversation.
pub(crate) async fn reply<S: Shape>(
    state: &ApiState,
    principal: &Principal,
    id: RequestId,
    headers: &HeaderMap,
    request: ChatRequest,
    shape: S,
) -> Result<Response, Failure> {
    let streamed = request.stream;
    let caller = caller(principal, id, headers)?;
    if let Some(agent) = request.model.strip_prefix(agents::PREFIX) {
        let task = agents::submit(state, caller, agent, &request).await?;
        if streamed {
            let writer = shape.writer(agents::answering(&task));
            return Ok(agents::watch(state, task, writer));
        }
        let (message, answering, ending) = agents::ended(state, &task).await?;
        return Ok(Json(shape.whole(message, &answering, &ending)).into_response());
    }
    let (answer, mut answering) = begin(state, caller, request).await?;
    let shape = shape.decided(answer.decision().cloned());
    let mut response = if streamed {
        let streamed = Streamed::new(answer, shape.writer(answering.clone()));
        event_stream(Body::from_stream(streamed.until(state.shutdown.clone())))
    } else {
        let (message, by, ending) = whole::collect(answer, answering).await?;
        answering = by;
        Json(shape.whole(message, &answering, &ending)).into_response()
    };
    told(&answering, response.headers_mut());
    Ok(response)
}

/// An answer, and who gives it.
async fn begin(
    state: &ApiState,
    caller: Caller,
    request: ChatRequest,
) -> Result<(Answer, Answering), Failure> {
    let mut answer = state.models()?.chat(caller, request).await?;
    // It always begins so: what fails before is an error of the call above.
    match answer.next().await {
        Some(ChatEvent::Begin(answering)) => Ok((answer, answering)),
        _ => Err(whole::unfinished()),
    }
}

/// Who asks, and what holds for them.
pub(crate) fn caller(
    principal: &Principal,
    id: RequestId,
    headers: &HeaderMap,
) -> Result<Caller, Failure> {
    let local_only = match headers.get(PRIVACY).map(HeaderValue::as_bytes) {
        None | Some(b"any") => false,
        Some(b"local_only") => true,
        Some(_) => {
            let message = "the header X-AgentOS-Privacy says `any` or `local_only`";
            return Err(Failure::field("x-agentos-privacy", message));
        }
    };
    let fresh = headers.get(CACHE_CONTROL).and_then(|value| value.to_str().ok());
    let fresh = fresh.is_some_and(|value| value.contains("no-cache") || value.contains("no-store"));
    Ok(Caller {
        workspace: principal.workspace_id.clone(),
        key_id: principal.id.clone(),
        request: Some(id),
        task: None,
        local_only,
        cached: !fresh,
    })
}

/// Says who answers.
fn told(answering: &Answering, headers: &mut HeaderMap) {
    if let Ok(name) = HeaderValue::from_str(&answering.deployment) {
        headers.insert(DEPLOYMENT, name);
    }
    headers.insert(LOCATION, HeaderValue::from_static(answering.location));
    let cached = if answering.cached { "true" } else { "false" };
    headers.insert(CACHED, HeaderValue::from_static(cached));
}
