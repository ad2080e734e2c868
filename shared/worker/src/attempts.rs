//! The attempts that this edge holds.

use std::collections::{BTreeMap, VecDeque};
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

/// How many attempts that have ended are remembered.
const REMEMBERED: usize = 4096;

/// All of them, by id.
#[derive(Default)]
pub(crate) struct Attempts {
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    held: BTreeMap<String, Arc<Attempt>>,
    /// Those that were here: a message that comes late must not begin one again.
    ended: VecDeque<String>,
}

impl Known {
    fn end(&mut self, id: String) {
        if self.ended.len() == REMEMBERED {
            self.ended.pop_front();
        }
        self.ended.push_back(id);
    }
}

impl Attempts {
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes an attempt; `false` if it is held already, or has ended.
    pub(crate) fn insert(&self, attempt: &Arc<Attempt>) -> bool {
        let mut known = self.lock();
        let id = attempt.id.to_string();
        if known.held.contains_key(&id) || known.ended.contains(&id) {
            return false;
        }
        known.held.insert(id, Arc::clone(attempt));
        true
    }

    pub(crate) fn get(&self, id: &str) -> Option<Arc<Attempt>> {
        self.lock().held.get(id).cloned()
    }

    /// Stops an attempt. One that is not here will not begin here.
    pub(crate) fn cancel(&self, id: &str) {
        let mut known = self.lock();
        match known.held.get(id) {
            Some(attempt) => attempt.cancel.cancel(),
            None => known.end(id.to_owned()),
        }
    }

    pub(crate) fn remove(&self, id: &AttemptId) {
        let (mut known, id) = (self.lock(), id.to_string());
        known.held.remove(&id);
        known.end(id);
    }

    pub(crate) fn held(&self) -> Vec<HeldAttempt> {
        self.lock().held.values().map(|attempt| attempt.held()).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().held.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt() -> Arc<Attempt> {
        Arc::new(Attempt {
            task: TaskId::generate(),
            id: AttemptId::generate(),
            fence: Fence(1),
            events: Arc::new(EventLog::new(0, 0)),
            cancel: CancellationToken::new(),
        })
    }

    #[test]
    fn an_attempt_that_has_ended_does_not_begin_again() {
        let (attempts, attempt, other) = (Attempts::default(), attempt(), attempt());
        assert!(attempts.insert(&attempt));
        assert!(!attempts.insert(&attempt), "it is held");
        attempts.remove(&attempt.id);
        assert!(!attempts.insert(&attempt), "it has ended");
        attempts.cancel(&other.id.to_string());
        assert!(!attempts.insert(&other), "its end came before it");
    }
}
