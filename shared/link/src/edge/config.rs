//! Configuration of the edge's side.

use std::path::PathBuf;
use std::time::Duration;

/// Which transports the edge tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TransportChoice {
    /// QUIC, and TCP where UDP does not get through.
    #[default]
    Auto,
    /// QUIC alone.
    QuicOnly,
    /// TCP alone.
    TcpOnly,
}

/// Configuration of [`crate::EdgeLink`].
#[derive(Debug, Clone)]
pub struct EdgeLinkConfig {
    /// The hub, `HOST:PORT`.
    pub hub: String,
    /// Folder that [`crate::join`] wrote the identity to.
    pub identity_dir: PathBuf,
    /// The edge's version, told to the hub.
    pub version: String,
    /// What the edge can do, such as `execute`.
    pub capabilities: Vec<String>,
    /// How often a silent link is asked whether it lives.
    pub keepalive: Duration,
    /// After how much silence a link counts as dead.
    pub idle: Duration,
    /// How long QUIC may take to connect before TCP is tried.
    pub quic_deadline: Duration,
    /// How long QUIC gets once more, when it was too slow and TCP answers: a
    /// hub that has just started has missed its first packets.
    pub quic_retry: Duration,
    /// How often an edge on TCP tries QUIC again ([`TransportChoice::Auto`]).
    pub quic_interval: Duration,
    /// Upper bound of the first back-off.
    pub backoff_min: Duration,
    /// Upper bound of every back-off.
    pub backoff_max: Duration,
    /// Which transports to try.
    pub transport: TransportChoice,
}

impl EdgeLinkConfig {
    /// The usual values: keepalive 0.8 s and idle limit 2.5 s (a hub that falls
    /// silent is noticed after at most the sum of both), 2 s for QUIC and 0.7 s
    /// more when TCP answers, QUIC again every 5 minutes, back-off from 50 ms
    /// to 5 s.
    #[must_use]
    pub fn new(hub: impl Into<String>, identity_dir: PathBuf, version: impl Into<String>) -> Self {
        Self {
            hub: hub.into(),
            identity_dir,
            version: version.into(),
            capabilities: Vec::new(),
            keepalive: Duration::from_millis(800),
            idle: Duration::from_millis(2500),
            quic_deadline: Duration::from_secs(2),
            quic_retry: Duration::from_millis(700),
            quic_interval: Duration::from_secs(300),
            backoff_min: Duration::from_millis(50),
            backoff_max: Duration::from_secs(5),
            transport: TransportChoice::Auto,
        }
    }
}
