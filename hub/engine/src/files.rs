//! The files of a workspace: bytes in the blob store, names in the database.

use std::io::ErrorKind;
use std::sync::Arc;

use agentos_domain::{FileEntry, Manifest, RelPath, Timestamp, WorkspaceId};
use agentos_snapshot::SnapshotError;
use tokio::io::AsyncRead;
use tokio_util::io::SyncIoBridge;

use crate::error::EngineError;
use crate::handle::EngineHandle;

fn not_kept(error: SnapshotError) -> EngineError {
    match error {
        SnapshotError::Io { source, .. } if source.kind() == ErrorKind::StorageFull => {
            EngineError::DiskFull
        }
        other => failed(other),
    }
}

fn failed(error: impl std::fmt::Display) -> EngineError {
    EngineError::Files(error.to_string())
}

impl EngineHandle {
    /// Keeps a file; one of the same name is replaced. `modified` is when its
    /// content was last changed; where that is not known, the hub's clock says
    /// when it came with new content.
    ///
    /// # Errors
    /// Where the content cannot be read or kept; the old file then stays.
    pub async fn put_file(
        &self,
        workspace: &WorkspaceId,
        path: RelPath,
        modified: Option<Timestamp>,
        content: impl AsyncRead + Send + Unpin + 'static,
    ) -> Result<FileEntry, EngineError> {
        let blobs = Arc::clone(&self.shared.blobs);
        let reader = SyncIoBridge::new(content);
        let (hash, size) = tokio::task::spawn_blocking(move || blobs.put(reader))
            .await
            .map_err(failed)?
            .map_err(not_kept)?;
        let entry = FileEntry { hash, size, modified: modified.unwrap_or_default() };
        let now = self.shared.clock.now();
        Ok(self.shared.store.put_file(workspace, &path, &entry, now).await?)
    }

    /// Opens a file for reading.
    ///
    /// # Errors
    /// Where there is no such file, or its content cannot be read.
    pub async fn open_file(
        &self,
        workspace: &WorkspaceId,
        path: &RelPath,
    ) -> Result<(FileEntry, tokio::fs::File), EngineError> {
        let mut manifest = self.shared.store.manifest(workspace).await?;
        let entry = manifest
            .files
            .remove(path)
            .ok_or_else(|| EngineError::NotFound(format!("file `{path}` in this workspace")))?;
        let blobs = Arc::clone(&self.shared.blobs);
        let hash = entry.hash;
        let file = tokio::task::spawn_blocking(move || blobs.open_blob(&hash))
            .await
            .map_err(failed)?
            .map_err(failed)?;
        Ok((entry, tokio::fs::File::from_std(file)))
    }

    /// Removes a file; returns whether it was there.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn delete_file(
        &self,
        workspace: &WorkspaceId,
        path: &RelPath,
    ) -> Result<bool, EngineError> {
        let now = self.shared.clock.now();
        Ok(self.shared.store.delete_file(workspace, path, now).await?)
    }

    /// All files of a workspace.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn files(&self, workspace: &WorkspaceId) -> Result<Manifest, EngineError> {
        Ok(self.shared.store.manifest(workspace).await?)
    }
}
