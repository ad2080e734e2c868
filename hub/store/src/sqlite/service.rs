//! The store's handle: opening, closing, and the way to its threads.

use std::path::PathBuf;
use std::time::Duration;

use rusqlite::Connection;

use super::fault::{self, Fault};
use super::readers::Readers;
use super::writer::{Tx, WriteStats, Writer};
use super::{edges, open};
use crate::StoreError;

/// Where the database is and how many reads run at a time.
#[derive(Debug, Clone)]
pub struct SqliteConfig {
    /// The file. It is made if it is missing, its folder too. A lock file of
    /// the same name with `.lock` is beside it.
    pub path: PathBuf,
    /// Connections for reading; at least one is opened.
    pub readers: usize,
}

/// A [`Store`](crate::Store) in one SQLite file, for one process at a time.
///
/// Dropping it waits for the operations that were accepted;
/// [`SqliteStore::close`] does that without blocking a thread of the runtime.
pub struct SqliteStore {
    // Dropped first, so that the writer's connection is the last to close:
    // that one empties the write-ahead log.
    readers: Readers,
    writer: Writer,
}

impl SqliteStore {
    /// Opens the database, checks it, brings its schema up to date and starts
    /// the writer.
    ///
    /// # Errors
    /// Where the file is in use, damaged, no database, from a newer version,
    /// on a network file system, or cannot be opened.
    pub async fn open(config: SqliteConfig) -> Result<Self, StoreError> {
        tokio::task::spawn_blocking(move || Self::open_blocking(config))
            .await
            .map_err(StoreError::internal)?
    }

    fn open_blocking(config: SqliteConfig) -> Result<Self, StoreError> {
        let SqliteConfig { path, readers } = config;
        let opened = open::open(&path)?;
        edges::forget_sessions(&opened.connection).map_err(|error| fault::sql(&error, &path))?;
        let readers =
            Readers::open(path.clone(), readers).map_err(|error| fault::sql(&error, &path))?;
        let writer = Writer::start(opened, path)?;
        Ok(Self { readers, writer })
    }

    /// Refuses new operations, waits for those that were accepted, and closes
    /// the file. After `deadline` it returns although something still runs.
    pub async fn close(&self, deadline: Duration) {
        self.readers.close();
        if !self.writer.close(deadline).await {
            tracing::warn!(?deadline, "the database did not close in time");
        }
    }

    /// How much has been written since the database was opened.
    #[must_use]
    pub fn write_stats(&self) -> WriteStats {
        self.writer.stats()
    }

    /// How many operations wait for the writer.
    #[cfg(test)]
    pub(super) fn queued(&self) -> usize {
        self.writer.queued()
    }

    pub(super) fn is_writing(&self) -> bool {
        self.writer.is_running()
    }

    pub(super) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.readers.run(work).await
    }

    pub(super) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.writer.run(work).await
    }
}
