//! What the rest of the hub sees of the link.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use agentos_domain::{EdgeId, SessionEpoch};
use agentos_proto::v1::HeldAttempt;

use super::conn::Conn;
use super::listen::Shared;
use super::table::Table;
use crate::channel::LinkChannel;
use crate::error::LinkError;
use crate::serve::Transport;

/// A session of an edge. Clones are the same session.
#[derive(Clone)]
pub struct EdgeSession {
    /// The edge.
    pub edge_id: EdgeId,
    /// The session's number.
    pub epoch: SessionEpoch,
    /// Random, new at each start of the edge's process.
    pub boot_id: String,
    /// The edge's version.
    pub version: String,
    /// What the edge can do.
    pub capabilities: Vec<String>,
    /// How it is connected.
    pub transport: Transport,
    /// What the edge was still working on when it connected.
    pub attempts: Vec<HeldAttempt>,
    /// Serial number of the certificate that it showed, in hexadecimal digits.
    pub certificate_serial: String,
    pub(super) calls: LinkChannel,
    pub(super) bulk: LinkChannel,
    pub(super) conn: Arc<Conn>,
}

impl EdgeSession {
    /// For calls to the edge's services.
    #[must_use]
    pub fn calls(&self) -> LinkChannel {
        self.calls.clone()
    }

    /// For calls that move much data, so that they do not hold up the others.
    #[must_use]
    pub fn bulk(&self) -> LinkChannel {
        self.bulk.clone()
    }

    /// Waits for the end of the session.
    pub fn closed(&self) -> impl Future<Output = ()> + Send + 'static {
        self.conn.tasks.cancel().clone().cancelled_owned()
    }

    /// Where the edge is now, if not in this process. Over QUIC it can change
    /// within a session.
    #[must_use]
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.conn.peer_addr()
    }
}

impl std::fmt::Debug for EdgeSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EdgeSession")
            .field("edge_id", &self.edge_id)
            .field("epoch", &self.epoch)
            .field("transport", &self.transport)
            .finish_non_exhaustive()
    }
}

/// What happens to sessions. Of one edge, events come in order, and a session's
/// `Up` before its `Down`.
#[derive(Debug, Clone)]
#[expect(
    clippy::large_enum_variant,
    reason = "events are few, and a box would only burden their readers"
)]
pub enum LinkEvent {
    /// A session began.
    Up(EdgeSession),
    /// A session ended.
    Down {
        /// The edge.
        edge: EdgeId,
        /// The session's number.
        epoch: SessionEpoch,
        /// Why, for people.
        reason: String,
    },
}

/// Access to the running link. Clones are the same link.
#[derive(Clone)]
pub struct HubLinkHandle {
    pub(super) shared: Arc<Shared>,
}

impl HubLinkHandle {
    pub(crate) fn table(&self) -> &Table {
        &self.shared.table
    }

    /// SHA-256 of the public key of the hub's certificate authority.
    #[must_use]
    pub fn ca_fingerprint(&self) -> [u8; 32] {
        self.shared.ca.fingerprint()
    }

    /// The certificate of the hub's certificate authority, PEM.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        self.shared.ca.pem()
    }

    /// A certificate of the hub's authority for another server of the hub, such
    /// as its API: kept in `dir` (`server.pem`, `server.key`), made anew when
    /// `names` changed or less than 30 of its 90 days are left.
    ///
    /// # Errors
    /// [`LinkError`], where the files cannot be used or a name not be certified.
    pub fn server_certificate(
        &self,
        dir: &Path,
        names: &[String],
    ) -> Result<ServerCertificate, LinkError> {
        let ca = &self.shared.ca;
        let (certificate, key_pem, is_new) =
            ca.server_certificate(dir, names, self.shared.clock.now())?;
        Ok(ServerCertificate { chain_pem: certificate + ca.pem(), key_pem, is_new })
    }
}

/// What a server of the hub proves itself with.
#[derive(Clone)]
pub struct ServerCertificate {
    /// Its certificate and that of the authority, PEM.
    pub chain_pem: String,
    /// Its private key, PEM.
    pub key_pem: String,
    /// Whether it was made just now.
    pub is_new: bool,
}

impl std::fmt::Debug for ServerCertificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerCertificate").field("is_new", &self.is_new).finish_non_exhaustive()
    }
}
