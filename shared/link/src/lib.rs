//! The link between an edge and its hub.
//!
//! The edge dials the hub; then either side calls gRPC services of the other.
//! Both prove themselves by certificates of the hub's own authority.
//!
//! - **Joining**: [`join`] trades a [`JoinToken`] for an [`EdgeIdentity`].
//! - **The hub's side**: [`HubLink`] listens, [`HubLinkHandle`] gives access
//!   to the sessions, [`EdgeRegistry`] is what it must be told about edges.
//! - **The edge's side**: [`EdgeLink`] keeps connected, [`EdgeLinkHandle`]
//!   gives access to the hub.
//! - **Calling**: [`LinkChannel`] is the transport of every generated client;
//!   [`Peer`] tells a service of the hub who calls.
//! - **Without a network**: [`MemoryLink`] and [`MemoryEdge`] are the two sides
//!   in one process, for a simulator.
//!
//! # On the wire
//!
//! One port for UDP and TCP, TLS 1.3 alone, and plain HTTP/2 inside byte
//! streams:
//!
//! - QUIC: one bidirectional stream per call, opened by the caller. Beside it
//!   one TCP connection, the *sentinel*, which breaks at once when a process
//!   dies; then the other side pings, and closes the session without an answer.
//!   Of a sentinel that is merely silent nothing is concluded: there the idle
//!   limit of QUIC judges.
//! - TCP: three connections (calls of the edge, calls of the hub, large
//!   transfers), each begun by a header of kind and session that the hub
//!   acknowledges.
//! - ALPN `agentos/1` asks for a client certificate; `agentos-join/1`, over TCP
//!   alone, does not, and reaches the service Enrolment alone.
//!
//! Until `Session.Hello` has succeeded, a connection serves nothing else; then,
//! until the session is up, `Session` and `Liveness` alone: other calls wait.

mod channel;
mod edge;
mod error;
mod hub;
mod identity;
mod memory;
mod quic;
mod serve;
mod tcp;
mod tls;
mod token;

pub use channel::LinkChannel;
pub use edge::{EdgeLink, EdgeLinkConfig, EdgeLinkHandle, LinkState, TransportChoice, join};
pub use error::{LinkError, RegistryError};
pub use hub::{
    EdgeRegistry, EdgeSession, EdgeSessions, HubLink, HubLinkConfig, HubLinkHandle, LinkEvent,
    ServerCertificate,
};
pub use identity::EdgeIdentity;
pub use memory::{Direct, MemoryEdge, MemoryLink, Wire, WireReply};
pub use serve::{Peer, Transport};
pub use token::{JoinToken, TokenError};

/// How long a peer may take to answer when its sentinel broke.
const PROBE_LIMIT: std::time::Duration = std::time::Duration::from_millis(300);
