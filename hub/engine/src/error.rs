//! Why the engine refuses or fails.

use agentos_domain::Classified;
use agentos_store::StoreError;

/// What the engine's verbs can answer instead of a result.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// No such thing in this workspace.
    #[error("no {0}")]
    NotFound(String),
    /// The request cannot be carried out as it stands.
    #[error("{0}")]
    Invalid(String),
    /// The store refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file could not be kept or read.
    #[error("{0}")]
    Files(String),
    /// There is no space for a file.
    #[error("no space left for files: free some space and send the file again; nothing was lost")]
    DiskFull,
    /// The hub is stopping.
    #[error("the hub is stopping: try again in a moment")]
    Stopping,
}

impl Classified for EngineError {
    fn code(&self) -> &'static str {
        match self {
            Self::NotFound(_) => "not_found",
            Self::Invalid(_) => "invalid_request",
            Self::Store(error) => error.code(),
            Self::Files(_) => "files_unavailable",
            Self::DiskFull => "disk_full",
            Self::Stopping => "stopping",
        }
    }

    fn is_retryable(&self) -> bool {
        match self {
            Self::NotFound(_) | Self::Invalid(_) => false,
            Self::Store(error) => error.is_retryable(),
            Self::Files(_) | Self::DiskFull | Self::Stopping => true,
        }
    }
}
