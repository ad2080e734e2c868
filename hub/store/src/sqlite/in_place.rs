//! A database without threads of its own: every operation runs on its caller's,
//! alone in its transaction. A simulator needs that, so that nothing but its
//! seed decides what happens when.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use rusqlite::Connection;

use super::fault::Fault;
use super::open::Opened;
use super::writer::{Tx, Worker, WriteStats};
use crate::StoreError;

/// Has operations wait as a disk does. One whose machine has died never
/// returns.
#[async_trait]
pub trait Disk: Send + Sync + 'static {
    /// Before a transaction begins.
    async fn begin(&self);

    /// After its commit, before its caller is told.
    async fn committed(&self);
}

pub(super) struct InPlace {
    worker: Mutex<Worker>,
    disk: Arc<dyn Disk>,
}

impl InPlace {
    pub(super) fn new(opened: Opened, path: PathBuf, disk: Arc<dyn Disk>) -> Self {
        Self { worker: Mutex::new(Worker::in_place(opened, path)), disk }
    }

    fn worker(&self) -> MutexGuard<'_, Worker> {
        self.worker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.disk.begin().await;
        let result = self.worker().run(work);
        self.disk.committed().await;
        result
    }

    pub(super) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.disk.begin().await;
        self.worker().read(work)
    }

    pub(super) fn stats(&self) -> WriteStats {
        self.worker().stats()
    }
}
