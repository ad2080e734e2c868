//! Leases tasks to edges, and takes back the leases of those that are lost.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use agentos_domain::{AttemptId, Classified, Privacy, SessionEpoch, Timestamp};
use agentos_link::{EdgeSession, LinkEvent};
use agentos_store::{Claim, ClaimLimits, Claimed, HeldLease, Placement, StoreError};
use agentos_telemetry::{join_trace, names};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

use crate::engine::Shared;
use crate::handover::{follow_to_end, hand_over};
use crate::service::lease_of;

/// A pass that comes later than this many ticks after the one before means
/// that the hub itself was away.
const LATE_TICKS: u32 = 4;

pub(crate) struct Dispatcher {
    shared: Arc<Shared>,
    link_events: broadcast::Receiver<LinkEvent>,
    /// Owns the runs that are being handed over and the relays.
    tracker: TaskTracker,
    cancel: CancellationToken,
    /// Sessions whose runs are followed.
    taken_up: HashSet<SessionEpoch>,
    /// The clocks at the end of the last look at the leases.
    looked: (Timestamp, Duration),
    /// When an edge was last there that takes runs, by the clock that never
    /// goes back.
    edge_seen: Duration,
}

/// What came of offering tasks through a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Offered {
    /// It has taken what it can.
    Full,
    /// There is nothing more for it.
    AllTaken,
    /// It takes no runs.
    Shut,
}

impl Dispatcher {
    pub(crate) fn new(shared: Arc<Shared>, link_events: broadcast::Receiver<LinkEvent>) -> Self {
        let looked = (shared.clock.now(), shared.clock.monotonic());
        Self {
            shared,
            link_events,
            tracker: TaskTracker::new(),
            cancel: CancellationToken::new(),
            taken_up: HashSet::new(),
            looked,
            edge_seen: looked.1,
        }
    }

