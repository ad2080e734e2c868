//! What the hub knows of one connection of an edge, and what it lets through.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use agentos_domain::EdgeId;
use hyper::body::Incoming;
use rustls_pki_types::CertificateDer;
use tokio::sync::SetOnce;
use tonic::Status;

use crate::error::LinkError;
use crate::identity::Leaf;
use crate::quic;
use crate::serve::{Admission, Admit, Peer, Tasks, Transport};

/// One QUIC connection, or the first lane of a TCP link.
pub(crate) struct Conn {
    pub(crate) edge: EdgeId,
    pub(crate) serial: String,
    pub(crate) carrier: Carrier,
    pub(crate) tasks: Tasks,
    /// Set by the first successful Hello.
    pub(crate) peer: OnceLock<Peer>,
    /// Set when the session is in the table, where a disconnect finds it.
    pub(crate) up: SetOnce<()>,
    reason: OnceLock<String>,
}

pub(crate) enum Carrier {
    Quic(quinn::Connection),
    Tcp(SocketAddr),
    /// The edge is in the same process.
    Memory,
}

impl Conn {
    pub(crate) fn new(leaf: &Leaf, carrier: Carrier, tasks: Tasks) -> Result<Arc<Self>, LinkError> {
        Ok(Arc::new(Self::with(leaf.edge_id()?, leaf.serial(), carrier, tasks)))
    }

    /// Of an edge in the same process, which needs no certificate.
    pub(crate) fn memory(edge: EdgeId, tasks: Tasks) -> Arc<Self> {
        Arc::new(Self::with(edge, String::new(), Carrier::Memory, tasks))
    }

    fn with(edge: EdgeId, serial: String, carrier: Carrier, tasks: Tasks) -> Self {
        let (peer, up, reason) = (OnceLock::new(), SetOnce::new(), OnceLock::new());
        Self { edge, serial, carrier, tasks, peer, up, reason }
    }

    pub(crate) fn transport(&self) -> Transport {
        match self.carrier {
            Carrier::Quic(_) => Transport::Quic,
            Carrier::Tcp(_) => Transport::Tcp,
            Carrier::Memory => Transport::Memory,
        }
    }

    pub(crate) fn peer_addr(&self) -> Option<SocketAddr> {
        match &self.carrier {
            Carrier::Quic(connection) => Some(connection.remote_address()),
            Carrier::Tcp(addr) => Some(*addr),
            Carrier::Memory => None,
        }
    }

    /// Closes everything at once. The first reason given counts.
    pub(crate) fn end(&self, reason: &str) {
        self.reason.get_or_init(|| reason.to_owned());
        if let Carrier::Quic(connection) = &self.carrier {
            connection.close(quic::CLOSED, reason.as_bytes());
        }
        self.tasks.cancel().cancel();
    }

    /// Why it ended.
    pub(crate) fn reason(&self) -> &str {
        self.reason.get().map_or("the hub stops", String::as_str)
    }
}

/// Before Hello only Hello is let through; after it everything, with [`Peer`].
/// What is not about the session itself waits until the session is up: over
/// TCP that takes its further lanes, and without them the connection ends.
pub(crate) fn admission(conn: Arc<Conn>) -> Admit {
    Arc::new(move |request: &mut http::Request<Incoming>| {
        let path = request.uri().path();
        let own =
            path.starts_with("/agentos.v1.Session/") || path.starts_with("/agentos.v1.Liveness/");
        if let Some(peer) = conn.peer.get() {
            request.extensions_mut().insert(peer.clone());
        } else if path != "/agentos.v1.Session/Hello" {
            return Err(Status::failed_precondition("no session: call Session.Hello first"));
        }
        request.extensions_mut().insert(Arc::clone(&conn));
        if own || conn.up.initialized() {
            return Ok(Admission::Now);
        }
        let conn = Arc::clone(&conn);
        Ok(Admission::After(Box::pin(async move {
            conn.up.wait().await;
        })))
    })
}

/// The client certificate of a verified handshake.
pub(crate) fn client_leaf(chain: Option<&[CertificateDer<'static>]>) -> Result<Leaf, LinkError> {
    let leaf = chain.and_then(<[_]>::first).cloned();
    Leaf::new(leaf.ok_or_else(|| LinkError::Certificate("the peer sent none".to_owned()))?)
}
