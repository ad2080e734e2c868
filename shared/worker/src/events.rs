//! The live events of one attempt, kept until a durable step supersedes them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use agentos_proto::v1::RunEvent;
use agentos_proto::v1::run_event::Event;
use futures::Stream;
use tokio::sync::Notify;

/// The most events kept; beyond it the oldest are dropped.
const KEPT_EVENTS: usize = 65_536;

#[derive(Default)]
struct Log {
    events: VecDeque<RunEvent>,
    /// The place of the newest event.
    last: u64,
    /// Entries of the journal that are durable.
    durable: u64,
    /// No event follows.
    ended: bool,
}

/// A log that one run writes and the hub reads, again from anywhere it likes.
pub(crate) struct EventLog {
    log: Mutex<Log>,
    /// Wakes readers, in the order in which they came.
    more: Notify,
}

impl EventLog {
    /// One whose events are numbered after `last`: those who saw events of an
    /// earlier process of this edge must not take these for old.
    pub(crate) fn new(durable: u64, last: u64) -> Self {
        let log = Log { durable, last, ..Log::default() };
        Self { log: Mutex::new(log), more: Notify::new() }
    }

    fn lock(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn push(&self, event: Event) {
        {
            let mut log = self.lock();
            log.last += 1;
            let (seq, after_step) = (log.last, log.durable);
            log.events.push_back(RunEvent { seq, after_step, event: Some(event) });
            if log.events.len() > KEPT_EVENTS {
                log.events.pop_front();
            }
        }
        self.more.notify_waiters();
    }

    /// Notes that the journal's first `durable` entries are safe at the hub.
    pub(crate) fn superseded(&self, durable: u64) {
        let mut log = self.lock();
        log.durable = durable;
        log.events.retain(|event| event.after_step >= durable);
    }

    /// No event follows; readers end when they have read all.
    pub(crate) fn end(&self) {
        self.lock().ended = true;
        self.more.notify_waiters();
    }

    /// The oldest kept event at or after `seq`, and whether that was the end.
    fn at(&self, seq: u64) -> (Option<RunEvent>, bool) {
        let log = self.lock();
        let index = log.events.partition_point(|event| event.seq < seq);
        (log.events.get(index).cloned(), log.ended)
    }

    /// All events from `seq` on, as they come.
    pub(crate) fn read(self: Arc<Self>, seq: u64) -> impl Stream<Item = RunEvent> + Send + 'static {
        futures::stream::unfold((self, seq), |(log, seq)| async move {
            let event = log.next(seq).await?;
            let next = event.seq + 1;
            Some((event, (log, next)))
        })
    }

    /// Waits for the oldest kept event at or after `seq`; `None` after the end.
    async fn next(&self, seq: u64) -> Option<RunEvent> {
        loop {
            let mut more = std::pin::pin!(self.more.notified());
            more.as_mut().enable();
            match self.at(seq) {
                (Some(event), _) => return Some(event),
                (None, true) => return None,
                (None, false) => more.await,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use agentos_proto::v1::TokenEvent;
    use futures::StreamExt;

    use super::*;

    fn token(text: &str) -> Event {
        Event::Token(TokenEvent { text: text.into(), logprob: 0.0 })
    }

    #[tokio::test]
    async fn a_reader_gets_every_event_once_and_then_the_end() {
        let log = Arc::new(EventLog::new(0, 0));
        log.push(token("a"));
        let reader = Arc::clone(&log).read(1);
        log.push(token("b"));
        log.push(token("c"));
        log.end();
        let seen: Vec<_> = reader.map(|event| event.seq).collect().await;
        assert_eq!(seen, [1, 2, 3]);
        let again: Vec<_> = log.read(3).map(|event| event.seq).collect().await;
        assert_eq!(again, [3]);
    }

    #[tokio::test]
    async fn events_before_a_durable_step_are_forgotten() {
        let log = Arc::new(EventLog::new(0, 0));
        log.push(token("old"));
        log.superseded(1);
        log.push(token("new"));
        log.end();
        let seen: Vec<_> = log.read(1).collect().await;
        assert_eq!(seen.len(), 1);
        assert_eq!((seen[0].seq, seen[0].after_step), (2, 1));
    }
}
