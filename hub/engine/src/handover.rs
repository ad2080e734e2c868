//! Hands a run to an edge and sees it through.

use std::time::Duration;

use agentos_domain::{AgentConfig, AttemptId, ErrorInfo};
use agentos_link::EdgeSession;
use agentos_proto::v1::executor_client::ExecutorClient;
use agentos_proto::v1::{CancelRequest, ExecuteRequest};
use agentos_store::{Claimed, HeldLease};
use tonic::{Code, Status};

use crate::engine::Shared;
use crate::relay::{Followed, relay};

/// How long an edge may take to accept a run, blobs not included.
const EXECUTE_DEADLINE: Duration = Duration::from_secs(10);
/// How long an edge may take to acknowledge that it stops a run.
const CANCEL_DEADLINE: Duration = Duration::from_secs(1);
/// How long to wait before a run that was not taken is offered again.
const REFUSAL_PAUSE: Duration = Duration::from_secs(1);
/// Attempts in a row that may end without any step before the task fails.
const FRUITLESS_LIMIT: u32 = 5;

/// Why an edge did not take a run.
enum Refusal {
    /// It never will.
    Final(ErrorInfo),
    /// It may later, or another edge.
    ForNow(String),
    /// It stops.
    Stopping,
}

/// Hands a run over and follows it.
pub(crate) async fn hand_over(
    shared: &Shared,
    session: &EdgeSession,
    claimed: &Claimed,
    lease: &HeldLease,
) {
    match execute(session, claimed).await {
        Ok(()) => {
            agentos_faults::crash_point("hub.execute.answered");
            tracing::info!(edge = %session.edge_id, fence = lease.fence.0, "the edge has the run");
            follow_to_end(shared, session, lease).await;
        }
        Err(Refusal::Final(error)) => fail(shared, lease, error).await,
        Err(Refusal::Stopping) => {
            tracing::info!(edge = %session.edge_id, "the edge stops; another gets the run");
            shared.stopping().insert(session.epoch);
            release(shared, lease).await;
        }
        Err(Refusal::ForNow(reason)) => {
            tracing::warn!(reason, "the edge did not take the run");
            take_back(shared, session, lease).await;
        }
    }
}

/// Follows a run. Where the edge has ended it and yet holds its lease (it could
/// not go on and could not say so), the task is queued again at once.
pub(crate) async fn follow_to_end(shared: &Shared, session: &EdgeSession, lease: &HeldLease) {
    if relay(shared, session, lease).await != Followed::ToTheEnd {
        return;
    }
    agentos_faults::crash_point("hub.give_back.before");
    if shared.active.has(&lease.attempt) {
        give_back(shared, session, lease).await;
    } else {
        shared.settled(&lease.task_id);
    }
    agentos_faults::crash_point("hub.give_back.done");
}

async fn execute(session: &EdgeSession, claimed: &Claimed) -> Result<(), Refusal> {
    let request = execute_request(claimed).map_err(|error| {
        Refusal::Final(ErrorInfo::new("encoding", format!("cannot hand the run over: {error}")))
    })?;
    let mut client = ExecutorClient::new(session.calls());
    match tokio::time::timeout(EXECUTE_DEADLINE, client.execute(request)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(status)) => Err(refusal(&status)),
        Err(_) => Err(Refusal::ForNow("it did not answer within 10 s".to_owned())),
    }
}

fn refusal(status: &Status) -> Refusal {
    let message = status.message().to_owned();
    match status.code() {
        Code::InvalidArgument | Code::OutOfRange | Code::Unimplemented => {
            let message = format!("the edge cannot take this run: {message}");
            Refusal::Final(ErrorInfo::new("edge_refused", message))
        }
        Code::Aborted => Refusal::Stopping,
        _ => Refusal::ForNow(message),
    }
}

