//! Why a file of a granted folder cannot be had.

use std::io;

use agentos_domain::{Classified, ToolError};
use nix::errno::Errno;

use crate::Access;

/// Why a file of a granted folder cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The path leaves the folder, by a symbolic link for instance.
    #[error("`{path}` leads outside the granted folder: give a path inside it")]
    PathDenied {
        /// As it was asked for.
        path: String,
    },
    /// Nothing has that path.
    #[error("`{path}` does not exist: list its folder to see what does")]
    NotFound {
        /// As it was asked for.
        path: String,
    },
    /// A pipe, socket or device.
    #[error("`{path}` is not a regular file: choose a regular file")]
    NotAFile {
        /// As it was asked for.
        path: String,
    },
    /// A folder where a file is expected.
    #[error("`{path}` is a folder: give the path of a file in it")]
    IsADirectory {
        /// As it was asked for.
        path: String,
    },
    /// A file where a folder is expected.
    #[error("`{path}` is not a folder: give the path of the folder that holds it")]
    NotADirectory {
        /// As it was asked for.
        path: String,
    },
    /// The system's user may not open it.
    #[error("`{path}` may not be opened: give the system's user permission to read it")]
    PermissionDenied {
        /// As it was asked for.
        path: String,
    },
    /// The tool that asks did not declare to need that.
    #[error("`{path}` is not open to this tool for {}: declare the permission in its manifest", .access.verb())]
    AccessDenied {
        /// As it was asked for.
        path: String,
        /// What was to be done.
        access: Access,
    },
    /// Anything else that the file system answers.
    #[error("`{path}` cannot be used ({source}): check the disk, then try again")]
    Io {
        /// As it was asked for.
        path: String,
        /// What the file system said.
        source: io::Error,
    },
}

impl SandboxError {
    /// What an error of the file system means for `path`.
    pub(crate) fn from_io(path: &str, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.raw_os_error().map(Errno::from_raw) {
            // cap-std reports an attempt to escape without a number of the system's.
            None if source.kind() == io::ErrorKind::PermissionDenied => Self::PathDenied { path },
            Some(Errno::EXDEV | Errno::ELOOP) => Self::PathDenied { path },
            Some(Errno::ENOENT | Errno::ENAMETOOLONG) => Self::NotFound { path },
            // Opening a socket.
            Some(Errno::ENXIO | Errno::EOPNOTSUPP) => Self::NotAFile { path },
            Some(Errno::EISDIR) => Self::IsADirectory { path },
            Some(Errno::ENOTDIR) => Self::NotADirectory { path },
            Some(Errno::EACCES | Errno::EPERM) => Self::PermissionDenied { path },
            _ => Self::Io { path, source },
        }
    }
}

impl Classified for SandboxError {
    fn code(&self) -> &'static str {
        match self {
            Self::PathDenied { .. } => "path_outside_grant",
            Self::NotFound { .. } => "not_found",
            Self::NotAFile { .. } => "not_a_file",
            Self::IsADirectory { .. } => "is_a_directory",
            Self::NotADirectory { .. } => "not_a_directory",
            Self::PermissionDenied { .. } => "permission_denied",
            Self::AccessDenied { .. } => "undeclared_permission",
            Self::Io { .. } => "io",
        }
    }

    fn is_retryable(&self) -> bool {
        matches!(self, Self::Io { .. })
    }
}

impl From<SandboxError> for ToolError {
    fn from(error: SandboxError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}
