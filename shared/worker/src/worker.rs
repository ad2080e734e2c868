//! The worker as a service.

#![expect(clippy::disallowed_methods, reason = "the data folder is of the configuration")]

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use agentos_domain::Clock;
use agentos_generation::Engine;
use agentos_link::EdgeLinkHandle;
use agentos_proto::v1::HeldAttempt;
use agentos_proto::v1::executor_server::ExecutorServer;
use agentos_proto::v1::inference_server::InferenceServer;
use agentos_tools::Registry;
use agentos_validate::quality::Checker;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::blocking::Blocking;
use crate::checkers;
use crate::error::WorkerError;
use crate::executor::ExecutorService;
use crate::files::RunFiles;
use crate::hub::{Hub, LinkedHub};
use crate::inference::InferenceService;
use crate::load::LoadMeter;
use crate::runner::Bench;
use crate::runs::{Recovered, Runs};
use crate::spool::Spool;
use crate::toolbox;

/// A journal and a manifest can be larger than gRPC's usual 4 MiB.
const MAX_REQUEST_BYTES: usize = 32 * 1024 * 1024;
/// How long running attempts may take to stop.
const STOP_DEADLINE: Duration = Duration::from_secs(5);

/// How the worker behaves.
#[derive(Debug, Clone)]
pub struct WorkerConfig {
    /// Folder for the cache of files and the folders of runs.
    pub data_dir: PathBuf,
    /// The most bytes of files kept in the cache.
    pub cache_limit: u64,
    /// Between two reports of load and leases; well below the hub's lease time.
    pub heartbeat: Duration,
    /// How long runs may take to end their steps when the edge stops.
    pub drain: Duration,
    /// Where work on files is done.
    pub blocking: Blocking,
    /// Whether the hub is told how busy this machine is.
    pub tells_load: bool,
}

/// Runs agents for the hub.
pub struct Worker {
    config: WorkerConfig,
    /// The model on this machine, if there is one.
    engine: Option<Arc<dyn Engine>>,
    /// What says whether code is well made, where that is installed.
    checker: Option<Arc<dyn Checker>>,
    runs: Arc<Runs>,
    /// What an earlier process of this edge left.
    recovered: Vec<Recovered>,
    fatal: CancellationToken,
    /// One process at a time works in a data folder: two would take up the same
    /// runs.
    _lock: File,
}

