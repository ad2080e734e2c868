//! Which connections are open. Where there is no room for another one, the one
//! gives way that has waited longest for its client: one that sends its request
//! byte by byte, or that lies idle. Whoever sends whole requests is let in
//! however many others dawdle.

use std::collections::HashMap;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The open connections. Clones count together.
#[derive(Clone)]
pub(crate) struct Connections {
    table: Arc<Mutex<Table>>,
    most: usize,
    most_of_source: usize,
}

#[derive(Default)]
struct Table {
    open: HashMap<u64, Open>,
    /// Grows with everything that happens; numbers connections, too.
    events: u64,
}

struct Open {
    source: IpAddr,
    /// Requests that are not answered yet: over HTTP/2 there may be several.
    requests: usize,
    /// Since which event it waits for a request; none while it has one.
    waits_since: Option<u64>,
    leave: CancellationToken,
}

impl Table {
    fn event(&mut self) -> u64 {
        self.events += 1;
        self.events
    }

    /// Sends away whoever waits longest, of `source` or of all. False: all
    /// have requests.
    fn send_one_away(&mut self, source: Option<IpAddr>) -> bool {
        let of_source = |open: &Open| source.is_none_or(|source| open.source == source);
        let waiting = self.open.iter().filter(|(_, open)| of_source(open));
        let longest = waiting.filter_map(|(id, open)| Some((open.waits_since?, *id))).min();
        let sent = longest.and_then(|(_, id)| self.open.remove(&id));
        sent.inspect(|open| open.leave.cancel()).is_some()
    }
}

impl Connections {
    /// So many at most, and so many of one address.
    pub(crate) fn new(most: usize, most_of_source: usize) -> Self {
        Self { table: Arc::default(), most, most_of_source }
    }

    /// None: the address holds as many as it may, and all have requests.
    pub(crate) fn enter(&self, source: IpAddr) -> Option<Place> {
        let source = source.to_canonical();
        let mut table = self.lock();
        let held = table.open.values().filter(|open| open.source == source).count();
        if held >= self.most_of_source && !table.send_one_away(Some(source)) {
            return None;
        }
        if table.open.len() >= self.most {
            // Where nobody can be sent away, the caller waits for a slot.
            table.send_one_away(None);
        }
        let (id, leave) = (table.event(), CancellationToken::new());
        let open = Open { source, requests: 0, waits_since: Some(id), leave: leave.clone() };
        table.open.insert(id, open);
        drop(table);
        let pace = Mutex::new(Pace { idle_since: Some(Instant::now()), unread: HashMap::new() });
        Some(Place { connections: self.clone(), id, source, leave, pace })
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        // A panic elsewhere cannot leave the table half changed.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One connection, no longer counted when dropped.
pub(crate) struct Place {
    connections: Connections,
    id: u64,
    /// Its client's address.
    pub(crate) source: IpAddr,
    /// Cancelled when it has to make room.
    pub(crate) leave: CancellationToken,
    pace: Mutex<Pace>,
}

/// How a connection gets on.
struct Pace {
    /// Since when it has had no request; none while it has one.
    idle_since: Option<Instant>,
    /// Answers of which the client has not taken what it was given, and since when.
    unread: HashMap<u64, Instant>,
}

/// Why a connection is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Over {
    /// It has had no request for long.
    Idle,
    /// Its client has long not read an answer.
    Unread,
}

impl Place {
    /// It has a request until what is returned is dropped.
    pub(crate) fn request(self: &Arc<Self>) -> Pending {
        let id = {
            let mut table = self.connections.lock();
            let now = table.event();
            if let Some(open) = table.open.get_mut(&self.id) {
                open.requests += 1;
                open.waits_since = None;
            }
            now
        };
        self.pace().idle_since = None;
        Pending { place: Arc::clone(self), id }
    }

    fn answered(&self, request: u64) {
        let mut table = self.connections.lock();
        let now = table.event();
        let last = table.open.get_mut(&self.id).is_none_or(|open| {
            open.requests = open.requests.saturating_sub(1);
            open.waits_since = (open.requests == 0).then_some(now);
            open.requests == 0
        });
        drop(table);
        let mut pace = self.pace();
        pace.unread.remove(&request);
        if last {
            pace.idle_since = Some(Instant::now());
        }
    }

