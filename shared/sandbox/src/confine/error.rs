//! Why a program was not run.

use std::io;

use agentos_domain::{Classified, ToolError};

use super::Tier;

/// Why a program was not run, or its end is unknown.
#[derive(Debug, thiserror::Error)]
pub enum ConfineError {
    /// No tier works on this machine.
    #[error(
        "programs cannot be confined here ({reasons}): install bubblewrap, or use Linux 6.12 or \
         later with Landlock; and do not run this as root"
    )]
    Unavailable {
        /// Why not, tier by tier.
        reasons: String,
    },
    /// The confinement is weaker than what was demanded.
    #[error(
        "this needs the confinement `{demanded}`, here is `{active}`: run it on another machine"
    )]
    TooWeak {
        /// The least that the caller takes.
        demanded: Tier,
        /// What there is.
        active: Tier,
    },
    /// What was asked for makes no sense or would open the confinement.
    #[error("the program cannot be confined as asked: {reason}")]
    InvalidSpec {
        /// What is wrong, and what to give instead.
        reason: String,
    },
    /// A step of the launcher or of bubblewrap failed; the program did not run.
    #[error("the program was not run, for it could not be confined: {reason}")]
    NotConfined {
        /// Which step, and why.
        reason: String,
    },
    /// The system could not start or watch the program.
    #[error("the program cannot be run ({source}): try again later")]
    Io {
        /// What the system said.
        #[from]
        source: io::Error,
    },
}

impl ConfineError {
    pub(super) fn invalid(reason: impl Into<String>) -> Self {
        Self::InvalidSpec { reason: reason.into() }
    }
}

impl Classified for ConfineError {
    fn code(&self) -> &'static str {
        match self {
            Self::Unavailable { .. } => "sandbox_unavailable",
            Self::TooWeak { .. } => "sandbox_too_weak",
            Self::InvalidSpec { .. } => "invalid_sandbox_spec",
            Self::NotConfined { .. } => "not_confined",
            Self::Io { .. } => "io",
        }
    }

    fn is_retryable(&self) -> bool {
        matches!(self, Self::Io { .. })
    }
}

impl From<ConfineError> for ToolError {
    fn from(error: ConfineError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}
