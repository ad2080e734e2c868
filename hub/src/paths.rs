//! Where the hub keeps what.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::error::HubError;

/// The hub's data folder.
#[derive(Debug, Clone)]
pub struct DataDir(PathBuf);

impl DataDir {
    /// Uses a folder, and makes it (for the owner alone) where it is missing.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub fn create(path: &Path) -> Result<Self, HubError> {
        let made = agentos_process::create_private(path);
        made.map_err(|source| HubError::DataDir { path: path.to_owned(), source })?;
        Ok(Self(path.to_owned()))
    }

    /// A folder that a hub already uses.
    #[must_use]
    pub fn existing(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// The content of files.
    #[must_use]
    pub fn blobs(&self) -> PathBuf {
        self.0.join("blobs")
    }

    /// What the hub's own executor works with: copies of files, and runs that
    /// the store may not have heard all of.
    #[must_use]
    pub fn executor(&self) -> PathBuf {
        self.0.join("executor")
    }

    /// Certificates and keys of the link.
    #[must_use]
    pub fn link(&self) -> PathBuf {
        self.0.join("link")
    }

    /// The first admin key.
    #[must_use]
    pub fn admin_key(&self) -> PathBuf {
        self.0.join("admin.key")
    }

    /// The address that the API of a running hub listens on.
    #[must_use]
    pub fn api_address(&self) -> PathBuf {
        self.0.join("api.addr")
    }

    /// The API's certificate of the hub's authority, and its key.
    #[must_use]
    pub fn tls(&self) -> PathBuf {
        self.0.join("tls")
    }

    /// The certificates that the API of a running hub shows; missing where it
    /// speaks plain HTTP.
    #[must_use]
    pub fn api_certificate(&self) -> PathBuf {
        self.0.join("api.pem")
    }

    /// The address where edges dial a running hub.
    #[must_use]
    pub fn link_address(&self) -> PathBuf {
        self.0.join("link.addr")
    }
}

/// Writes a file that only its owner can read, all of it or nothing.
pub(crate) fn write_private(path: &Path, content: &str) -> Result<(), HubError> {
    let failed = |source| HubError::DataDir { path: path.to_owned(), source };
    let temporary = path.with_extension("new");
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(&temporary).map_err(failed)?;
    file.write_all(content.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
    std::fs::rename(&temporary, path).map_err(failed)
}

/// Removes a file, if it is there.
pub(crate) fn remove(path: &Path) -> Result<(), HubError> {
    match std::fs::remove_file(path) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(HubError::DataDir { path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}
