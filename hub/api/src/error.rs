//! Why the API cannot start.

use std::io;
use std::net::SocketAddr;

use agentos_domain::Classified;

/// What keeps the API from listening.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// Another program listens on the port.
    #[error(
        "port {0} is in use: stop the other program or choose another with --listen or AGENTOS_PORT"
    )]
    PortInUse(u16),
    /// The address belongs to no interface of this machine.
    #[error("{0} is no address of this machine: choose another with --listen")]
    NoSuchAddress(SocketAddr),
    /// The port is reserved.
    #[error("not allowed to listen on {0}: choose a port above 1023 with --listen or AGENTOS_PORT")]
    NotAllowed(SocketAddr),
    /// What is to be let in from browsers is no origin.
    #[error(
        "`{0}` is no origin: write `https://host` or `http://host:port`, without a slash at the end"
    )]
    Origin(String),
    /// Listening failed for another reason.
    #[error("cannot listen on {address} ({cause}): choose another address with --listen")]
    Listen {
        /// Where the API was to listen.
        address: SocketAddr,
        /// The system's words.
        cause: io::Error,
    },
}

impl ApiError {
    pub(crate) fn listen(address: SocketAddr, cause: io::Error) -> Self {
        match cause.kind() {
            io::ErrorKind::AddrInUse => Self::PortInUse(address.port()),
            io::ErrorKind::AddrNotAvailable => Self::NoSuchAddress(address),
            io::ErrorKind::PermissionDenied => Self::NotAllowed(address),
            _ => Self::Listen { address, cause },
        }
    }
}

impl Classified for ApiError {
    fn code(&self) -> &'static str {
        match self {
            Self::PortInUse(_) => "port_in_use",
            Self::NoSuchAddress(_) => "no_such_address",
            Self::NotAllowed(_) => "not_allowed",
            Self::Origin(_) => "invalid_origin",
            Self::Listen { .. } => "cannot_listen",
        }
    }

    fn is_retryable(&self) -> bool {
        matches!(self, Self::PortInUse(_))
    }
}
