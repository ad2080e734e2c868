//! A link without a network: both sides in one process, for the hub's own
//! executor and for a simulator.
//!
//! What becomes of a call is decided by a [`Wire`]: that of the hub's own
//! executor simply makes it ([`Direct`]), that of the simulator may lose it.
//! Everything above the link is the same as with edges elsewhere.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use agentos_domain::{EdgeId, SessionEpoch};
use agentos_proto::v1::HelloRequest;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::body::Body;
use tonic::service::Routes;
use tower::Service as _;

use crate::channel::LinkChannel;
use crate::edge::{EdgeLinkHandle, LinkState, Standing};
use crate::hub::{Conn, EdgeSession, EdgeSessions, HubLinkHandle, LinkEvent, Table, new_session};
use crate::serve::{Peer, Tasks, Transport};
use crate::token::JoinToken;

/// What a call comes to.
pub type WireReply = Pin<Box<dyn Future<Output = Result<http::Response<Body>, Status>> + Send>>;

/// Carries calls to the services of the other side, or does not.
pub trait Wire: std::fmt::Debug + Send + Sync + 'static {
    /// One call of gRPC.
    fn call(&self, request: http::Request<Body>) -> WireReply;
}

/// Makes every call, at once.
pub struct Direct {
    routes: Routes,
    peer: Option<Peer>,
}

impl Direct {
    /// Calls these services; in the name of `peer`, where they ask who calls.
    #[must_use]
    pub fn new(routes: Routes, peer: Option<Peer>) -> Self {
        Self { routes: routes.prepare(), peer }
    }
}

impl std::fmt::Debug for Direct {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Direct").finish_non_exhaustive()
    }
}

impl Wire for Direct {
    fn call(&self, mut request: http::Request<Body>) -> WireReply {
        let mut routes = self.routes.clone();
        if let Some(peer) = &self.peer {
            request.extensions_mut().insert(peer.clone());
        }
        Box::pin(async move {
            // Routes are always ready, and never fail.
            let Ok(response) = routes.call(request).await;
            Ok(response)
        })
    }
}

/// The hub's side.
#[derive(Default)]
pub struct MemoryLink {
    table: Table,
}

impl MemoryLink {
    /// One without sessions.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins a session; the edge's older one ends. Returns what is cancelled
    /// at its end.
    pub fn up(
        &self,
        edge: &EdgeId,
        hello: &HelloRequest,
        epoch: SessionEpoch,
        wire: Arc<dyn Wire>,
    ) -> CancellationToken {
        up(&self.table, edge, hello, epoch, wire)
    }

    /// Ends a session, unless a newer one has replaced it.
    pub fn down(&self, edge: &EdgeId, epoch: SessionEpoch, reason: &str) {
        self.table.down(edge, epoch, reason);
    }
}

fn up(
    table: &Table,
    edge: &EdgeId,
    hello: &HelloRequest,
    epoch: SessionEpoch,
    wire: Arc<dyn Wire>,
) -> CancellationToken {
    let tasks = Tasks::new(CancellationToken::new());
    let conn = Conn::memory(edge.clone(), tasks.clone());
    let channel = LinkChannel::memory(wire, tasks.clone(), "edge offline: it is not connected");
    table.up(new_session(&conn, hello, epoch, channel.clone(), channel));
    tasks.cancel().clone()
}

impl HubLinkHandle {
    /// Begins a session of an executor in this process, beside those of edges
    /// elsewhere. Returns what is cancelled at its end.
    pub fn up_in_process(
        &self,
        edge: &EdgeId,
        hello: &HelloRequest,
        epoch: SessionEpoch,
        wire: Arc<dyn Wire>,
    ) -> CancellationToken {
        up(self.table(), edge, hello, epoch, wire)
    }
}

impl EdgeSessions for MemoryLink {
    fn local_addr(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 0))
    }

    fn session(&self, edge: &EdgeId) -> Option<EdgeSession> {
        self.table.get(edge)
    }

    fn sessions(&self) -> Vec<EdgeSession> {
        self.table.all()
    }

    fn subscribe(&self) -> broadcast::Receiver<LinkEvent> {
        self.table.subscribe()
    }

    fn disconnect(&self, edge: &EdgeId, reason: &str) {
        self.table.disconnect(edge, reason);
    }

    fn new_join_token(&self) -> (JoinToken, [u8; 32]) {
        let token = JoinToken::generate([0; 32]);
        let hash = token.secret_hash();
        (token, hash)
    }
}

/// The edge's side.
pub struct MemoryEdge {
    standing: Arc<Standing>,
}

impl Default for MemoryEdge {
    fn default() -> Self {
        Self { standing: Standing::new() }
    }
}

impl MemoryEdge {
    /// One that is not connected.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What the worker uses.
    #[must_use]
    pub fn handle(&self) -> EdgeLinkHandle {
        EdgeLinkHandle { standing: Arc::clone(&self.standing) }
    }

    /// Begins a session, in which the hub is called through `wire`. Its calls
    /// end when `closed` is cancelled.
    pub fn connected(&self, epoch: SessionEpoch, wire: Arc<dyn Wire>, closed: CancellationToken) {
        let tasks = Tasks::new(closed);
        let channel = LinkChannel::memory(wire, tasks, "hub offline: there is no link");
        self.standing.connected(epoch, Transport::Memory, channel);
    }

    /// Ends the session.
    pub fn lost(&self, reason: &str) {
        self.standing.lost(LinkState::Connecting { last_error: Some(reason.to_owned()) });
    }
}
