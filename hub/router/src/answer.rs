//! An answer on its way to whoever asked.
//!
//! Whoever asked drives the work on it: an answer that is waited for costs no
//! task of its own. What is left to do when the answer is dropped, such as
//! settling what it cost, is done by the router.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use agentos_domain::NanoUsd;
use agentos_tiering::Decision;
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

use crate::cache::Kept;
use crate::event::{Answering, ChatEvent, Ending};
use crate::meter::Bill;

/// What has to be done for an answer.
pub(crate) type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// An answer on its way. Dropping it ends the calls of models.
pub struct Answer {
    events: mpsc::Receiver<ChatEvent>,
    first: Option<ChatEvent>,
    decision: Option<Decision>,
    /// None where nothing is left to do.
    work: Option<Work>,
    /// Does what is left when this is dropped.
    rest: TaskTracker,
}

impl Answer {
    /// The answer whose events `work` sends.
    pub(crate) fn new(work: Work, events: mpsc::Receiver<ChatEvent>, rest: TaskTracker) -> Self {
        Self { events, first: None, decision: None, work: Some(work), rest }
    }

    /// The same with how the tier was decided.
    pub(crate) fn decided(mut self, decision: Option<Decision>) -> Self {
        self.decision = decision;
        self
    }

    /// The same with an event that was taken from it, as if it had not been.
    pub(crate) fn beginning(mut self, event: ChatEvent) -> Self {
        self.first = Some(event);
        self
    }

    /// How the tier was decided, where it was.
    #[must_use]
    pub fn decision(&self) -> Option<&Decision> {
        self.decision.as_ref()
    }

    /// What happens next; none after the end.
    pub async fn next(&mut self) -> Option<ChatEvent> {
        match self.first.take() {
            Some(event) => Some(event),
            None => poll_fn(|context| self.poll_event(context)).await,
        }
    }

    fn poll_event(&mut self, context: &mut Context<'_>) -> Poll<Option<ChatEvent>> {
        if let Poll::Ready(event) = self.events.poll_recv(context) {
            return Poll::Ready(event);
        }
        let Some(work) = &mut self.work else { return Poll::Pending };
        if work.as_mut().poll(context).is_ready() {
            self.work = None;
        }
        self.events.poll_recv(context)
    }

    /// What has happened already; none where nothing has, and after the end.
    pub fn try_next(&mut self) -> Option<ChatEvent> {
        match self.first.take() {
            Some(event) => Some(event),
            None => self.events.try_recv().ok(),
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        if let Some(work) = self.work.take() {
            // It finds that nobody listens any more, and settles.
            self.events.close();
            self.rest.spawn(work);
        }
    }
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer").field("decision", &self.decision).finish_non_exhaustive()
    }
}

/// An earlier answer, as if it came now. It costs nothing.
pub(crate) fn replay(kept: &Kept) -> Answer {
    let (sender, events) = mpsc::channel(kept.deltas.len() + 2);
    let answering = Answering { cached: true, ..kept.answering.clone() };
    let bill = Bill { cost: NanoUsd(0), estimated: false, ..kept.ending.bill };
    let ending = Ending { bill, ..kept.ending.clone() };
    let deltas = kept.deltas.iter().cloned().map(ChatEvent::Delta);
    let events_of_it = std::iter::once(ChatEvent::Begin(answering))
        .chain(deltas)
        .chain(std::iter::once(ChatEvent::End(ending)));
    for event in events_of_it {
        // There is room for all of them.
        let _ = sender.try_send(event);
    }
    Answer { events, first: None, decision: None, work: None, rest: TaskTracker::new() }
}
