//! The attempts that this edge holds.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use agentos_domain::{AttemptId, Fence, TaskId};
use agentos_proto::v1::HeldAttempt;
use tokio_util::sync::CancellationToken;

use crate::events::EventLog;

/// One attempt at a task.
pub(crate) struct Attempt {
    pub(crate) task: TaskId,
    pub(crate) id: AttemptId,
    pub(crate) fence: Fence,
    pub(crate) events: Arc<EventLog>,
    /// Stops the model, the tool and the reports.
    pub(crate) cancel: CancellationToken,
}

impl Attempt {
    pub(crate) fn held(&self) -> HeldAttempt {
        HeldAttempt {
            attempt_id: self.id.to_string(),
            task_id: self.task.to_string(),
            fence: self.fence.0,
        }
    }
}

/// All of them, by id.
#[derive(Default)]
pub(crate) struct Attempts {
    held: Mutex<BTreeMap<String, Arc<Attempt>>>,
}

impl Attempts {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Attempt>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes an attempt; `false` if it is held already.
    pub(crate) fn insert(&self, attempt: &Arc<Attempt>) -> bool {
        let mut held = self.lock();
        let id = attempt.id.to_string();
        if held.contains_key(&id) {
            return false;
        }
        held.insert(id, Arc::clone(attempt));
        true
    }

    pub(crate) fn get(&self, id: &str) -> Option<Arc<Attempt>> {
        self.lock().get(id).cloned()
    }

    pub(crate) fn remove(&self, id: &AttemptId) {
        self.lock().remove(&id.to_string());
    }

    pub(crate) fn held(&self) -> Vec<HeldAttempt> {
        self.lock().values().map(|attempt| attempt.held()).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }
}
