//! Leases tasks to edges, and takes back the leases of those that are lost.

use std::sync::Arc;
use std::time::Duration;

use agentos_domain::{AttemptId, Classified, ErrorInfo};
use agentos_link::{EdgeSession, LinkEvent};
use agentos_proto::v1::executor_client::ExecutorClient;
use agentos_proto::v1::{ExecuteRequest, HeldAttempt};
use agentos_store::{Claim, Claimed, HeldLease};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::engine::{ActiveAttempt, Shared};
use crate::relay::relay;

/// How long an edge may take to accept a run, blobs not included.
const EXECUTE_DEADLINE: Duration = Duration::from_secs(10);
/// How long to leave an edge alone that did not accept a run.
const REFUSAL_PAUSE: Duration = Duration::from_secs(1);

pub(crate) struct Dispatcher {
    shared: Arc<Shared>,
    link_events: broadcast::Receiver<LinkEvent>,
    /// Owns the runs that are being handed over and the relays.
    tracker: TaskTracker,
    cancel: CancellationToken,
}

impl Dispatcher {
    pub(crate) fn new(shared: Arc<Shared>, link_events: broadcast::Receiver<LinkEvent>) -> Self {
        let (tracker, cancel) = (TaskTracker::new(), CancellationToken::new());
        Self { shared, link_events, tracker, cancel }
    }

    pub(crate) async fn run(mut self, cancel: CancellationToken) {
        let _stop_children = self.cancel.clone().drop_guard();
        let mut tick = tokio::time::interval(self.shared.config.tick);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        for session in self.sessions() {
            self.take_up(&session);
        }
        loop {
            tokio::select! {
                () = cancel.cancelled() => break,
                () = self.shared.wake.notified() => {}
                event = self.link_events.recv() => match event {
                    Ok(LinkEvent::Up(session)) => self.take_up(&session),
                    Ok(LinkEvent::Down { .. }) => {}
                    Err(RecvError::Lagged(_)) => self.take_up_all(),
                    Err(RecvError::Closed) => break,
                },
                _ = tick.tick() => self.expire().await,
            }
            self.dispatch().await;
        }
        self.cancel.cancel();
        self.tracker.close();
        if tokio::time::timeout(Duration::from_secs(5), self.tracker.wait()).await.is_err() {
            tracing::warn!("relays did not end within 5 s of the stop");
        }
    }

    fn sessions(&self) -> Vec<EdgeSession> {
        self.shared.link.get().map(agentos_link::HubLinkHandle::sessions).unwrap_or_default()
    }

    fn take_up_all(&self) {
        for session in self.sessions() {
            self.take_up(&session);
        }
    }

    /// Follows the runs that an edge brought along with its new session.
    fn take_up(&self, session: &EdgeSession) {
        for held in &session.attempts {
            let Some(lease) = lease_of(held) else { continue };
            self.spawn_relay(session.clone(), lease);
        }
    }

    async fn expire(&self) {
        match self.shared.store.expire_leases(self.shared.clock.now()).await {
            Ok(tasks) => {
                if !tasks.is_empty() {
                    tracing::info!(
                        tasks = tasks.len(),
                        "leases expired; the tasks are queued again"
                    );
                }
                self.shared.publish_requeued(&tasks);
            }
            Err(error) => tracing::warn!(%error, "could not look for expired leases"),
        }
        self.shared.events.sweep();
    }

    /// Gives waiting tasks to edges that have room.
    async fn dispatch(&self) {
        for session in self.sessions() {
            while self.has_room(&session) {
                match self.claim(&session).await {
                    Ok(Some(claimed)) => self.hand_over(session.clone(), claimed),
                    Ok(None) => return,
                    Err(error) => {
                        tracing::warn!(%error, code = error.code(), "could not lease a task");
                        return;
                    }
                }
            }
        }
    }

    fn has_room(&self, session: &EdgeSession) -> bool {
        let active = self.shared.active();
        let held = active.values().filter(|attempt| attempt.edge == session.edge_id).count();
        held < self.shared.config.runs_per_edge && !session.calls().is_closed()
    }

