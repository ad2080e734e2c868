//! The edge's side: joins a hub once, then dials it for ever.
//!
//! ```text
//! Connecting ──(QUIC, else TCP; Hello)──> Connected ──(link ends)──> Connecting
//!     │  ^                                   at once after a session that held,
//!     │  └── back-off with full jitter       else after the back-off
//!     └──(revoked, certificate not accepted)──> Refused, tried again slowly
//! ```

mod backoff;
mod config;
mod dial;
mod handle;
mod hold;
mod join;
mod renew;
mod run;

pub use config::{EdgeLinkConfig, TransportChoice};
pub use handle::{EdgeLinkHandle, LinkState};
pub use join::join;
pub use run::EdgeLink;

pub(crate) use handle::Standing;
