//! One call to one deployment, with its four limits of time.
//!
//! ```text
//!   ask ──► headers ──► first content ──► … ──► finish ──► usage ──► end
//!   └──────── first ─────────┘ └─ idle ─┘          └─ USAGE ─┘
//!   └───────────────────────── total ──────────────────┘
//! ```
//! Connecting has its own limit, in the client. Pings and empty pieces are no
//! content: a provider that only says that it lives has to answer all the same.

use std::sync::Arc;
use std::time::Duration;

use agentos_domain::Clock;
use futures::StreamExt as _;
use tokio::sync::mpsc;

use crate::confidence::{Calibrations, Mean};
use crate::config::Timeouts;
use crate::deployment::Probe;
use crate::error::{CallError, ErrorKind};
use crate::event::{Answering, ChatEvent};
use crate::meter::Consumed;
use crate::piece::{Delta, Piece, Pieces};
use crate::providers::{Call, Provider};

/// How long to wait, after the end of an answer, to be told what it consumed.
const USAGE: Duration = Duration::from_secs(5);
/// The most text that is held back, in bytes.
const MAX_HELD: u64 = 64 * 1024 * 1024;

/// How a call ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// With a whole answer, for this reason.
    Finished(String),
    /// With an error.
    Failed(CallError),
    /// Whoever asked went away.
    Gone,
}

/// One call while it is made.
pub(crate) struct Attempt<'a> {
    pub(crate) clock: &'a dyn Clock,
    pub(crate) timeouts: Timeouts,
    /// Told when content arrives, before it does.
    pub(crate) answering: Answering,
    /// Nothing is handed on before the end.
    pub(crate) hold: bool,
    /// Nor is the answer of a model that is in here: it may not be sure enough.
    pub(crate) measured: Option<Arc<Calibrations>>,
    /// Who is told that content arrives.
    pub(crate) probe: Probe,
    /// What is handed on is kept besides.
    pub(crate) record: bool,
    /// Whether the tokens' probabilities go to whoever asked.
    pub(crate) show_logprobs: bool,
    pub(crate) events: &'a mpsc::Sender<ChatEvent>,
    /// What the answer consumed.
    pub(crate) consumed: Consumed,
    /// When its content began, since the attempt did.
    pub(crate) first: Option<Duration>,
    /// What was held back or kept.
    pub(crate) held: Vec<Delta>,
    /// Whether the last that came is what was consumed.
    pub(crate) fresh: bool,
    /// Text that was handed on.
    pub(crate) said: String,
    /// Whether anything else than text was.
    pub(crate) said_more: bool,
    pub(crate) mean: Mean,
}