    async fn claim(
        &self,
        session: &EdgeSession,
    ) -> Result<Option<Claimed>, agentos_store::StoreError> {
        let claim = Claim {
            edge: session.edge_id.clone(),
            attempt: AttemptId::generate(),
            now: self.shared.clock.now(),
            ttl: self.shared.config.lease_ttl,
        };
        self.shared.store.claim_next(claim).await
    }

    fn hand_over(&self, session: EdgeSession, claimed: Claimed) {
        let lease = HeldLease {
            task_id: claimed.task.task_id.clone(),
            attempt: claimed.attempt.clone(),
            fence: claimed.fence,
        };
        self.note_active(&session, &lease);
        self.shared.events.publish_status(&claimed.task);
        let (shared, cancel) = (Arc::clone(&self.shared), self.cancel.clone());
        self.tracker.spawn(async move {
            let work = async {
                match execute(&session, &claimed).await {
                    Ok(()) => relay(&shared, &session, &lease).await,
                    Err(error) => give_back(&shared, &lease, &error).await,
                }
            };
            cancel.run_until_cancelled(work).await;
            shared.active().remove(&lease.attempt);
            shared.wake.notify_one();
        });
    }

    fn note_active(&self, session: &EdgeSession, lease: &HeldLease) {
        let attempt = ActiveAttempt { edge: session.edge_id.clone(), lease: lease.clone() };
        self.shared.active().insert(lease.attempt.clone(), attempt);
        self.shared.events.open(&lease.task_id, lease.fence);
    }

    fn spawn_relay(&self, session: EdgeSession, lease: HeldLease) {
        self.note_active(&session, &lease);
        let (shared, cancel) = (Arc::clone(&self.shared), self.cancel.clone());
        self.tracker.spawn(async move {
            cancel.run_until_cancelled(relay(&shared, &session, &lease)).await;
            shared.active().remove(&lease.attempt);
            shared.wake.notify_one();
        });
    }
}

fn lease_of(held: &HeldAttempt) -> Option<HeldLease> {
    Some(HeldLease {
        task_id: held.task_id.parse().ok()?,
        attempt: held.attempt_id.parse().ok()?,
        fence: agentos_domain::Fence(held.fence),
    })
}

/// Hands a run to an edge.
async fn execute(session: &EdgeSession, claimed: &Claimed) -> Result<(), ErrorInfo> {
    let json = |error: serde_json::Error| ErrorInfo::new("encoding", error.to_string());
    let request = ExecuteRequest {
        task_id: claimed.task.task_id.to_string(),
        attempt_id: claimed.attempt.to_string(),
        fence: claimed.fence.0,
        user_input: claimed.task.user_input.clone(),
        agent: serde_json::to_string(&claimed.agent).map_err(json)?,
        first_tool: claimed.first_tool.as_ref().map(ToString::to_string).unwrap_or_default(),
        journal: claimed
            .journal
            .iter()
            .map(serde_json::to_string)
            .collect::<Result<_, _>>()
            .map_err(json)?,
        manifest: serde_json::to_string(&claimed.manifest).map_err(json)?,
        timeout_ms: claimed.agent.timeout_seconds.saturating_mul(1000),
    };
    let call = async {
        ExecutorClient::new(session.calls())
            .execute(request)
            .await
            .map_err(|status| ErrorInfo::new("edge_refused", status.message().to_owned()))
    };
    match tokio::time::timeout(EXECUTE_DEADLINE, call).await {
        Ok(result) => result.map(|_| ()),
        Err(_) => Err(ErrorInfo::new("edge_silent", "the edge did not answer within 10 s")),
    }
}

async fn give_back(shared: &Shared, lease: &HeldLease, error: &ErrorInfo) {
    tracing::warn!(task = %lease.task_id, code = error.code, message = error.message,
        "the edge did not take the run; it is queued again");
    // Do not offer the same run to the same edge in a tight loop.
    tokio::time::sleep(REFUSAL_PAUSE).await;
    match shared.store.release(lease, shared.clock.now()).await {
        Ok(Some(task)) => shared.publish_requeued(&[task]),
        Ok(None) => {}
        Err(error) => tracing::warn!(%error, "could not give a lease back; it will expire"),
    }
}
