//! Why a blob or a snapshot cannot be had.

use std::io;

use agentos_domain::{BlobHash, ChangesetError, Classified, RelPath};
use agentos_sandbox::SandboxError;

/// Why a blob or a snapshot cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// Blobs that the store does not have.
    #[error("{} blobs are missing, first {:?}: fetch them, then try again", hashes.len(), hashes.first())]
    Missing {
        /// Which, each once.
        hashes: Vec<BlobHash>,
    },
    /// The content is not what it was announced to be.
    #[error("content with hash {actual} came where {expected} was expected: fetch it again")]
    HashMismatch {
        /// The hash that was asked for.
        expected: BlobHash,
        /// The hash of what came.
        actual: BlobHash,
    },
    /// The folder for a tree holds files already.
    #[error("`{path}` is not empty: give a new folder to build the tree in")]
    TargetNotEmpty {
        /// The folder.
        path: String,
    },
    /// Two paths of a manifest cannot both exist.
    #[error("`{path}` collides with another path of the manifest: rename one of them")]
    Conflict {
        /// One of the two.
        path: RelPath,
    },
    /// A folder holds more than a snapshot takes.
    #[error("the folder holds more than {limit} files and folders: import a smaller one")]
    TooManyFiles {
        /// The most files and folders.
        limit: usize,
    },
    /// Something that is no regular file and no folder.
    #[error("`{path}` is a link, pipe, socket or device: write regular files only")]
    NotAFile {
        /// It.
        path: String,
    },
    /// Names that are no paths of a workspace, files that cannot be read, or
    /// folders too deep.
    #[error(
        "{count} files or folders have a name that no workspace takes, cannot be read or lie too deep"
    )]
    Unreadable {
        /// How many.
        count: u64,
    },
    /// More was changed than one step may change.
    #[error(transparent)]
    TooMuch(#[from] ChangesetError),
    /// A file of the scanned folder cannot be read.
    #[error(transparent)]
    File(#[from] SandboxError),
    /// The disk, or the source of the content, failed.
    #[error("cannot {action} ({source}): check the disk's space and permissions")]
    Io {
        /// What was being done.
        action: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

impl SnapshotError {
    /// For `map_err`: an I/O error with what was being done.
    pub(crate) fn io(action: &'static str) -> impl Fn(io::Error) -> Self {
        move |source| Self::Io { action, source }
    }
}

impl Classified for SnapshotError {
    fn code(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "blobs_missing",
            Self::HashMismatch { .. } => "hash_mismatch",
            Self::TargetNotEmpty { .. } => "target_not_empty",
            Self::Conflict { .. } => "path_conflict",
            Self::TooManyFiles { .. } => "too_many_files",
            Self::NotAFile { .. } => "not_a_file",
            Self::Unreadable { .. } => "unreadable",
            Self::TooMuch(_) => "too_many_changes",
            Self::File(error) => error.code(),
            Self::Io { .. } => "io",
        }
    }

    fn is_retryable(&self) -> bool {
        match self {
            Self::File(error) => error.is_retryable(),
            Self::Io { .. } => true,
            _ => false,
        }
    }
}