impl Attempt<'_> {
    /// Whether nothing is handed on before the end.
    fn holds(&self) -> bool {
        let measured = self.measured.as_ref();
        self.hold || measured.is_some_and(|all| all.contains_key(&self.answering.model))
    }

    /// Makes the call.
    pub(crate) async fn run(&mut self, provider: &dyn Provider, call: Call<'_>) -> Ended {
        let began = self.clock.monotonic();
        let Timeouts { first, total, .. } = self.timeouts;
        // What comes whole begins only when it ends.
        self.consumed.whole = !call.streamed && provider.answers_whole();
        let limit = if self.consumed.whole { total } else { first.min(total) };
        let beginning = tokio::time::timeout(limit, provider.chat(call));
        let pieces = tokio::select! {
            biased;
            pieces = beginning => pieces,
            () = self.events.closed() => return Ended::Gone,
        };
        match pieces {
            Ok(Ok(pieces)) => {
                self.consumed.whole = false;
                self.read(pieces, began).await
            }
            Ok(Err(error)) => Ended::Failed(error),
            Err(_) => Ended::Failed(too_late("it did not begin to answer", limit)),
        }
    }

    async fn read(&mut self, mut pieces: Pieces, began: Duration) -> Ended {
        let mut finish: Option<String> = None;
        loop {
            let elapsed = self.clock.monotonic().saturating_sub(began);
            let limit = self.limit(elapsed, finish.is_some());
            let next = tokio::select! {
                biased;
                next = tokio::time::timeout(limit, pieces.next()) => next,
                () = self.events.closed(), if finish.is_none() => return Ended::Gone,
            };
            let piece = match (next, finish.take()) {
                (Ok(Some(Ok(piece))), before) => {
                    finish = before;
                    piece
                }
                (Ok(None), Some(reason)) => return Ended::Finished(reason),
                (Ok(None), None) => {
                    let message = "the answer ended before it was complete";
                    return Ended::Failed(CallError::new(ErrorKind::Broken, message));
                }
                // The answer is there; what it consumed will be estimated.
                (_, Some(reason)) => return Ended::Finished(reason),
                (Ok(Some(Err(error))), None) => return Ended::Failed(error),
                (Err(_), None) => return Ended::Failed(self.stalled(limit)),
            };
            match piece {
                Piece::Model(model) => {
                    model.clone_into(&mut self.answering.model);
                    self.consumed.model = Some(model);
                }
                Piece::Mean(mean) => self.mean.tell(mean),
                Piece::Usage(metered) => {
                    self.consumed.told = Some(metered);
                    self.consumed.complete = finish.is_some();
                    self.fresh = true;
                }
                Piece::Finish(reason) => {
                    // Some say what was consumed in the same breath, but before.
                    self.consumed.complete = self.fresh;
                    finish = Some(reason);
                }
                Piece::Delta(delta) => {
                    self.fresh = false;
                    if let Some(ended) = self.take(delta, began).await {
                        return ended;
                    }
                }
            }
        }
    }

    /// How long the next piece may take.
    fn limit(&self, elapsed: Duration, finished: bool) -> Duration {
        let Timeouts { first, idle, total } = self.timeouts;
        let next = match (finished, self.first) {
            (true, _) => return USAGE,
            (false, None) => first.saturating_sub(elapsed),
            (false, Some(_)) => idle,
        };
        next.min(total.saturating_sub(elapsed))
    }

    fn stalled(&self, limit: Duration) -> CallError {
        if self.first.is_none() {
            return too_late("it did not begin to answer", self.timeouts.first);
        }
        if limit < self.timeouts.idle {
            return too_late("it did not end its answer", self.timeouts.total);
        }
        too_late("it said nothing more", self.timeouts.idle)
    }

    /// Takes a piece of the answer.
    async fn take(&mut self, mut delta: Delta, began: Duration) -> Option<Ended> {
        self.mean.add(delta.logprobs.as_ref());
        if !self.show_logprobs {
            delta.logprobs = None;
        }
        if !delta.is_content() && delta.logprobs.is_none() {
            return None;
        }
        self.consumed.bytes += delta.bytes();
        self.consumed.pieces += 1;
        let is_first = self.first.is_none();
        if is_first {
            self.first = Some(self.clock.monotonic().saturating_sub(began));
            self.probe.alive();
        }
        if self.holds() {
            if self.consumed.bytes > MAX_HELD {
                let message = "the answer is larger than what can be held back";
                return Some(Ended::Failed(CallError::new(ErrorKind::Protocol, message)));
            }
            self.held.push(delta);
            return None;
        }
        if is_first && !self.send(ChatEvent::Begin(self.answering.clone())).await {
            return Some(Ended::Gone);
        }
        self.note(&delta);
        if self.record {
            self.held.push(delta.clone());
        }
        if self.consumed.bytes > MAX_HELD {
            // A part of it would be given again as if it were the whole.
            self.record = false;
            self.held = Vec::new();
        }
        if self.send(ChatEvent::Delta(delta)).await { None } else { Some(Ended::Gone) }
    }

    fn note(&mut self, delta: &Delta) {
        self.said.push_str(delta.content.as_deref().unwrap_or_default());
        self.said_more |= !delta.tool_calls.is_empty() || !delta.extra.is_empty();
    }

    /// Hands on what was held back. False where nobody is there any more.
    pub(crate) async fn release(&mut self) -> bool {
        if !self.holds() && self.first.is_some() {
            return true;
        }
        if !self.send(ChatEvent::Begin(self.answering.clone())).await {
            return false;
        }
        for delta in std::mem::take(&mut self.held) {
            if !self.send(ChatEvent::Delta(delta)).await {
                return false;
            }
        }
        true
    }

    async fn send(&self, event: ChatEvent) -> bool {
        self.events.send(event).await.is_ok()
    }
}

fn too_late(what: &str, limit: Duration) -> CallError {
    let message = format!("{what} within {} s", limit.as_secs_f32());
    CallError::new(ErrorKind::Timeout, message)
}