    pub(crate) async fn run(mut self, cancel: CancellationToken) {
        let _stop_children = self.cancel.clone().drop_guard();
        let mut tick = tokio::time::interval(self.shared.config.tick);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = cancel.cancelled() => break,
                _ = tick.tick() => self.look_at_leases().await,
                event = self.link_events.recv() => match event {
                    Ok(LinkEvent::Down { epoch, .. }) => {
                        self.taken_up.remove(&epoch);
                        self.shared.stopping().remove(&epoch);
                    }
                    Ok(LinkEvent::Up(_)) | Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => break,
                },
                () = self.shared.wake.notified() => {}
            }
            self.dispatch().await;
        }
        self.cancel.cancel();
        self.tracker.close();
        if tokio::time::timeout(Duration::from_secs(5), self.tracker.wait()).await.is_err() {
            tracing::warn!("relays did not end within 5 s of the stop");
        }
    }

    /// Follows the runs that an edge brought along with its session: those of
    /// which it really holds the lease.
    async fn take_up(&mut self, session: &EdgeSession) -> Result<(), StoreError> {
        if self.taken_up.contains(&session.epoch) {
            return Ok(());
        }
        let held: Vec<_> = session.attempts.iter().filter_map(|held| lease_of(held).ok()).collect();
        if !held.is_empty() {
            let (now, ttl) = (self.shared.clock.now(), self.shared.config.lease_ttl);
            let lost = self.shared.store.renew(&session.edge_id, &held, now, ttl).await?;
            agentos_faults::crash_point("hub.take_up.renewed");
            for lease in held.into_iter().filter(|lease| !lost.contains(&lease.attempt)) {
                self.note(session, &lease);
                let (shared, session) = (Arc::clone(&self.shared), session.clone());
                let cancel = self.cancel.clone();
                self.tracker.spawn(async move {
                    let follow = follow_to_end(&shared, &session, &lease);
                    cancel.run_until_cancelled(follow).await;
                    shared.active.forget(&lease.attempt, session.epoch);
                    shared.wake.notify_one();
                });
            }
        }
        self.taken_up.insert(session.epoch);
        Ok(())
    }

    fn note(&self, session: &EdgeSession, lease: &HeldLease) {
        self.shared.active.note(session, lease);
        self.shared.events.open(&lease.task_id, lease.fence);
    }

    /// Takes leases back whose time is over. Where the hub itself was away (it
    /// slept, or its disk stood still), nobody could renew: then all leases
    /// last once more.
    async fn look_at_leases(&mut self) {
        let (now, monotonic) = (self.shared.clock.now(), self.shared.clock.monotonic());
        let away = now.since(self.looked.0).max(monotonic.saturating_sub(self.looked.1));
        let result = if away > self.shared.config.tick * LATE_TICKS {
            tracing::warn!(seconds = away.as_secs_f32(), "the hub was away; leases last once more");
            self.shared.store.extend_all_leases(now, self.shared.config.lease_ttl).await.map(|_| ())
        } else {
            self.shared.store.expire_leases(now).await.map(|tasks| {
                if !tasks.is_empty() {
                    agentos_faults::crash_point("hub.leases.expired");
                    tracing::info!(tasks = tasks.len(), "leases expired; their edges are lost");
                }
                self.shared.publish_requeued(&tasks);
            })
        };
        if let Err(error) = result {
            tracing::warn!(%error, "could not look at the leases");
        }
        if let Err(error) = self.shared.expire_proposals().await {
            tracing::warn!(%error, "could not look at the proposals");
        }
        self.shared.events.sweep(&self.shared.active.tasks());
        self.looked = (self.shared.clock.now(), self.shared.clock.monotonic());
    }

    /// Gives waiting tasks to edges that have room, and where there is no edge
    /// to the hub's own executor.
    async fn dispatch(&mut self) {
        let sessions = self.shared.link.get().map(|link| link.sessions()).unwrap_or_default();
        let (own, edges): (Vec<_>, Vec<_>) =
            sessions.into_iter().partition(|session| self.shared.is_own(session));
        let mut edge_is_there = false;
        for session in edges {
            match self.offer(&session, &Placement::Edge).await {
                Ok(Offered::Shut) => {}
                Ok(Offered::Full | Offered::AllTaken) => edge_is_there = true,
                Err(error) => {
                    tracing::warn!(%error, code = error.code(), "could not lease a task");
                    edge_is_there = true;
                }
            }
        }
        let now = self.shared.clock.monotonic();
        if edge_is_there {
            self.edge_seen = now;
        }
        for session in own {
            let offered = match self.elsewhere(now) {
                Some(placement) => self.offer(&session, &placement).await,
                None => self.take_up(&session).await.map(|()| Offered::Shut),
            };
            if let Err(error) = offered {
                tracing::warn!(%error, code = error.code(), "the hub could not take a task itself");
            }
        }
    }

    /// What the hub may work on itself; nothing while there are edges, or where
    /// no model would answer.
    fn elsewhere(&self, now: Duration) -> Option<Placement> {
        if now.saturating_sub(self.edge_seen) < self.shared.config.elsewhere_after {
            return None;
        }
        let models = self.shared.models.get()?;
        let any = models.without_edges(Privacy::Any);
        let local_only = models.without_edges(Privacy::LocalOnly);
        (!any.is_empty()).then_some(Placement::Hub { any, local_only })
    }

    /// Gives waiting tasks to one executor, as long as it has room.
    async fn offer(
        &mut self,
        session: &EdgeSession,
        placement: &Placement,
    ) -> Result<Offered, StoreError> {
        self.take_up(session).await?;
        if session.calls().is_closed() || self.shared.stopping().contains(&session.epoch) {
            return Ok(Offered::Shut);
        }
        while self.has_room(session) {
            match self.claim(session, placement).await {
                Ok(Some(claimed)) => self.start(session.clone(), claimed),
                Ok(None) => return Ok(Offered::AllTaken),
                Err(
                    error @ (StoreError::EdgeRevoked { .. } | StoreError::SessionReplaced { .. }),
                ) => {
                    tracing::info!(%error, "no task through this session");
                    return Ok(Offered::Shut);
                }
                Err(StoreError::EdgeDraining { .. }) => return Ok(Offered::Shut),
                Err(error) => return Err(error),
            }
        }
        Ok(Offered::Full)
    }

    fn has_room(&self, session: &EdgeSession) -> bool {
        let config = &self.shared.config;
        let most =
            if self.shared.is_own(session) { config.runs_on_hub } else { config.runs_per_edge };
        self.shared.active.on_edge(&session.edge_id) < most
    }

    async fn claim(
        &self,
        session: &EdgeSession,
        placement: &Placement,
    ) -> Result<Option<Claimed>, StoreError> {
        let claim = Claim {
            edge: session.edge_id.clone(),
            epoch: session.epoch,
            attempt: AttemptId::generate(),
            now: self.shared.clock.now(),
            ttl: self.shared.config.lease_ttl,
            limits: ClaimLimits {
                runs_per_workspace: self.shared.config.runs_per_workspace,
                runs_per_tier: self.shared.config.runs_per_tier.clone(),
            },
            placement: placement.clone(),
        };
        self.shared.store.claim_next(claim).await
    }

    fn start(&self, session: EdgeSession, claimed: Claimed) {
        let lease = HeldLease {
            task_id: claimed.task.task_id.clone(),
            attempt: claimed.attempt.clone(),
            fence: claimed.fence,
        };
        self.note(&session, &lease);
        self.shared.events.publish_status(&claimed.task);
        let span = run_span(&claimed);
        let tier = claimed.agent.model_tier;
        self.shared.metrics.leased(&claimed.task.task_id, tier);
        agentos_faults::crash_point("hub.claim.done");
        let (shared, cancel) = (Arc::clone(&self.shared), self.cancel.clone());
        let run = async move {
            cancel.run_until_cancelled(hand_over(&shared, &session, &claimed, &lease)).await;
            shared.active.forget(&lease.attempt, session.epoch);
            shared.wake.notify_one();
        };
        self.tracker.spawn(run.instrument(span));
    }
}

/// What the log lines of a run carry.
fn run_span(claimed: &Claimed) -> tracing::Span {
    let request = claimed.request_id.as_ref();
    let span = tracing::info_span!(
        "run",
        { names::REQUEST_ID } = request.map(display),
        { names::TASK } = display(&claimed.task.task_id),
        { names::ATTEMPT } = display(&claimed.attempt),
    );
    if let Some(request) = request {
        join_trace(&span, request);
    }
    span
}
