//! Passes the live events of a run on, from the edge to those who watch.

use std::time::Duration;

use agentos_link::EdgeSession;
use agentos_proto::v1::executor_client::ExecutorClient;
use agentos_proto::v1::run_event::Event;
use agentos_proto::v1::{AttachRequest, RunEvent};
use agentos_store::HeldLease;
use tonic::{Code, Status};

use crate::engine::Shared;
use crate::types::{EventId, LiveKind};

/// Before following is tried again on a session that lives.
const RETRY_PAUSE: Duration = Duration::from_millis(200);

/// How following came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Followed {
    /// The edge does not work on the run any more.
    ToTheEnd,
    /// The link ended first; the edge may be at work.
    ToTheLoss,
}

/// Follows one attempt over one session, to the end of either. When the edge
/// comes back with the attempt, following begins again where it broke off.
pub(crate) async fn relay(shared: &Shared, session: &EdgeSession, lease: &HeldLease) -> Followed {
    let follow = async {
        loop {
            match follow(shared, session, lease).await {
                Ok(()) => return,
                Err(status) if status.code() == Code::NotFound => return,
                Err(status) => {
                    tracing::debug!(task = %lease.task_id, code = ?status.code(),
                        message = status.message(), "following a run broke off; trying again");
                }
            }
            tokio::time::sleep(RETRY_PAUSE).await;
        }
    };
    tokio::select! {
        biased;
        () = session.closed() => Followed::ToTheLoss,
        () = follow => Followed::ToTheEnd,
    }
}

async fn follow(shared: &Shared, session: &EdgeSession, lease: &HeldLease) -> Result<(), Status> {
    let request = AttachRequest {
        attempt_id: lease.attempt.to_string(),
        from_seq: shared.events.last_index(&lease.task_id, lease.fence) + 1,
    };
    let mut stream = ExecutorClient::new(session.calls()).attach(request).await?.into_inner();
    while let Some(event) = stream.message().await? {
        publish(shared, lease, event);
    }
    Ok(())
}

fn publish(shared: &Shared, lease: &HeldLease, event: RunEvent) {
    let id = EventId { seq: event.after_step, fence: lease.fence, index: event.seq };
    let kind = match event.event {
        Some(Event::Token(token)) => LiveKind::Token { text: token.text, logprob: token.logprob },
        Some(Event::ModelStarted(started)) => {
            LiveKind::ModelStarted { model: started.model, demonstration: started.demonstration }
        }
        Some(Event::ToolStarted(started)) => {
            LiveKind::ToolStarted { call_id: started.call_id, name: started.name }
        }
        Some(Event::Fetching(fetching)) => LiveKind::Fetching { bytes: fetching.bytes },
        // An event of a newer edge: not known here, and not needed.
        None => return,
    };
    shared.events.publish_live(&lease.task_id, id, kind);
}
