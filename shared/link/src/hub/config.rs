//! What the hub's side of the link is given.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use agentos_domain::{EdgeId, SessionEpoch};
use agentos_proto::v1::HelloRequest;

use crate::error::RegistryError;

/// Configuration of [`crate::HubLink`].
#[derive(Debug, Clone)]
pub struct HubLinkConfig {
    /// Where to listen, for UDP and TCP alike; port 0 takes any free one.
    pub listen: SocketAddr,
    /// Folder for the authority, the hub's certificate and the reset key.
    /// Whoever can read it can pose as the hub.
    pub state_dir: PathBuf,
    /// Host names and addresses that the hub's certificate names besides its
    /// own.
    pub names: Vec<String>,
    /// Life of an edge's certificate.
    pub certificate_life: Duration,
    /// How often a silent link is asked whether it lives.
    pub keepalive: Duration,
    /// After how much silence a link counts as dead.
    pub idle: Duration,
    /// The hub's version, told to edges.
    pub version: String,
}

impl HubLinkConfig {
    /// The usual values: certificates of 30 days, keepalive 0.8 s, idle
    /// limit 2.5 s. A peer that falls silent is noticed after at most the sum of
    /// both, 3.3 s: QUIC's idle limit begins anew with the first packet sent
    /// after the last one received.
    #[must_use]
    pub fn new(listen: SocketAddr, state_dir: PathBuf, version: impl Into<String>) -> Self {
        Self {
            listen,
            state_dir,
            names: Vec::new(),
            certificate_life: Duration::from_secs(30 * 24 * 3600),
            keepalive: Duration::from_millis(800),
            idle: Duration::from_millis(2500),
            version: version.into(),
        }
    }
}

/// What the hub knows about its edges. The hub's store implements it.
#[async_trait::async_trait]
pub trait EdgeRegistry: Send + Sync + 'static {
    /// Uses up the token whose secret has this hash (SHA-256), and registers
    /// the edge under `name`.
    ///
    /// # Errors
    /// `Refused` if the token is unknown, was used, or has expired.
    async fn redeem(
        &self,
        secret_hash: [u8; 32],
        edge: EdgeId,
        name: &str,
    ) -> Result<(), RegistryError>;

    /// Whether the edge may not connect. An unknown edge counts as revoked.
    ///
    /// # Errors
    /// `Unavailable` if there is no answer now: the edge tries again.
    async fn is_revoked(&self, edge: &EdgeId) -> Result<bool, RegistryError>;

    /// Opens a session. Its number is greater than all before it, of any edge
    /// or of this one alone.
    ///
    /// # Errors
    /// `Refused` or `Unavailable`.
    async fn open_session(
        &self,
        edge: &EdgeId,
        hello: &HelloRequest,
    ) -> Result<SessionEpoch, RegistryError>;

    /// Notes that a session ended. A newer one may be open already.
    async fn close_session(&self, edge: &EdgeId, epoch: SessionEpoch);
}
