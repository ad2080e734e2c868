//! What can go wrong, and the exit code of each.

use std::io;

use agentos_domain::Classified;

/// How a command ended without an error of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It did what it was asked to.
    Ok,
    /// The task failed or was cancelled, the hub is not ready, or an agent's
    /// file is broken.
    Failed,
    /// The configuration is wrong.
    Invalid,
    /// The task waits for a person.
    WaitingApproval,
    /// `--timeout` passed.
    TimedOut,
    /// Ctrl-C.
    Interrupted,
}

impl Exit {
    /// The exit code of the process.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Failed => 1,
            Self::Invalid => 2,
            Self::WaitingApproval => 5,
            Self::TimedOut => 124,
            Self::Interrupted => 130,
        }
    }
}

/// Why a command did not get done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    /// What was typed makes no sense.
    #[error("{message}")]
    Usage {
        /// What is wrong.
        message: String,
        /// What to type instead.
        hint: String,
    },
    /// Nobody answers.
    #[error("the hub at {url} cannot be reached: {reason}")]
    Unreachable {
        /// Where it was looked for.
        url: String,
        /// What the system says.
        reason: String,
    },
    /// Somebody answers, but nobody whom we trust, or not by this protocol.
    #[error("no connection to the hub at {url}: {what}")]
    Untrusted {
        /// Who was asked.
        url: String,
        /// What is wrong.
        what: String,
        /// What to do about it.
        hint: String,
    },
    /// Somebody listens but does not answer in time.
    #[error("the hub at {url} does not answer")]
    TimedOut {
        /// Where it was asked.
        url: String,
    },
    /// No key, a wrong one, or one that may not do this.
    #[error("not allowed: {message} ({code})")]
    NotAllowed {
        /// The hub's word for it.
        code: String,
        /// The hub's explanation.
        message: String,
    },
    /// No such task, file or edge.
    #[error("{message}")]
    NotFound {
        /// What was not found.
        message: String,
    },
    /// The hub refuses or fails.
    #[error("the hub answers {status}: {message} ({code}; request {request_id})")]
    Refused {
        /// HTTP status.
        status: u16,
        /// The hub's word for it.
        code: String,
        /// The hub's explanation.
        message: String,
        /// What to look for in the hub's log.
        request_id: String,
    },
    /// What answers is no hub, or one of another version.
    #[error("the answer of {url} makes no sense: {what}")]
    Protocol {
        /// Who answered.
        url: String,
        /// What is wrong with it.
        what: String,
    },
    /// A file of this machine.
    #[error("{what}: {source}")]
    File {
        /// Which file and what was to be done with it.
        what: String,
        /// What the system says.
        source: io::Error,
    },
    /// The output.
    #[error("cannot write the output: {0}")]
    Output(#[from] io::Error),
}

impl CliError {
    /// A mistake in what was typed.
    pub(crate) fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Usage { message: message.into(), hint: hint.into() }
    }

    /// The exit code of the process.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Usage { .. } | Self::Refused { status: 400 | 422, .. } => 2,
            Self::NotFound { .. } => 3,
            Self::NotAllowed { .. } => 4,
            Self::Unreachable { .. } | Self::Untrusted { .. } => 6,
            Self::TimedOut { .. } => 124,
            Self::Refused { .. } | Self::Protocol { .. } | Self::File { .. } | Self::Output(_) => 1,
        }
    }

    /// What to do about it.
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::Usage { hint, .. } | Self::Untrusted { hint, .. } => hint.clone(),
            Self::Unreachable { .. } => {
                "start the hub, or say where it is: --url http://HOST:7777".to_owned()
            }
            Self::TimedOut { .. } => "agentos health, and the hub's log".to_owned(),
            Self::NotAllowed { .. } => {
                "agentos login, or --api-key-file FILE; the hub writes admin.key into its data directory"
                    .to_owned()
            }
            Self::NotFound { .. } => {
                "agentos task list, agentos approvals list, agentos files list, agentos edge list, agentos key list, agentos provider-key list".to_owned()
            }
            Self::Refused { status: 400 | 422, .. } => "agentos help".to_owned(),
            Self::Refused { .. } => "the same again in a moment, and the hub's log".to_owned(),
            Self::Protocol { .. } => "agentos health; is the address that of a hub?".to_owned(),
            Self::File { .. } => "another file, or its permissions".to_owned(),
            Self::Output(_) => "another place for the output".to_owned(),
        }
    }

    /// Whether the connection broke, so that a watcher should connect again.
    pub(crate) fn is_outage(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::TimedOut { .. } => true,
            Self::Refused { status, .. } => matches!(status, 429 | 502..=504),
            _ => false,
        }
    }
}

impl Classified for CliError {
    fn code(&self) -> &'static str {
        match self {
            Self::Usage { .. } => "usage",
            Self::Unreachable { .. } => "unreachable",
            Self::Untrusted { .. } => "untrusted",
            Self::TimedOut { .. } => "timeout",
            Self::NotAllowed { .. } => "not_allowed",
            Self::NotFound { .. } => "not_found",
            Self::Refused { .. } => "refused",
            Self::Protocol { .. } => "protocol",
            Self::File { .. } => "file",
            Self::Output(_) => "output",
        }
    }

    fn is_retryable(&self) -> bool {
        self.is_outage()
    }
}
