//! `POST /v1/chat/completions`.

use agentos_domain::{Clock as _, RequestId, SystemClock};
use agentos_engine::Principal;
use agentos_router::{Answering, Caller, ChatEvent, ChatRequest};
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde_json::json;

use super::chunks::{Chunks, Naming, Writer};
use super::failure::Failure;
use super::{agents, whole};
use crate::ApiState;
use crate::body::ModelBody;

/// Says that nothing of a request may leave the home network: `local_only`.
const PRIVACY: HeaderName = HeaderName::from_static("x-agentos-privacy");
const DEPLOYMENT: HeaderName = HeaderName::from_static("x-agentos-deployment");
const LOCATION: HeaderName = HeaderName::from_static("x-agentos-location");
const CACHED: HeaderName = HeaderName::from_static("x-agentos-cached");
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Answers a conversation.
pub(crate) async fn complete(
    State(state): State<ApiState>,
    Extension(principal): Extension<Principal>,
    Extension(id): Extension<RequestId>,
    headers: HeaderMap,
    ModelBody(request): ModelBody<ChatRequest>,
) -> Result<Response, Failure> {
    let naming = Naming::new(&id, SystemClock.now());
    if let Some(agent) = request.model.strip_prefix(agents::PREFIX) {
        return agents::complete(&state, &principal, id, naming, agent, &request).await;
    }
    let caller = caller(&principal, id, &headers)?;
    let usage = request.stream_options.as_ref().is_some_and(|options| options.include_usage);
    let streamed = request.stream;
    let mut answer = state.models()?.chat(caller, request).await?;
    // It always begins so: what fails before is an error of the call above.
    let Some(ChatEvent::Begin(answering)) = answer.next().await else {
        return Err(whole::unfinished());
    };
    let decision = answer.decision().cloned();
    let mut response = if streamed {
        let writer = Writer::new(naming, answering.clone(), usage).decided(decision);
        let chunks = Chunks::new(answer, writer);
        event_stream(Body::from_stream(chunks.until(state.shutdown.clone())))
    } else {
        let mut whole = whole::collect(answer, &naming, answering.clone()).await?;
        if let Some(decision) = decision {
            whole["agentos"]["decision"] = json!(decision);
        }
        Json(whole).into_response()
    };
    told(&answering, response.headers_mut());
    Ok(response)
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

/// An answer that comes in events.
pub(crate) fn event_stream(body: Body) -> Response {
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(X_ACCEL_BUFFERING, HeaderValue::from_static("no"));
    response
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
