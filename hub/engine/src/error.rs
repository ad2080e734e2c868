//! Why the engine refuses or fails.

use agentos_domain::Classified;
use agentos_store::StoreError;

use crate::vault::MasterKeyId;

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
    /// A provider's key that another master key opens.
    #[error(
        "this provider key was stored under another master key (id {id}): \
         restore the key file or set the provider key again"
    )]
    OtherMasterKey {
        /// Which master key opens it.
        id: MasterKeyId,
    },
    /// A provider's key whose record is not what was written there.
    #[error(
        "this provider key cannot be opened, for its record was changed or moved: set it again"
    )]
    ProviderKeyDamaged,
    /// The master key cannot be read or made.
    #[error("the master key cannot be used ({reason}): provider keys cannot be read or set")]
    NoMasterKey {
        /// What is wrong; it may name a file of the hub.
        reason: String,
    },
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
            Self::OtherMasterKey { .. } => "other_master_key",
            Self::ProviderKeyDamaged => "provider_key_damaged",
            Self::NoMasterKey { .. } => "no_master_key",
            Self::Stopping => "stopping",
        }
    }

    fn is_retryable(&self) -> bool {
        match self {
            Self::NotFound(_)
            | Self::Invalid(_)
            | Self::OtherMasterKey { .. }
            | Self::ProviderKeyDamaged
            | Self::NoMasterKey { .. } => false,
            Self::Store(error) => error.is_retryable(),
            Self::Files(_) | Self::DiskFull | Self::Stopping => true,
        }
    }
}
