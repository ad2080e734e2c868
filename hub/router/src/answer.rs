//! An answer on its way to whoever asked.

use agentos_domain::NanoUsd;
use agentos_tiering::Decision;
use tokio::sync::mpsc;

use crate::cache::Kept;
use crate::event::{Answering, ChatEvent, Ending};
use crate::meter::Bill;

/// An answer on its way. Dropping it ends the calls of models.
#[derive(Debug)]
pub struct Answer {
    pub(crate) events: mpsc::Receiver<ChatEvent>,
    pub(crate) first: Option<ChatEvent>,
    pub(crate) decision: Option<Decision>,
}

impl Answer {
    /// How the tier was decided, where it was.
    #[must_use]
    pub fn decision(&self) -> Option<&Decision> {
        self.decision.as_ref()
    }

    /// What happens next; none after the end.
    pub async fn next(&mut self) -> Option<ChatEvent> {
        match self.first.take() {
            Some(event) => Some(event),
            None => self.events.recv().await,
        }
    }

    /// What has happened already; none where nothing has, and after the end.
    pub fn try_next(&mut self) -> Option<ChatEvent> {
        match self.first.take() {
            Some(event) => Some(event),
            None => self.events.try_recv().ok(),
        }
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
    Answer { events, first: None, decision: None }
}
