//! A task's live events as a stream of server-sent events.
//!
//! The `id` of an event is its place in the task's history. A client that lost
//! its connection sends the last one back as `Last-Event-ID`, which browsers do
//! by themselves, and gets exactly what follows.

use std::time::Duration;

use agentos_engine::{EngineError, EventId, LiveEvent, LiveKind, Principal};
use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::StreamExt;

use crate::body::TaskPath;
use crate::problem::{Code, Problem};
use crate::state::answer;
use crate::tasks::task_json;
use crate::{ApiState, openapi};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// How often a stream on which nothing happens says that it is alive.
pub(crate) const PING_EVERY: Duration = Duration::from_secs(15);

/// Watch a task
///
/// Server-sent events: `status`, `step`, `model_started`, `token`,
/// `tool_started`, `fetching`. Each comes once and in order, also after a
/// reconnect with `Last-Event-ID`, which browsers send by themselves.
#[utoipa::path(get, path = "/api/tasks/{id}/events", tag = "tasks", operation_id = "watch_task",
    params(
        ("id" = String, Path, description = "The task"),
        ("Last-Event-ID" = Option<String>, Header, description = "The last event that arrived",
            pattern = "^([0-9]{1,18}-[0-9]{1,18}-[0-9]{1,18})?$"),
    ),
    responses((status = 200, description = "Events, until the task has ended",
        body = openapi::TaskEvent, content_type = "text/event-stream")))]
pub(crate) async fn events(
    State(state): State<ApiState>,
    Extension(principal): Extension<Principal>,
    TaskPath(id): TaskPath,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let after = last_event_id(&headers)?;
    let live = answer(state.engine.watch(&principal.workspace_id, &id, after)).await?;
    let stream = live.map(to_event).take_until(state.shutdown.clone().cancelled_owned());
    let alive = KeepAlive::new().interval(PING_EVERY).text("ping");
    let mut response = Sse::new(stream).keep_alive(alive).into_response();
    response.headers_mut().insert(X_ACCEL_BUFFERING, HeaderValue::from_static("no"));
    Ok(response)
}

fn last_event_id(headers: &HeaderMap) -> Result<EventId, Problem> {
    let Some(value) = headers.get(LAST_EVENT_ID).filter(|value| !value.is_empty()) else {
        return Ok(EventId::default());
    };
    let text = String::from_utf8_lossy(value.as_bytes());
    text.parse().map_err(|error| Problem::new(Code::BadRequest, format!("Last-Event-ID: {error}")))
}

/// An error ends the stream: the client comes back with the last id.
fn to_event(event: Result<LiveEvent, EngineError>) -> Result<Event, axum::Error> {
    let event = event.map_err(|error| {
        tracing::warn!(%error, "a stream of events broke off");
        axum::Error::new(error)
    })?;
    let sse = Event::default().id(event.id.to_string()).event(event.kind.name());
    match &event.kind {
        LiveKind::Status(task) => sse.json_data(task_json(task)),
        kind => sse.json_data(kind),
    }
}
