//! Why the benchmark cannot be run.

use std::path::PathBuf;
use std::time::Duration;

use agentos_domain::Classified;
use agentos_generation::EngineError;
use agentos_link::LinkError;
use agentos_store::StoreError;

/// What keeps the benchmark from its figures.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// A file or folder cannot be used.
    #[error("cannot use {path} ({reason}): name another folder by --dir", path = .path.display())]
    Folder {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        reason: std::io::Error,
    },
    /// There is no program of the hub.
    #[error("{0}, or name another by --hub-binary")]
    NoHubProgram(std::io::Error),
    /// The hub's process is not as it should be.
    #[error("the hub's process {problem}; it wrote:\n{log}")]
    HubProcess {
        /// What is wrong.
        problem: String,
        /// The end of what it wrote.
        log: String,
    },
    /// The store refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The link does not come up.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The model engine failed.
    #[error(transparent)]
    Model(#[from] EngineError),
    /// A part of the system failed.
    #[error("{part}: {reason}")]
    Part {
        /// Which.
        part: &'static str,
        /// What it says.
        reason: String,
    },
    /// Something did not happen in time.
    #[error("{what} took longer than {waited:?}: run the benchmark on a quieter machine")]
    Late {
        /// What.
        what: &'static str,
        /// How long it was waited for.
        waited: Duration,
    },
}

impl BenchError {
    /// For errors of parts that are told by their message.
    pub(crate) fn part(part: &'static str) -> impl Fn(&dyn std::fmt::Display) -> Self {
        move |reason| Self::Part { part, reason: reason.to_string() }
    }
}

impl Classified for BenchError {
    fn code(&self) -> &'static str {
        match self {
            Self::Folder { .. } => "folder_unusable",
            Self::NoHubProgram(_) => "no_hub_program",
            Self::HubProcess { .. } => "hub_process",
            Self::Store(error) => error.code(),
            Self::Link(error) => error.code(),
            Self::Model(error) => error.code(),
            Self::Part { .. } => "part_failed",
            Self::Late { .. } => "late",
        }
    }

    fn is_retryable(&self) -> bool {
        match self {
            Self::Folder { .. } | Self::NoHubProgram(_) | Self::HubProcess { .. } => false,
            Self::Store(error) => error.is_retryable(),
            Self::Link(error) => error.is_retryable(),
            Self::Model(error) => error.is_retryable(),
            Self::Part { .. } => false,
            Self::Late { .. } => true,
        }
    }
}

/// Waits for `work`, at most for `limit`.
pub(crate) async fn within<T>(
    limit: Duration,
    what: &'static str,
    work: impl Future<Output = T>,
) -> Result<T, BenchError> {
    let late = BenchError::Late { what, waited: limit };
    tokio::time::timeout(limit, work).await.map_err(|_| late)
}
