//! The one writer: a thread that runs all waiting operations in one
//! transaction and answers after its commit.
//!
//! ```text
//!  BEGIN IMMEDIATE
//!    SAVEPOINT op → operation ─ ok ──► RELEASE
//!                             └ error ► ROLLBACK TO: only this one is undone
//!    … up to GROUP operations …
//!  COMMIT ─ ok ──► every operation gets its own answer
//!         └ error ► ROLLBACK: every operation of the group gets the error
//! ```

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::fcntl::Flock;
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

use super::fault::{self, Fault};
use super::journal::Journals;
use super::open::Opened;
use super::readers::read;
use crate::StoreError;

/// The most operations of one transaction.
const GROUP: usize = 128;
/// The most operations that wait; more callers wait for a place.
const QUEUE: usize = 1024;
/// How long a caller waits for a place, and then for its answer.
const WAIT: Duration = Duration::from_secs(30);

/// What an operation works with.
pub(super) struct Tx<'a> {
    pub(super) conn: &'a Connection,
    pub(super) journals: &'a mut Journals,
}

/// How much the writer has done since it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriteStats {
    /// Operations that were run.
    pub operations: u64,
    /// Transactions that were committed.
    pub transactions: u64,
}

#[derive(Default)]
struct Counters {
    operations: AtomicU64,
    transactions: AtomicU64,
}

impl Counters {
    fn stats(&self) -> WriteStats {
        WriteStats {
            operations: self.operations.load(Ordering::Relaxed),
            transactions: self.transactions.load(Ordering::Relaxed),
        }
    }
}

/// The handle of the writer's thread.
pub(super) struct Writer {
    queue: Mutex<Option<mpsc::Sender<Box<dyn Job>>>>,
    thread: Option<JoinHandle<()>>,
    /// Its sender lives in the thread.
    ended: watch::Receiver<()>,
    counters: Arc<Counters>,
}

impl Writer {
    pub(super) fn start(opened: Opened, path: PathBuf) -> Result<Self, StoreError> {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let (alive, ended) = watch::channel(());
        let counters = Arc::new(Counters::default());
        let shown = path.clone();
        let worker = Worker {
            connection: opened.connection,
            journals: Journals::default(),
            path,
            counters: Arc::clone(&counters),
            _lock: opened.lock,
        };
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || {
                let _alive = alive;
                worker.work(jobs);
            })
            .map_err(|error| StoreError::Open { path: shown, detail: error.to_string() })?;
        Ok(Self { queue: Mutex::new(Some(queue)), thread: Some(thread), ended, counters })
    }

    /// Runs `work` in the next transaction and waits for its commit. If the
    /// caller goes away before it is run, it is not run.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let queue = queue.ok_or(StoreError::Closed)?;
        let late = StoreError::Timeout { waited: WAIT };
        let (reply, answer) = oneshot::channel();
        let job = Box::new(Operation { work: Some(work), result: None, reply });
        match timeout(WAIT, queue.send(job)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Err(StoreError::Closed),
            Err(_) => return Err(late),
        }
        drop(queue);
        match timeout(WAIT, answer).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(StoreError::Closed),
            Err(_) => Err(late),
        }
    }

    pub(super) fn is_running(&self) -> bool {
        self.ended.has_changed().is_ok()
    }

    #[cfg(test)]
    pub(super) fn queued(&self) -> usize {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.as_ref().map_or(0, |queue| queue.max_capacity() - queue.capacity())
    }

    pub(super) fn stats(&self) -> WriteStats {
        self.counters.stats()
    }

    /// Refuses new operations, and waits for those that were accepted. False
    /// if they did not end in time.
    pub(super) async fn close(&self, deadline: Duration) -> bool {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut ended = self.ended.clone();
        // The thread never sends: the channel only closes.
        timeout(deadline, ended.changed()).await.is_ok()
    }
}

impl Drop for Writer {
    /// Waits for the operations that were accepted: whoever opens the database
    /// next finds it unlocked.
    fn drop(&mut self) {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the database's writer ended with a panic");
        }
    }
}