impl Worker {
    /// A worker that uses `tools`, and `engine` for the local tiers; for the
    /// others, and where there is no engine, it asks the hub. It holds the runs
    /// that an earlier process left in its data folder; they go on when it runs.
    ///
    /// # Errors
    /// Where the data folder cannot be used.
    pub fn open(
        config: WorkerConfig,
        engine: Option<Arc<dyn Engine>>,
        tools: Registry,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, WorkerError> {
        let lock = lock(&config.data_dir)?;
        clear(&toolbox::scratch(&config.data_dir));
        let runs = Runs {
            attempts: Arc::default(),
            tools: Arc::new(tools),
            spool: Spool::open(&config.data_dir.join("spool"), config.blocking)?,
            clock,
            bench: OnceCell::new(),
            tracker: TaskTracker::new(),
            draining: CancellationToken::new(),
            stop: CancellationToken::new(),
            gone: CancellationToken::new(),
        };
        let recovered = runs.recover()?;
        let (runs, fatal) = (Arc::new(runs), CancellationToken::new());
        let checker = checkers::installed(&config.data_dir);
        Ok(Self { config, engine, checker, runs, recovered, fatal, _lock: lock })
    }

    /// Has the code that runs write held against what `checker` says of it,
    /// where an agent's configuration asks for that (`validation.lint`).
    #[must_use]
    pub fn with_checker(mut self, checker: Arc<dyn Checker>) -> Self {
        self.checker = Some(checker);
        self
    }

    /// The services that this edge offers to its hub.
    #[must_use]
    pub fn routes(&self) -> tonic::service::Routes {
        let executor = ExecutorService::new(Arc::clone(&self.runs));
        let executor = ExecutorServer::new(executor).max_decoding_message_size(MAX_REQUEST_BYTES);
        let routes = tonic::service::Routes::new(executor);
        let Some(engine) = &self.engine else { return routes };
        let inference = InferenceServer::new(InferenceService::new(Arc::clone(engine)))
            .max_decoding_message_size(MAX_REQUEST_BYTES);
        routes.add_service(inference)
    }

    /// Tells which attempts this edge holds, for the link's greeting.
    #[must_use]
    pub fn held(&self) -> Arc<dyn Fn() -> Vec<HeldAttempt> + Send + Sync> {
        let attempts = Arc::clone(&self.runs.attempts);
        Arc::new(move || attempts.held())
    }

    /// Works until `cancel`, then has all runs end the step that they are in and
    /// gives them back. The link has to last until this returns.
    ///
    /// # Errors
    /// Where the data folder cannot be used.
    pub async fn run(
        mut self,
        link: EdgeLinkHandle,
        cancel: CancellationToken,
    ) -> Result<(), WorkerError> {
        // However this ends, no run is left behind.
        let _gone = self.runs.gone.clone().drop_guard();
        let hub = LinkedHub::new(link, Arc::clone(&self.runs.clock));
        let bench = self.bench(Arc::clone(&hub) as Arc<dyn Hub>)?;
        let recovered = std::mem::take(&mut self.recovered);
        self.runs.resume(&bench, recovered);
        // A worker is run once: this consumes it.
        let _ = self.runs.bench.set(bench);
        let until = async {
            cancel.run_until_cancelled(self.fatal.cancelled()).await;
            self.stop().await;
        };
        tokio::select! {
            biased;
            () = until => {}
            () = self.heartbeats(&hub) => {}
        }
        if self.fatal.is_cancelled() {
            return Err(WorkerError::EngineStopped);
        }
        Ok(())
    }

    /// Gives all runs back, each after the step that it is in. What takes too
    /// long for that is left to the next process of this edge.
    async fn stop(&self) {
        self.runs.tracker.close();
        self.runs.draining.cancel();
        if !self.fatal.is_cancelled() {
            let running = self.runs.attempts.len();
            tracing::info!(running, "stopping; runs end their steps");
            let drained = tokio::time::timeout(self.config.drain, self.runs.tracker.wait());
            if drained.await.is_ok() {
                return;
            }
        }
        self.runs.stop.cancel();
        if tokio::time::timeout(STOP_DEADLINE, self.runs.tracker.wait()).await.is_err() {
            tracing::warn!("runs did not stop within 5 s");
        }
    }

    /// What runs need from this edge.
    fn bench(&self, hub: Arc<dyn Hub>) -> Result<Arc<Bench>, WorkerError> {
        let WorkerConfig { data_dir, cache_limit, blocking, .. } = &self.config;
        Ok(Arc::new(Bench {
            engine: self.engine.clone(),
            tools: Arc::clone(&self.runs.tools),
            checker: self.checker.clone(),
            files: RunFiles::open(data_dir, *cache_limit, *blocking)?,
            spool: self.runs.spool.clone(),
            hub,
            clock: Arc::clone(&self.runs.clock),
            fatal: self.fatal.clone(),
            draining: self.runs.draining.clone(),
        }))
    }

    async fn heartbeats(&self, hub: &LinkedHub) {
        let meter = LoadMeter::new(self.config.tells_load);
        let mut tick = tokio::time::interval(self.config.heartbeat);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            let load = meter.read(self.engine.as_deref(), self.runs.attempts.len());
            let lost = hub.heartbeat(self.runs.attempts.held(), load).await.unwrap_or_default();
            for id in lost {
                if let Some(attempt) = self.runs.attempts.get(&id) {
                    tracing::info!(task = %attempt.task, "the lease is lost; the run stops");
                    attempt.cancel.cancel();
                }
            }
        }
    }
}

/// Removes what programs of an earlier process left of their temporary files.
fn clear(scratch: &Path) {
    let left = std::fs::read_dir(scratch).into_iter().flatten().flatten();
    for folder in left {
        if let Err(error) = std::fs::remove_dir_all(folder.path()) {
            tracing::warn!(%error, "could not remove temporary files of a program");
        }
    }
}

/// Keeps other processes out of the data folder, for as long as the file is open.
fn lock(folder: &Path) -> Result<File, WorkerError> {
    let failed = |error: std::io::Error| WorkerError::Spool(error.to_string());
    std::fs::create_dir_all(folder).map_err(failed)?;
    let path = folder.join("worker.lock");
    let file = File::options().create(true).append(true).open(path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(WorkerError::InUse(folder.to_owned())),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_folder_has_one_worker_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let first = lock(dir.path()).unwrap();
        assert!(matches!(lock(dir.path()), Err(WorkerError::InUse(_))));
        drop(first);
        lock(dir.path()).unwrap();
    }
}
