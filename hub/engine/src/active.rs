//! Which attempts are on which edge, as far as this process knows. The store
//! has the leases; this counts room and keeps live channels open.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use agentos_domain::{AttemptId, EdgeId, SessionEpoch, TaskId};
use agentos_link::EdgeSession;
use agentos_store::HeldLease;

struct Active {
    edge: EdgeId,
    task: TaskId,
    /// The session through which it is followed.
    epoch: SessionEpoch,
}

/// The attempts that edges work on.
#[derive(Default)]
pub(crate) struct ActiveAttempts {
    attempts: Mutex<BTreeMap<AttemptId, Active>>,
}

impl ActiveAttempts {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<AttemptId, Active>> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes an attempt; a newer session takes it over from an older one.
    pub(crate) fn note(&self, session: &EdgeSession, lease: &HeldLease) {
        let active = Active {
            edge: session.edge_id.clone(),
            task: lease.task_id.clone(),
            epoch: session.epoch,
        };
        self.lock().insert(lease.attempt.clone(), active);
    }

    /// Forgets an attempt, unless a newer session has taken it over.
    pub(crate) fn forget(&self, attempt: &AttemptId, epoch: SessionEpoch) {
        let mut attempts = self.lock();
        if attempts.get(attempt).is_some_and(|active| active.epoch == epoch) {
            attempts.remove(attempt);
        }
    }

    /// Forgets an attempt whose run has ended or waits: it takes no room.
    pub(crate) fn end(&self, attempt: &AttemptId) {
        self.lock().remove(attempt);
    }

    /// Whether an attempt is on an edge.
    pub(crate) fn has(&self, attempt: &AttemptId) -> bool {
        self.lock().contains_key(attempt)
    }

    /// How many attempts an edge holds.
    pub(crate) fn on_edge(&self, edge: &EdgeId) -> usize {
        self.lock().values().filter(|active| active.edge == *edge).count()
    }

    /// The tasks that are worked on.
    pub(crate) fn tasks(&self) -> Vec<TaskId> {
        self.lock().values().map(|active| active.task.clone()).collect()
    }
}
