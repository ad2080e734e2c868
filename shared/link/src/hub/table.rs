//! Which edge has which session. The newest wins.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use agentos_domain::{EdgeId, SessionEpoch};
use tokio::net::TcpStream;
use tokio::sync::{broadcast, mpsc};
use tokio_rustls::server::TlsStream;

use super::handle::{EdgeSession, LinkEvent};
use crate::tcp::LaneKind;

const EVENTS: usize = 256;
const LANES: usize = 4;

/// A further TCP connection of a session.
pub(crate) struct Lane {
    pub(crate) kind: LaneKind,
    pub(crate) io: TlsStream<TcpStream>,
}

pub(crate) struct Table {
    maps: Mutex<Maps>,
    events: broadcast::Sender<LinkEvent>,
}

#[derive(Default)]
struct Maps {
    live: BTreeMap<EdgeId, EdgeSession>,
    lanes: HashMap<(EdgeId, SessionEpoch), mpsc::Sender<Lane>>,
}

impl Default for Table {
    fn default() -> Self {
        Self { maps: Mutex::default(), events: broadcast::Sender::new(EVENTS) }
    }
}

impl Table {
    fn lock(&self) -> MutexGuard<'_, Maps> {
        self.maps.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<LinkEvent> {
        self.events.subscribe()
    }

    pub(crate) fn get(&self, edge: &EdgeId) -> Option<EdgeSession> {
        self.lock().live.get(edge).cloned()
    }

    pub(crate) fn all(&self) -> Vec<EdgeSession> {
        self.lock().live.values().cloned().collect()
    }

    /// From now on, connections that name this session are delivered.
    pub(crate) fn expect_lanes(&self, edge: &EdgeId, epoch: SessionEpoch) -> mpsc::Receiver<Lane> {
        let (sender, receiver) = mpsc::channel(LANES);
        self.lock().lanes.insert((edge.clone(), epoch), sender);
        receiver
    }

    /// False: there is no such session, or it has connections enough.
    pub(crate) fn deliver(&self, edge: &EdgeId, epoch: SessionEpoch, lane: Lane) -> bool {
        let sender = self.lock().lanes.get(&(edge.clone(), epoch)).cloned();
        sender.is_some_and(|sender| sender.try_send(lane).is_ok())
    }

    /// Makes a session the edge's current one. An older one is closed; beside
    /// a newer one, this one is.
    pub(crate) fn up(&self, session: EdgeSession) {
        // Events are sent under the lock, so that their order is that of the
        // changes.
        let mut maps = self.lock();
        if let Some(other) = maps.live.get(&session.edge_id) {
            let (old, new) = (other.epoch, session.epoch);
            if old >= new {
                session.conn.end("a newer session of the edge is open");
                return;
            }
            self.remove(&mut maps, &session.edge_id, "replaced by a newer session");
        }
        tracing::info!(edge = %session.edge_id, epoch = %session.epoch,
            transport = %session.transport, "edge connected");
        maps.live.insert(session.edge_id.clone(), session.clone());
        // Fails only if it is up already.
        drop(session.conn.up.set(()));
        self.send(LinkEvent::Up(session));
    }

    /// The end of a session, noted once.
    pub(crate) fn down(&self, edge: &EdgeId, epoch: SessionEpoch, reason: &str) {
        let mut maps = self.lock();
        maps.lanes.remove(&(edge.clone(), epoch));
        if maps.live.get(edge).is_some_and(|session| session.epoch == epoch) {
            self.remove(&mut maps, edge, reason);
        }
    }

    pub(crate) fn disconnect(&self, edge: &EdgeId, reason: &str) {
        self.remove(&mut self.lock(), edge, reason);
    }

    pub(crate) fn disconnect_all(&self, reason: &str) {
        let mut maps = self.lock();
        let edges: Vec<_> = maps.live.keys().cloned().collect();
        for edge in edges {
            self.remove(&mut maps, &edge, reason);
        }
    }

    fn remove(&self, maps: &mut Maps, edge: &EdgeId, reason: &str) {
        let Some(session) = maps.live.remove(edge) else { return };
        session.conn.end(reason);
        tracing::info!(%edge, epoch = %session.epoch, reason, "edge disconnected");
        let (edge, epoch) = (edge.clone(), session.epoch);
        self.send(LinkEvent::Down { edge, epoch, reason: reason.to_owned() });
    }

    fn send(&self, event: LinkEvent) {
        // Nobody listens: nobody misses it.
        drop(self.events.send(event));
    }
}
