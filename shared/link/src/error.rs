//! What can go wrong on the link.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use agentos_domain::Classified;
use tokio_rustls::rustls;

use crate::token::TokenError;

/// Why the link could not be set up or used.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// Nothing answers at the hub's address.
    #[error("no hub at {hub}: is it running, is the port open? ({reason})")]
    Unreachable {
        /// Address as it was given, `HOST:PORT`.
        hub: String,
        /// What the network said.
        reason: String,
    },
    /// The text is not a join token.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The hub refused the token.
    #[error("the hub refused the token: {reason}; make a new one by `agentos edge invite`")]
    TokenRefused {
        /// What the hub said.
        reason: String,
    },
    /// Somebody else's hub answers.
    #[error(
        "another hub answers at {hub}: it does not prove itself with the expected certificate \
         authority; check the address, and join again if the hub was set up anew"
    )]
    WrongHub {
        /// Address as it was given, `HOST:PORT`.
        hub: String,
    },
    /// The hub does not accept this edge.
    #[error("the hub refuses this edge: {reason}; join again with a new token")]
    Refused {
        /// What the hub said.
        reason: String,
    },
    /// The port is taken.
    #[error("port {port} is in use: stop the other program or choose another with --link-listen")]
    PortInUse {
        /// The port.
        port: u16,
    },
    /// The hub's sockets could not be opened.
    #[error("cannot listen on {addr}: {source}; choose another address with --link-listen")]
    Bind {
        /// The address asked for.
        addr: SocketAddr,
        /// What the operating system said.
        source: io::Error,
    },
    /// A file of an identity could not be read or written.
    #[error("cannot use {path}: {source}; check that its folder exists and belongs to you", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// This machine has not joined a hub.
    #[error("no identity in {dir}: join a hub first", dir = dir.display())]
    NoIdentity {
        /// The folder that would hold it.
        dir: PathBuf,
    },
    /// A stored or received certificate or key cannot be used.
    #[error("unusable certificate or key: {0}; remove it and join again")]
    Certificate(String),
    /// A value of the configuration cannot be used.
    #[error("{0}")]
    Config(String),
    /// The other side answered a call of the link itself with an error.
    #[error("the hub answered `{code}`: {message}; see the hub's log")]
    Call {
        /// Name of the gRPC code.
        code: String,
        /// Message of the answer.
        message: String,
    },
    /// The link did not come up in time.
    #[error("no link to the hub within {waited:?}: {reason}")]
    NotConnected {
        /// How long it was waited.
        waited: Duration,
        /// The last known reason.
        reason: String,
    },
}

impl Classified for LinkError {
    fn code(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "hub_unreachable",
            Self::Token(_) => "token_altered",
            Self::TokenRefused { .. } => "token_refused",
            Self::WrongHub { .. } => "wrong_hub",
            Self::Refused { .. } => "edge_refused",
            Self::PortInUse { .. } => "port_in_use",
            Self::Bind { .. } => "bind_failed",
            Self::File { .. } => "identity_file",
            Self::NoIdentity { .. } => "not_joined",
            Self::Certificate(_) => "bad_certificate",
            Self::Config(_) => "bad_config",
            Self::Call { .. } => "link_call_failed",
            Self::NotConnected { .. } => "not_connected",
        }
    }

    fn is_retryable(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Call { .. } | Self::NotConnected { .. })
    }
}

impl LinkError {
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }

    pub(crate) fn certificate(error: impl std::fmt::Display) -> Self {
        Self::Certificate(error.to_string())
    }

    /// Of a failed attempt to reach `hub`: finds out whether either side
    /// rejected the other's certificate.
    pub(crate) fn of_dial(hub: &str, error: &(dyn Error + 'static)) -> Self {
        match certificate_trouble(error) {
            Some(Trouble::Theirs) => Self::WrongHub { hub: hub.to_owned() },
            Some(Trouble::Ours(reason)) => Self::Refused { reason },
            None => Self::Unreachable { hub: hub.to_owned(), reason: root_cause(error) },
        }
    }

    /// Of a call of the link itself, such as Hello.
    pub(crate) fn of_status(hub: &str, status: &tonic::Status) -> Self {
        match status.code() {
            tonic::Code::PermissionDenied => Self::Refused { reason: status.message().to_owned() },
            tonic::Code::Unavailable => {
                Self::Unreachable { hub: hub.to_owned(), reason: status.message().to_owned() }
            }
            code => Self::Call { code: format!("{code:?}"), message: status.message().to_owned() },
        }
    }
}

/// Why `EdgeRegistry` said no.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// The answer is no, and stays no.
    #[error("{0}")]
    Refused(String),
    /// There is no answer now.
    #[error("the hub's registry of edges does not answer: {0}; try again")]
    Unavailable(String),
}

impl Classified for RegistryError {
    fn code(&self) -> &'static str {
        match self {
            Self::Refused(_) => "refused",
            Self::Unavailable(_) => "registry_unavailable",
        }
    }

    fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

impl From<RegistryError> for tonic::Status {
    fn from(error: RegistryError) -> Self {
        match &error {
            RegistryError::Refused(reason) => Self::permission_denied(reason.clone()),
            RegistryError::Unavailable(_) => Self::unavailable(error.to_string()),
        }
    }
}

enum Trouble {
    /// The hub's certificate is not acceptable to us.
    Theirs,
    /// Ours is not acceptable to the hub.
    Ours(String),
}

/// TLS alerts (RFC 8446, 6) that speak of a certificate, with their meaning.
fn alert_meaning(alert: u8) -> Option<&'static str> {
    match alert {
        42 | 43 | 46 | 49 => Some("it does not accept the certificate"),
        44 => Some("the certificate was revoked"),
        45 => Some("the certificate has expired, or a clock is wrong"),
        48 => Some("the certificate is another hub's"),
        51 => Some("the certificate does not fit its key"),
        116 => Some("it asks for a certificate"),
        _ => None,
    }
}

fn certificate_trouble(error: &(dyn Error + 'static)) -> Option<Trouble> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(tls) = error.downcast_ref::<rustls::Error>() {
            return of_tls(tls);
        }
        if let Some(quic) = error.downcast_ref::<quinn::ConnectionError>() {
            return of_quic(quic);
        }
        // `source` of an io::Error leaves out the error that it wraps.
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = match inner {
            Some(inner) => Some(inner as &(dyn Error + 'static)),
            None => error.source(),
        };
    }
    None
}

fn of_tls(error: &rustls::Error) -> Option<Trouble> {
    match error {
        rustls::Error::InvalidCertificate(_) => Some(Trouble::Theirs),
        rustls::Error::AlertReceived(alert) => {
            alert_meaning(u8::from(*alert)).map(|meaning| Trouble::Ours(meaning.to_owned()))
        }
        _ => None,
    }
}

fn of_quic(error: &quinn::ConnectionError) -> Option<Trouble> {
    let alert_of = |code: quinn::TransportErrorCode| {
        u8::try_from(u64::from(code).checked_sub(0x100)?).ok().and_then(alert_meaning)
    };
    match error {
        quinn::ConnectionError::TransportError(error) => {
            alert_of(error.code).map(|_| Trouble::Theirs)
        }
        quinn::ConnectionError::ConnectionClosed(close) => {
            alert_of(close.error_code).map(|meaning| Trouble::Ours(meaning.to_owned()))
        }
        quinn::ConnectionError::ApplicationClosed(close)
            if close.error_code == crate::quic::REFUSED =>
        {
            Some(Trouble::Ours(String::from_utf8_lossy(&close.reason).into_owned()))
        }
        _ => None,
    }
}

pub(crate) fn root_cause(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
