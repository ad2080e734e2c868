//! The store's handle: opening, closing, and the way to its threads.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;

use super::fault::{self, Fault};
use super::in_place::{Disk, InPlace};
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
    access: Access,
}

enum Access {
    Threads {
        // Dropped first, so that the writer's connection is the last to close:
        // that one empties the write-ahead log.
        readers: Readers,
        writer: Writer,
    },
    InPlace(InPlace),
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
        Ok(Self { access: Access::Threads { readers, writer } })
    }

    /// Opens a database whose operations run on the threads of their callers,
    /// on the files of the SQLite VFS named `files`.
    ///
    /// # Errors
    /// Where it is damaged or cannot be opened.
    pub fn open_in_place(
        path: &Path,
        files: &str,
        disk: Arc<dyn Disk>,
    ) -> Result<Self, StoreError> {
        let opened = open::open_on(path, files)?;
        edges::forget_sessions(&opened.connection).map_err(|error| fault::sql(&error, path))?;
        let in_place = InPlace::new(opened, path.to_owned(), disk);
        Ok(Self { access: Access::InPlace(in_place) })
    }

    /// Refuses new operations, waits for those that were accepted, and closes
    /// the file. After `deadline` it returns although something still runs.
    pub async fn close(&self, deadline: Duration) {
        let Access::Threads { readers, writer } = &self.access else { return };
        readers.close();
        if !writer.close(deadline).await {
            tracing::warn!(?deadline, "the database did not close in time");
        }
    }

    /// How much has been written since the database was opened.
    #[must_use]
    pub fn write_stats(&self) -> WriteStats {
        match &self.access {
            Access::Threads { writer, .. } => writer.stats(),
            Access::InPlace(in_place) => in_place.stats(),
        }
    }

    /// How many operations wait for the writer.
    #[cfg(test)]
    pub(super) fn queued(&self) -> usize {
        match &self.access {
            Access::Threads { writer, .. } => writer.queued(),
            Access::InPlace(_) => 0,
        }
    }

    pub(super) fn is_writing(&self) -> bool {
        match &self.access {
            Access::Threads { writer, .. } => writer.is_running(),
            Access::InPlace(_) => true,
        }
    }

    pub(super) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        match &self.access {
            Access::Threads { readers, .. } => readers.run(work).await,
            Access::InPlace(in_place) => in_place.read(work).await,
        }
    }

    pub(super) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        match &self.access {
            Access::Threads { writer, .. } => writer.run(work).await,
            Access::InPlace(in_place) => in_place.write(work).await,
        }
    }
}
