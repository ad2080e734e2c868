//! Which connections are open. Where there is no room for another one, the one
//! gives way that has waited longest for its client: one that sends its request
//! byte by byte, or that lies idle. Whoever sends whole requests is let in
//! however many others dawdle.

use std::collections::HashMap;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
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
        let open = Open { source, waits_since: Some(id), leave: leave.clone() };
        table.open.insert(id, open);
        Some(Place { connections: self.clone(), id, source, leave })
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
}

impl Place {
    /// It has a request until what is returned is dropped.
    pub(crate) fn request(self: &Arc<Self>) -> Pending {
        self.waits(false);
        Pending(Arc::clone(self))
    }

    fn waits(&self, waits: bool) {
        let mut table = self.connections.lock();
        let now = table.event();
        if let Some(open) = table.open.get_mut(&self.id) {
            open.waits_since = waits.then_some(now);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.lock().open.remove(&self.id);
    }
}

/// A request that is not answered yet.
pub(crate) struct Pending(Arc<Place>);

impl Drop for Pending {
    fn drop(&mut self) {
        self.0.waits(true);
    }
}

/// The body of an answer; its request is answered when it is dropped.
pub(crate) struct Answer {
    pub(crate) body: Body,
    pub(crate) _pending: Pending,
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
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
    fn a_full_hub_makes_room_for_another_address() {
        let connections = Connections::new(1, 1);
        let place = connections.enter(ONE).unwrap();
        assert!(connections.enter(TWO).is_some());
        assert!(place.leave.is_cancelled());
    }
}
