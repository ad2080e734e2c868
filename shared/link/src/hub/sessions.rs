//! The sessions of edges, as the rest of the hub uses them.

use std::net::SocketAddr;

use agentos_domain::EdgeId;
use tokio::sync::broadcast;

use super::handle::{EdgeSession, HubLinkHandle, LinkEvent};
use crate::token::JoinToken;

/// Which edges are connected, and the way to them.
pub trait EdgeSessions: Send + Sync + 'static {
    /// Where the hub listens.
    fn local_addr(&self) -> SocketAddr;

    /// The session of an edge, if it is connected.
    fn session(&self, edge: &EdgeId) -> Option<EdgeSession>;

    /// All sessions, in the order of the edges' ids.
    fn sessions(&self) -> Vec<EdgeSession>;

    /// What happens from now on. A receiver that falls more than 256 events
    /// behind misses the oldest: it then asks [`EdgeSessions::sessions`].
    fn subscribe(&self) -> broadcast::Receiver<LinkEvent>;

    /// Ends the session of an edge at once. To keep the edge out, revoke it in
    /// the registry first.
    fn disconnect(&self, edge: &EdgeId, reason: &str);

    /// A token for one edge to join, and the hash to store for it.
    fn new_join_token(&self) -> (JoinToken, [u8; 32]);
}

impl EdgeSessions for HubLinkHandle {
    fn local_addr(&self) -> SocketAddr {
        self.shared.local_addr
    }

    fn session(&self, edge: &EdgeId) -> Option<EdgeSession> {
        self.shared.table.get(edge)
    }

    fn sessions(&self) -> Vec<EdgeSession> {
        self.shared.table.all()
    }

    fn subscribe(&self) -> broadcast::Receiver<LinkEvent> {
        self.shared.table.subscribe()
    }

    fn disconnect(&self, edge: &EdgeId, reason: &str) {
        self.shared.table.disconnect(edge, reason);
    }

    fn new_join_token(&self) -> (JoinToken, [u8; 32]) {
        let token = JoinToken::generate(self.ca_fingerprint());
        let hash = token.secret_hash();
        (token, hash)
    }
}
