//! A task of the kernel while it is done: server-sent events that say how far it
//! is, then how it went.

use std::sync::Arc;

use agentos_kernel::{Kernel, KernelError, Progress, ProgressSink, TaskParams, TaskReport};
use axum::http::HeaderMap;
use axum::http::header::ACCEPT;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::{Stream, StreamExt as _, future, stream};
use serde_json::json;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::refused;
use crate::events::PING_EVERY;
use crate::problem::Problem;

/// Steps that wait to be told. Where there are more, some are left out: the next
/// tells as much.
const WAITING: usize = 16;

/// What is told.
enum Told {
    Progress(Progress),
    End(Result<Box<TaskReport>, KernelError>),
}

/// Whether a client wants to watch.
pub(super) fn is_wanted(headers: &HeaderMap) -> bool {
    let accepts = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepts.flat_map(|value| value.split(',')).any(|kind| {
        let kind = kind.split(';').next().unwrap_or_default().trim();
        kind.eq_ignore_ascii_case("text/event-stream")
    })
}

/// Does a task and tells of it. What is wrong with the request is no event.
pub(super) async fn perform(
    kernel: Arc<Kernel>,
    task: String,
    params: TaskParams,
) -> Result<Response, Problem> {
    let mut told = Box::pin(told(kernel, task, params));
    let first = match told.next().await {
        Some(Told::End(Err(error))) => return Err(refused(error)),
        first => first,
    };
    let events = stream::iter(first).chain(told).map(event);
    let alive = KeepAlive::new().interval(PING_EVERY).text("ping");
    Ok(Sse::new(events).keep_alive(alive).into_response())
}

fn told(kernel: Arc<Kernel>, task: String, params: TaskParams) -> impl Stream<Item = Told> {
    let (sender, receiver) = mpsc::channel(WAITING);
    let steps = sender.clone();
    let progress: ProgressSink = Arc::new(move |progress| {
        let _ = steps.try_send(Told::Progress(progress));
    });
    // The end comes by the way of the steps, and so after them.
    let work = async move {
        let end = kernel.perform(&task, params, progress).await;
        let _ = sender.send(Told::End(end.map(Box::new))).await;
    };
    let work = stream::once(work).filter_map(|()| future::ready(None));
    stream::select(ReceiverStream::new(receiver), work)
}

fn event(told: Told) -> Result<Event, axum::Error> {
    let named = |name: &str| Event::default().event(name);
    match told {
        Told::Progress(Progress { plugin, done, total }) => {
            named("progress").json_data(json!({ "plugin": plugin, "done": done, "total": total }))
        }
        Told::End(Ok(report)) => named("report").json_data(report),
        Told::End(Err(error)) => {
            let problem = refused(error);
            named("error")
                .json_data(json!({ "code": problem.code.as_str(), "detail": problem.detail() }))
        }
    }
}
