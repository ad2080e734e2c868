//! Why a connection is not made.

use agentos_domain::{Classified, ToolError};
use serde_json::{Value, json};

use crate::{Host, HostError};

/// Why a connection is not made. Nothing of it repeats what was to be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The host cannot be read.
    #[error("{0}")]
    InvalidHost(#[from] HostError),
    /// No pattern of the list fits.
    #[error(
        "{host}, port {port}, is not allowed: ask for this host to be added to the allowed ones"
    )]
    HostNotAllowed {
        /// The host.
        host: Host,
        /// The port.
        port: u16,
    },
    /// It has, among others maybe, an address that is not public.
    #[error("{host} is at a private address: only public hosts can be reached")]
    PrivateAddress {
        /// The host.
        host: Host,
    },
    /// A person or a rule said no.
    #[error("{host} was refused ({reason}): do without it")]
    Denied {
        /// The host.
        host: Host,
        /// What the one who decided said.
        reason: String,
        /// The approval that was asked for, where there was one.
        approval: Option<String>,
    },
    /// A person has not decided yet.
    #[error("the first contact with {host} waits for a person: try again after the approval")]
    Pending {
        /// The host.
        host: Host,
        /// The approval that is asked for.
        approval: Option<String>,
    },
    /// The name has no address.
    #[error("{host} has no address: check the spelling")]
    NotFound {
        /// The host.
        host: Host,
    },
    /// Nothing accepts connections there.
    #[error("{host} does not accept connections: try again later")]
    Unreachable {
        /// The host.
        host: Host,
    },
    /// A registered secret or something shaped like a key was to be sent.
    #[error("the address holds a secret ({name}): leave it out")]
    Secret {
        /// The secret's name, never itself.
        name: String,
    },
    /// More was sent to the host than it may get.
    #[error("{host} has been sent as much as one run may send it")]
    UploadLimit {
        /// The host.
        host: Host,
    },
}

impl Refusal {
    /// The approval that decides, where there is one.
    #[must_use]
    pub fn approval(&self) -> Option<&str> {
        match self {
            Self::Denied { approval, .. } | Self::Pending { approval, .. } => approval.as_deref(),
            _ => None,
        }
    }

    /// For programs: `error`, `message` and, where there is one, `approval_id`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut value = json!({ "error": self.code(), "message": self.to_string() });
        if let Some(approval) = self.approval() {
            value["approval_id"] = approval.into();
        }
        value
    }
}

impl Classified for Refusal {
    fn code(&self) -> &'static str {
        match self {
            Self::InvalidHost(_) => "invalid_host",
            Self::HostNotAllowed { .. } => "host_not_allowed",
            Self::PrivateAddress { .. } => "private_address",
            Self::Denied { .. } => "approval_denied",
            Self::Pending { .. } => "approval_pending",
            Self::NotFound { .. } => "host_not_found",
            Self::Unreachable { .. } => "host_unreachable",
            Self::Secret { .. } => "secret_in_request",
            Self::UploadLimit { .. } => "upload_limit",
        }
    }

    fn is_retryable(&self) -> bool {
        matches!(self, Self::Pending { .. } | Self::NotFound { .. } | Self::Unreachable { .. })
    }
}

impl From<Refusal> for ToolError {
    fn from(refusal: Refusal) -> Self {
        let message = match refusal.approval() {
            Some(approval) => format!("{refusal} (approval {approval})"),
            None => refusal.to_string(),
        };
        Self::new(refusal.code(), message)
    }
}
