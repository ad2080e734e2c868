//! Live events of tasks, from those who cause them to those who watch.
//!
//! A channel exists from a task's first lease, or its first watcher, to its
//! end. It remembers the live events since the last step, so that a watcher who
//! comes late, or comes back, is given the text of the model call in progress.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use agentos_domain::{Fence, Step, Task, TaskId};
use tokio::sync::broadcast;

use crate::types::{EventId, LiveEvent, LiveKind};

/// Events that a slow watcher may be behind before it has to read again.
const CHANNEL_CAPACITY: usize = 1024;
/// The most live events kept between two steps.
const KEPT_EVENTS: usize = 65_536;

struct Channel {
    sender: broadcast::Sender<LiveEvent>,
    /// Steps that are durable.
    seq: u64,
    fence: Fence,
    /// The place of the newest live event of this fence.
    index: u64,
    /// Live events since the last step.
    live: Vec<LiveEvent>,
}

/// The live events of all tasks.
#[derive(Default)]
pub(crate) struct Events {
    channels: Mutex<HashMap<TaskId, Channel>>,
}

impl Events {
    fn lock(&self) -> MutexGuard<'_, HashMap<TaskId, Channel>> {
        // A panic elsewhere cannot leave the map half changed.
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Follows a task from now on.
    pub(crate) fn subscribe(&self, task: &TaskId) -> broadcast::Receiver<LiveEvent> {
        channel(&mut self.lock(), task).sender.subscribe()
    }

    /// The live events since the task's last step.
    pub(crate) fn live(&self, task: &TaskId) -> Vec<LiveEvent> {
        self.lock().get(task).map(|channel| channel.live.clone()).unwrap_or_default()
    }

    /// The place of the newest live event of an attempt, 0 if there is none.
    pub(crate) fn last_index(&self, task: &TaskId, fence: Fence) -> u64 {
        self.lock()
            .get(task)
            .filter(|channel| channel.fence == fence)
            .map_or(0, |channel| channel.index)
    }

    /// Passes on what an executor reports. Events of a lost lease, and those
    /// that a durable step has superseded, are dropped.
    pub(crate) fn publish_live(&self, task: &TaskId, id: EventId, kind: LiveKind) {
        let mut channels = self.lock();
        // No channel: the task has ended, and its stragglers interest nobody.
        let Some(channel) = channels.get_mut(task) else { return };
        if id.fence < channel.fence || (id.fence == channel.fence && id.index <= channel.index) {
            return;
        }
        if id.fence > channel.fence {
            channel.fence = id.fence;
            channel.live.clear();
        }
        channel.index = id.index;
        if id.seq < channel.seq {
            return;
        }
        let event = LiveEvent { id, kind };
        if channel.live.len() < KEPT_EVENTS {
            channel.live.push(event.clone());
        }
        // Nobody watching is no error.
        let _ = channel.sender.send(event);
    }

    /// Begins to keep the live events of a task that an executor works on.
    pub(crate) fn open(&self, task: &TaskId, fence: Fence) {
        let mut channels = self.lock();
        let channel = channel(&mut channels, task);
        if fence > channel.fence {
            channel.fence = fence;
            channel.index = 0;
            channel.live.clear();
        }
    }

    /// Tells that steps became durable.
    pub(crate) fn publish_steps(&self, steps: &[Step]) {
        let mut channels = self.lock();
        for step in steps {
            let Some(channel) = channels.get_mut(&step.task_id) else { continue };
            channel.seq = step.seq;
            channel.live.clear();
            let id = EventId { seq: step.seq, fence: step.fence, index: 0 };
            let _ =
                channel.sender.send(LiveEvent { id, kind: LiveKind::Step(Box::new(step.clone())) });
        }
    }

    /// Tells that a task's status changed. The channel of a task that is final
    /// ends after this.
    pub(crate) fn publish_status(&self, task: &Task) {
        let mut channels = self.lock();
        let Some(channel) = channels.get(&task.task_id) else { return };
        let id = EventId { seq: task.steps, fence: channel.fence, index: channel.index };
        let kind = LiveKind::Status(Box::new(task.clone()));
        let _ = channel.sender.send(LiveEvent { id, kind });
        if task.status.is_final() {
            channels.remove(&task.task_id);
        }
    }

    /// Forgets the channel of a run that has ended or waits, unless somebody
    /// watches or a later lease has taken the run on: a channel is large, and
    /// thousands of runs may wait.
    pub(crate) fn close_unwatched(&self, task: &TaskId, fence: Fence) {
        let mut channels = self.lock();
        let unwatched = |channel: &Channel| channel.sender.receiver_count() == 0;
        if channels.get(task).is_some_and(|channel| channel.fence == fence && unwatched(channel)) {
            channels.remove(task);
        }
    }

    /// Forgets channels of tasks that nobody works on and nobody watches.
    pub(crate) fn sweep(&self, active: &[TaskId]) {
        self.lock()
            .retain(|task, channel| channel.sender.receiver_count() > 0 || active.contains(task));
    }
}

fn channel<'a>(channels: &'a mut HashMap<TaskId, Channel>, task: &TaskId) -> &'a mut Channel {
    channels.entry(task.clone()).or_insert_with(|| Channel {
        sender: broadcast::channel(CHANNEL_CAPACITY).0,
        seq: 0,
        fence: Fence(0),
        index: 0,
        live: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(text: &str) -> LiveKind {
        LiveKind::Token { text: text.into(), logprob: 0.0 }
    }

    fn id(seq: u64, fence: u64, index: u64) -> EventId {
        EventId { seq, fence: Fence(fence), index }
    }

    #[test]
    fn repeated_and_overtaken_events_are_dropped() {
        let events = Events::default();
        let task = TaskId::generate();
        let mut watcher = events.subscribe(&task);
        events.publish_live(&task, id(0, 2, 1), token("a"));
        events.publish_live(&task, id(0, 2, 1), token("a again"));
        events.publish_live(&task, id(0, 1, 9), token("of a lost lease"));
        events.publish_live(&task, id(0, 2, 2), token("b"));
        let seen: Vec<_> = std::iter::from_fn(|| watcher.try_recv().ok()).map(|e| e.kind).collect();
        assert_eq!(seen, [token("a"), token("b")]);
        assert_eq!(events.last_index(&task, Fence(2)), 2);
    }

    #[test]
    fn a_run_that_waits_keeps_a_channel_only_for_those_who_watch() {
        let events = Events::default();
        let [unwatched, watched, taken_on] = std::array::from_fn(|_| TaskId::generate());
        let _watcher = events.subscribe(&watched);
        for task in [&unwatched, &watched, &taken_on] {
            events.open(task, Fence(1));
        }
        events.open(&taken_on, Fence(2));
        for task in [&unwatched, &watched, &taken_on] {
            events.close_unwatched(task, Fence(1));
        }
        let kept = [&unwatched, &watched, &taken_on].map(|task| events.lock().contains_key(task));
        assert_eq!(kept, [false, true, true]);
    }

    #[test]
    fn a_new_lease_voids_the_text_of_the_old() {
        let events = Events::default();
        let task = TaskId::generate();
        events.open(&task, Fence(1));
        events.publish_live(&task, id(0, 1, 1), token("old"));
        events.publish_live(&task, id(0, 2, 1), token("new"));
        let kept: Vec<_> = events.live(&task).into_iter().map(|event| event.kind).collect();
        assert_eq!(kept, [token("new")]);
    }
}