    /// Ends when it has had no request for `idle`, or an answer has not been
    /// read for `stall`.
    pub(crate) async fn over(&self, idle: Duration, stall: Duration) -> Over {
        loop {
            let now = Instant::now();
            let (idle_at, unread_at) = {
                let pace = self.pace();
                let unread = pace.unread.values().min();
                (pace.idle_since.map(|since| since + idle), unread.map(|since| *since + stall))
            };
            if idle_at.is_some_and(|at| at <= now) {
                return Over::Idle;
            }
            if unread_at.is_some_and(|at| at <= now) {
                return Over::Unread;
            }
            // What begins after this look ends after the next one.
            let next = [idle_at, unread_at, Some(now + idle.min(stall))];
            tokio::time::sleep_until(next.into_iter().flatten().min().unwrap_or(now + idle)).await;
        }
    }

    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.lock().open.remove(&self.id);
    }
}

/// A request that is not answered yet.
pub(crate) struct Pending {
    place: Arc<Place>,
    id: u64,
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.place.answered(self.id);
    }
}

/// The body of an answer; its request is answered when it is dropped.
pub(crate) struct Answer {
    pub(crate) body: Body,
    pub(crate) pending: Pending,
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let Pending { place, id } = &self.pending;
        // Whoever asks for more has taken what was there.
        place.pace().unread.remove(id);
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        if matches!(frame, Poll::Ready(Some(Ok(_)))) {
            let Pending { place, id } = &self.pending;
            place.pace().unread.insert(*id, Instant::now());
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const TWO: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    #[test]
    fn who_waits_longest_makes_room_within_its_address() {
        let connections = Connections::new(9, 2);
        let other = connections.enter(TWO).unwrap();
        let (first, second) = (connections.enter(ONE).unwrap(), connections.enter(ONE).unwrap());
        let first = Arc::new(first);
        // Its request makes the first one the newest of those that wait.
        drop(first.request());
        let mapped: IpAddr = "::ffff:192.0.2.1".parse().unwrap();
        let third = connections.enter(mapped).unwrap();
        let left = [&other, &first, &second, &third].map(|place| place.leave.is_cancelled());
        assert_eq!(left, [false, false, true, false]);
        drop((other, first, second, third));
        assert!(connections.lock().open.is_empty());
    }

    #[test]
    fn who_has_a_request_stays() {
        let connections = Connections::new(9, 1);
        let place = Arc::new(connections.enter(ONE).unwrap());
        let pending = place.request();
        assert!(connections.enter(ONE).is_none());
        assert!(connections.enter(TWO).is_some());
        drop(pending);
        assert!(connections.enter(ONE).is_some());
        assert!(place.leave.is_cancelled());
    }

    #[test]
    fn who_has_several_requests_waits_after_the_last() {
        let connections = Connections::new(9, 1);
        let place = Arc::new(connections.enter(ONE).unwrap());
        let (first, second) = (place.request(), place.request());
        drop(first);
        assert!(connections.enter(ONE).is_none());
        drop(second);
        assert!(connections.enter(ONE).is_some());
    }

    const IDLE: Duration = Duration::from_secs(10);
    const STALL: Duration = Duration::from_secs(30);

    #[tokio::test(start_paused = true)]
    async fn a_connection_without_requests_is_over() {
        let place = Arc::new(Connections::new(9, 9).enter(ONE).unwrap());
        let pending = place.request();
        let began = Instant::now();
        let over = async {
            let over = place.over(IDLE, STALL).await;
            (over, began.elapsed())
        };
        let request = async {
            // An answer that takes long is no reason.
            tokio::time::sleep(IDLE * 5).await;
            drop(pending);
        };
        let ((over, after), ()) = tokio::join!(over, request);
        assert_eq!((over, after), (Over::Idle, IDLE * 6));
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_with_an_unread_answer_is_over() {
        let place = Arc::new(Connections::new(9, 9).enter(ONE).unwrap());
        let frames = futures::stream::iter([Ok::<_, axum::Error>("one"), Ok("two")]);
        let mut answer = Answer { body: Body::from_stream(frames), pending: place.request() };
        let read = async |answer: &mut Answer| {
            std::future::poll_fn(|cx| Pin::new(&mut *answer).poll_frame(cx)).await
        };
        let began = Instant::now();
        assert!(read(&mut answer).await.is_some());
        tokio::time::sleep(STALL - Duration::from_secs(1)).await;
        assert!(read(&mut answer).await.is_some());
        assert_eq!(place.over(IDLE, STALL).await, Over::Unread);
        assert_eq!(began.elapsed(), STALL * 2 - Duration::from_secs(1));
    }

    #[test]
    fn a_full_hub_makes_room_for_another_address() {
        let connections = Connections::new(1, 1);
        let place = connections.enter(ONE).unwrap();
        assert!(connections.enter(TWO).is_some());
        assert!(place.leave.is_cancelled());
    }
}