fn execute_request(claimed: &Claimed) -> Result<ExecuteRequest, serde_json::Error> {
    // What holds for the task holds for its agent, whoever of both asked for it.
    let agent = AgentConfig { privacy: Some(claimed.task.privacy), ..claimed.agent.clone() };
    Ok(ExecuteRequest {
        task_id: claimed.task.task_id.to_string(),
        attempt_id: claimed.attempt.to_string(),
        fence: claimed.fence.0,
        user_input: claimed.task.user_input.clone(),
        agent: serde_json::to_string(&agent)?,
        first_tool: claimed.first_tool.as_ref().map(ToString::to_string).unwrap_or_default(),
        journal: claimed.journal.iter().map(serde_json::to_string).collect::<Result<_, _>>()?,
        manifest: serde_json::to_string(&claimed.manifest)?,
        timeout_ms: u64::try_from(claimed.time_left.as_millis()).unwrap_or(u64::MAX),
        request_id: claimed.request_id.as_ref().map(ToString::to_string).unwrap_or_default(),
        granted: claimed.granted.iter().map(ToString::to_string).collect(),
    })
}

/// Queues a run again that its edge does not work on. Nothing happens where the
/// run has ended properly: its lease is gone then.
async fn give_back(shared: &Shared, session: &EdgeSession, lease: &HeldLease) {
    if !has_let_go(session, lease).await {
        return;
    }
    match shared.store.release(lease, shared.clock.now()).await {
        Ok(Some(task)) => {
            if shared.fruitless(&lease.task_id, task.steps) >= FRUITLESS_LIMIT {
                let message = "edges gave this run up five times without a step; \
                               their logs tell why";
                fail(shared, lease, ErrorInfo::new("executor_failed", message)).await;
            } else {
                shared.publish_requeued(&[task]);
            }
        }
        Ok(None) => shared.settled(&lease.task_id),
        Err(error) => tracing::warn!(%error, "could not give a lease back; it will expire"),
    }
}

/// Queues a run again that its edge did not take. That says nothing about the
/// run, so it does not count against it.
async fn take_back(shared: &Shared, session: &EdgeSession, lease: &HeldLease) {
    if has_let_go(session, lease).await {
        release(shared, lease).await;
    }
}

/// Has an edge let go of a run. False: it cannot be told, and may have the run
/// after all; its next greeting tells, or the lease expires.
async fn has_let_go(session: &EdgeSession, lease: &HeldLease) -> bool {
    // Do not offer the same run in a tight loop.
    tokio::time::sleep(REFUSAL_PAUSE).await;
    if session.calls().is_closed() {
        return false;
    }
    // It does not matter what the edge answers: the fence keeps it out.
    let _ = cancel(session, &lease.attempt).await;
    true
}

/// Tells an edge to stop an attempt.
pub(crate) async fn cancel(session: &EdgeSession, attempt: &AttemptId) -> Result<(), Status> {
    let request = CancelRequest { attempt_id: attempt.to_string() };
    let mut client = ExecutorClient::new(session.calls());
    match tokio::time::timeout(CANCEL_DEADLINE, client.cancel(request)).await {
        Ok(answer) => answer.map(drop),
        Err(_) => Err(Status::deadline_exceeded("the edge did not answer a cancellation")),
    }
}

/// Queues a run again for others, without holding it against the task.
async fn release(shared: &Shared, lease: &HeldLease) {
    if let Err(error) = shared.requeue(lease).await {
        tracing::warn!(%error, "could not give a lease back; it will expire");
    }
}

async fn fail(shared: &Shared, lease: &HeldLease, error: ErrorInfo) {
    shared.settled(&lease.task_id);
    match shared.store.fail(&lease.task_id, error, shared.clock.now()).await {
        Ok(Some((task, step))) => {
            shared.metrics.observe(&task, std::slice::from_ref(&step));
            shared.events.publish_steps(&[step]);
            shared.events.publish_status(&task);
        }
        Ok(None) => {}
        Err(error) => tracing::warn!(task = %lease.task_id, %error, "could not fail a task"),
    }
}
