//! The hub's side: listens on one port for UDP and TCP, lets edges join, and
//! keeps one session per edge.
//!
//! ```text
//! connection ── Hello ──> session up ──> down
//!     │                       │            reasons: the connection ends,
//!     └─ no Hello in 5 s:     │            a newer session, disconnect,
//!        closed               └─ over TCP: only once its lanes for the hub's
//!                                calls have come, within 5 s
//! ```

mod accept;
mod config;
mod conn;
mod enrolment;
mod handle;
mod listen;
mod session;
mod sessions;
mod sources;
mod table;

pub use config::{EdgeRegistry, HubLinkConfig};
pub use handle::{EdgeSession, HubLinkHandle, LinkEvent, ServerCertificate};
pub use listen::HubLink;
pub use sessions::EdgeSessions;

pub(crate) use conn::Conn;
pub(crate) use session::new_session;
pub(crate) use table::Table;
