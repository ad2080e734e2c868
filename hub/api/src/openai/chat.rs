//! `POST /v1/chat/completions`.

use agentos_domain::{Clock as _, RequestId, SystemClock};
use agentos_engine::Principal;
use agentos_router::{Answer, Answering, Caller, ChatEvent, ChatRequest};
use axum::Extension;
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::{IntoResponse as _, Response};
use serde_json::json;

use super::chunks::{Naming, Writer};
use super::failure::Failure;
use super::stream::{Streamed, event_stream};
use super::{agents, whole};
use crate::ApiState;
use crate::body::ModelBody;

/// Says that nothing of a request may leave the home network: `local_only`.
const PRIVACY: HeaderName = HeaderName::from_static("x-agentos-privacy");
const DEPLOYMENT: HeaderName = HeaderName::from_static("x-agentos-deployment");
const LOCATION: HeaderName = HeaderName::from_static("x-agentos-location");
const CACHED: HeaderName = HeaderName::from_static("x-agentos-cached");

/// Answers a conversation.
pub(crate) async fn complete(
    State(state): State<ApiState>,
    Extension(principal): Extension<Principal>,
    Extension(id): Extension<RequestId>,
    headers: HeaderMap,
    ModelBody(request): ModelBody<ChatRequest>,
) -> Result<Response, Failure> {
    let naming = Naming::new("chatcmpl-", &id, SystemClock.now());
    let usage = request.stream_options.as_ref().is_some_and(|options| options.include_usage);
    let streamed = request.stream;
    let caller = caller(&principal, id, &headers)?;
    if let Some(agent) = request.model.strip_prefix(agents::PREFIX) {
        let task = agents::submit(&state, caller, agent, &request).await?;
        if streamed {
            let writer = Writer::new(naming, agents::answering(&task), usage);
            return Ok(agents::watch(&state, task, writer));
        }
        let (message, answering, ending) = agents::ended(&state, &task).await?;
        return Ok(Json(whole::completion(message, &naming, &answering, &ending)).into_response());
    }
    let (answer, answering) = begin(&state, caller, request).await?;
    let mut response = if streamed {
        let writer = Writer::new(naming, answering.clone(), usage);
        let writer = writer.decided(answer.decision().cloned());
        let streamed = Streamed::new(answer, writer);
        event_stream(Body::from_stream(streamed.until(state.shutdown.clone())))
    } else {
        let decision = answer.decision().cloned();
        let (message, answering, ending) = whole::collect(answer, answering.clone()).await?;
        let mut whole = whole::completion(message, &naming, &answering, &ending);
        if let Some(decision) = decision {
            whole["agentos"]["decision"] = json!(decision);
        }
        Json(whole).into_response()
    };
    told(&answering, response.headers_mut());
    Ok(response)
}

/// An answer, and who gives it.
pub(crate) async fn begin(
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
pub(crate) fn told(answering: &Answering, headers: &mut HeaderMap) {
    if let Ok(name) = HeaderValue::from_str(&answering.deployment) {
        headers.insert(DEPLOYMENT, name);
    }
    headers.insert(LOCATION, HeaderValue::from_static(answering.location));
    let cached = if answering.cached { "true" } else { "false" };
    headers.insert(CACHED, HeaderValue::from_static(cached));
}
