//! The read-only connections: a fixed number, lent to blocking threads.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::fault::Fault;
use super::open::open_reader;
use crate::StoreError;

/// How long a read may wait for its turn, and then for its answer.
const WAIT: Duration = Duration::from_secs(30);

pub(super) struct Readers {
    pool: Arc<Pool>,
    turns: Arc<Semaphore>,
}

struct Pool {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    /// Opens `count` connections, at least one.
    pub(super) fn open(path: PathBuf, count: usize) -> rusqlite::Result<Self> {
        let count = count.max(1);
        let idle = (0..count).map(|_| open_reader(&path)).collect::<Result<Vec<_>, _>>()?;
        let pool = Arc::new(Pool { path, idle: Mutex::new(idle) });
        Ok(Self { pool, turns: Arc::new(Semaphore::new(count)) })
    }

    /// Runs `work` in one read transaction: it sees one state of the database.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        let late = StoreError::Timeout { waited: WAIT };
        let turn = match timeout(WAIT, Arc::clone(&self.turns).acquire_owned()).await {
            Ok(Ok(turn)) => turn,
            Ok(Err(_)) => return Err(StoreError::Closed),
            Err(_) => return Err(late),
        };
        let (pool, turns) = (Arc::clone(&self.pool), Arc::clone(&self.turns));
        let reading = tokio::task::spawn_blocking(move || {
            let result = pool.lend(work, || turns.is_closed());
            drop(turn);
            result.map_err(|fault| fault.at(&pool.path))
        });
        match timeout(WAIT, reading).await {
            Ok(Ok(result)) => result,
            Ok(Err(error)) => Err(StoreError::internal(error)),
            Err(_) => Err(late),
        }
    }

    /// Refuses new reads and closes the connections that are idle; the others
    /// close when their read ends.
    pub(super) fn close(&self) {
        self.turns.close();
        self.pool.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl Pool {
    fn lend<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Fault>,
        is_closed: impl Fn() -> bool,
    ) -> Result<T, Fault> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        // Missing only after a read that panicked.
        let connection = idle.map_or_else(|| open_reader(&self.path), Ok)?;
        let result = read(&connection, work);
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if !is_closed() {
            idle.push(connection);
        }
        result
    }
}

/// Runs `work` in one transaction: it sees one state of the database.
pub(super) fn read<T>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let transaction = connection.unchecked_transaction()?;
    let value = work(&transaction)?;
    transaction.commit()?;
    Ok(value)
}
