//! The body of an answer that takes its time or breaks.

use std::convert::Infallible;
use std::future::pending;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures::stream::unfold;

use crate::fault::{Fault, FaultAt, FaultKind};
use crate::recorded::{Ending, Entry};
use crate::render::{Rendered, Shape};
use crate::wire::Wire;

/// A line of data that is no JSON.
const MALFORMED: &[u8] = b"data: {\"broken\": \n\n";

/// Events that are written one by one.
pub(crate) struct Feed {
    events: Arc<[Bytes]>,
    /// Which of the events are chunks of content.
    content: Range<usize>,
    /// The event that comes next.
    next: usize,
    /// Bytes of it that were dripped already.
    dripped: usize,
    /// Between two chunks of content.
    gap: Duration,
    /// Before which event something goes wrong.
    fault: Option<(usize, Mid)>,
    /// Between two bytes, if it drips.
    drip: Option<Duration>,
    entry: Entry,
    wire: Wire,
}

/// What goes wrong within a body.
enum Mid {
    Close,
    Stall,
    /// Says this besides.
    Say(Bytes),
    /// Says this, and ends.
    SayLast(Bytes),
    Drip(Duration),
    End,
}

impl Mid {
    /// None: it cannot happen within a body.
    fn of(kind: &FaultKind, shape: Shape) -> Option<Self> {
        Some(match kind {
            FaultKind::Close => Self::Close,
            FaultKind::Stall => Self::Stall,
            FaultKind::Status(_) => return None,
            FaultKind::ErrorEvent(refusal) => Self::SayLast(refusal.event(shape)),
            FaultKind::MalformedJson => Self::Say(Bytes::from_static(MALFORMED)),
            FaultKind::SlowDrip(pause) => Self::Drip(*pause),
            FaultKind::EndWithoutDone => Self::End,
        })
    }
}

impl Feed {
    /// A stream.
    pub(crate) fn stream(
        rendered: &Rendered,
        (shape, gap): (Shape, Duration),
        fault: Option<&Fault>,
        entry: Entry,
        wire: Wire,
    ) -> Self {
        let content = rendered.content.clone();
        let fault = fault.and_then(|fault| {
            let place = match fault.at {
                FaultAt::BeforeHeaders => 0,
                FaultAt::Chunk(chunk) => content.start.saturating_add(chunk),
            };
            Some((place.min(rendered.events.len()), Mid::of(&fault.kind, shape)?))
        });
        let events = rendered.events.clone();
        Self { events, content, next: 0, dripped: 0, gap, fault, drip: None, entry, wire }
    }

    /// A body that breaks after its first part. `chunks` is how many it would
    /// have if it were streamed.
    pub(crate) fn broken(
        whole: &Bytes,
        chunks: usize,
        fault: &Fault,
        entry: Entry,
        wire: Wire,
    ) -> Self {
        let part = match fault.at {
            FaultAt::BeforeHeaders => 0,
            // Neither nothing nor all of it.
            FaultAt::Chunk(chunk) => (whole.len() * (chunk.min(chunks) + 1)) / (chunks + 2),
        };
        let events = Arc::from([whole.slice(..part), whole.slice(part..)]);
        let mid = match fault.kind {
            // There is no line to add; the JSON breaks off.
            FaultKind::MalformedJson => Some(Mid::End),
            _ => Mid::of(&fault.kind, Shape::Chat),
        };
        let (next, fault) = (0, mid.map(|mid| (1, mid)));
        let (gap, drip) = (Duration::ZERO, None);
        Self { events, content: 0..0, next, dripped: 0, gap, fault, drip, entry, wire }
    }

    pub(crate) fn into_body(self) -> Body {
        Body::from_stream(unfold(self, |feed| async {
            let (bytes, feed) = feed.step().await?;
            Some((Ok::<_, Infallible>(bytes), feed))
        }))
    }

    async fn step(mut self) -> Option<(Bytes, Self)> {
        if let Some((_, mid)) = self.fault.take_if(|(place, _)| *place == self.next) {
            match mid {
                Mid::Close => {
                    self.entry.end(Ending::CutOff);
                    return self.wire.reset().await;
                }
                Mid::Stall => return pending().await,
                Mid::Say(bytes) => {
                    if self.next == self.events.len() {
                        self.entry.end(Ending::Completed);
                    }
                    return Some((bytes, self));
                }
                Mid::SayLast(bytes) => {
                    self.entry.end(Ending::CutOff);
                    self.next = self.events.len();
                    return Some((bytes, self));
                }
                Mid::Drip(pause) => self.drip = Some(pause),
                Mid::End => {
                    // An end before the promised length would discard what is
                    // not written yet.
                    tokio::task::yield_now().await;
                    self.entry.end(Ending::CutOff);
                    return None;
                }
            }
        }
        let event = self.events.get(self.next)?.clone();
        if let Some(pause) = self.drip {
            return Some((self.drop_of(&event, pause).await, self));
        }
        self.pause().await;
        self.advance();
        Some((event, self))
    }

    /// One byte of the event, or all of it where it has none.
    async fn drop_of(&mut self, event: &Bytes, pause: Duration) -> Bytes {
        tokio::time::sleep(pause).await;
        let end = (self.dripped + 1).min(event.len());
        let byte = event.slice(self.dripped.min(end)..end);
        self.dripped = end;
        if end == event.len() {
            self.dripped = 0;
            self.advance();
        }
        byte
    }

    /// Lets what was said before be written alone, and waits for the gap.
    async fn pause(&self) {
        let between = self.content.contains(&self.next) && self.next > self.content.start;
        if between && !self.gap.is_zero() {
            tokio::time::sleep(self.gap).await;
        } else if self.next > 0 {
            tokio::task::yield_now().await;
        }
    }

    fn advance(&mut self) {
        if self.content.contains(&self.next) {
            self.entry.count();
        }
        self.next += 1;
        if self.next == self.events.len() && self.fault.is_none() {
            self.entry.end(Ending::Completed);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::{StreamExt as _, poll};
    use http::HeaderMap;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::asked::Asked;
    use crate::recorded::Ledger;
    use crate::render::{Form, render};
    use crate::script::Script;

    #[tokio::test]
    async fn each_event_is_written_before_the_next_one_is_there() {
        let script = Script::words(50);
        let rendered = render(&script, &Form::new(Shape::Chat, &script, &Asked::default()));
        let ledger = Arc::new(Ledger::new(CancellationToken::new()));
        let entry = ledger.begin("/", &HeaderMap::new(), &Bytes::new());
        let manner = (Shape::Chat, Duration::ZERO);
        let feed = Feed::stream(&rendered, manner, None, entry, Wire::default());
        let mut body = feed.into_body().into_data_stream();
        for event in rendered.events.iter() {
            // The server writes what it has when nothing more is ready.
            assert_eq!(body.next().await.unwrap().unwrap(), event);
            if event != rendered.events.last().unwrap() {
                assert!(poll!(body.next()).is_pending());
            }
        }
        assert!(body.next().await.is_none());
        assert_eq!(rendered.events.len(), 53);
    }
}