/// An operation in the queue.
trait Job: Send {
    /// Whether its caller has gone away.
    fn is_abandoned(&self) -> bool;
    /// Runs it; the error is what undoes it.
    fn run(&mut self, tx: &mut Tx<'_>, path: &std::path::Path) -> Result<(), StoreError>;
    /// Answers the caller, with `failure` if the transaction came to nothing.
    fn answer(self: Box<Self>, failure: Option<StoreError>);
}

struct Operation<T, F> {
    work: Option<F>,
    result: Option<Result<T, StoreError>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Job for Operation<T, F>
where
    T: Send,
    F: FnOnce(&mut Tx<'_>) -> Result<T, Fault> + Send,
{
    fn is_abandoned(&self) -> bool {
        self.reply.is_closed()
    }

    fn run(&mut self, tx: &mut Tx<'_>, path: &std::path::Path) -> Result<(), StoreError> {
        let Some(work) = self.work.take() else { return Ok(()) };
        // A bug in one operation must not end the writer for all.
        let result = catch_unwind(AssertUnwindSafe(|| work(tx)))
            .unwrap_or_else(|_| Err(StoreError::internal("the operation panicked").into()))
            .map_err(|fault| fault.at(path));
        let verdict = result.as_ref().map(|_| ()).map_err(Clone::clone);
        self.result = Some(result);
        verdict
    }

    fn answer(self: Box<Self>, failure: Option<StoreError>) {
        let result = match (failure, self.result) {
            (Some(failure), _) => Err(failure),
            (None, Some(result)) => result,
            (None, None) => Err(StoreError::Closed),
        };
        // A caller that has gone away needs no answer.
        drop(self.reply.send(result));
    }
}

/// What writes. The connection closes before the lock is given up.
pub(super) struct Worker {
    connection: Connection,
    journals: Journals,
    path: PathBuf,
    counters: Arc<Counters>,
    _lock: Option<Flock<File>>,
}

impl Worker {
    /// One that works on the caller's thread.
    pub(super) fn in_place(opened: Opened, path: PathBuf) -> Self {
        let (connection, lock) = (opened.connection, opened.lock);
        let (journals, counters) = (Journals::default(), Arc::default());
        Self { connection, journals, path, counters, _lock: lock }
    }

    /// Runs one operation in a transaction of its own.
    pub(super) fn run<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, mut answer) = oneshot::channel();
        self.finish(vec![Box::new(Operation { work: Some(work), result: None, reply })]);
        answer.try_recv().unwrap_or(Err(StoreError::Closed))
    }

    /// Reads in a transaction of its own.
    pub(super) fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        read(&self.connection, work).map_err(|fault| fault.at(&self.path))
    }

    pub(super) fn stats(&self) -> WriteStats {
        self.counters.stats()
    }

    fn work(mut self, mut jobs: mpsc::Receiver<Box<dyn Job>>) {
        while let Some(first) = jobs.blocking_recv() {
            let mut group = vec![first];
            while group.len() < GROUP
                && let Ok(job) = jobs.try_recv()
            {
                group.push(job);
            }
            group.retain(|job| !job.is_abandoned());
            if !group.is_empty() {
                self.finish(group);
            }
        }
    }

    /// Runs operations in one transaction and answers their callers.
    fn finish(&mut self, mut group: Vec<Box<dyn Job>>) {
        let failure = self.commit(&mut group).err();
        if let Some(failure) = &failure {
            self.undo(failure, group.len());
        }
        for job in group {
            job.answer(failure.clone());
        }
    }

    fn commit(&mut self, group: &mut [Box<dyn Job>]) -> Result<(), StoreError> {
        self.execute("BEGIN IMMEDIATE")?;
        for job in group {
            self.execute("SAVEPOINT operation")?;
            let mut tx = Tx { conn: &self.connection, journals: &mut self.journals };
            let verdict = job.run(&mut tx, &self.path);
            self.counters.operations.fetch_add(1, Ordering::Relaxed);
            if let Err(error) = verdict {
                // After some errors, such as a full disk, SQLite has undone
                // the whole transaction by itself.
                if self.connection.is_autocommit() {
                    return Err(error);
                }
                self.execute("ROLLBACK TO operation")?;
            }
            self.execute("RELEASE operation")?;
            agentos_faults::crash_point("store.operation.done");
        }
        agentos_faults::crash_point("store.commit.before");
        self.execute("COMMIT")?;
        agentos_faults::crash_point("store.commit.after");
        self.counters.transactions.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn execute(&self, sql: &str) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.execute([]))
            .map(drop)
            .map_err(|error| fault::sql(&error, &self.path))
    }

    fn undo(&mut self, failure: &StoreError, operations: usize) {
        self.journals.clear();
        tracing::error!(%failure, operations, "a transaction came to nothing");
        if !self.connection.is_autocommit()
            && let Err(error) = self.execute("ROLLBACK")
        {
            tracing::error!(%error, "cannot roll back");
        }
    }
}
