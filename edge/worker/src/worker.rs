//! The worker as a service.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use agentos_domain::Clock;
use agentos_inference::Engine;
use agentos_link::EdgeLinkHandle;
use agentos_proto::v1::HeldAttempt;
use agentos_proto::v1::executor_server::ExecutorServer;
use agentos_proto::v1::inference_server::InferenceServer;
use agentos_tools::Registry;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::attempts::Attempts;
use crate::blocking::Blocking;
use crate::error::WorkerError;
use crate::executor::ExecutorService;
use crate::files::RunFiles;
use crate::hub::{Hub, LinkedHub};
use crate::inference::InferenceService;
use crate::load::LoadMeter;
use crate::runner::Bench;

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
    /// Where work on files is done.
    pub blocking: Blocking,
}

/// Runs agents for the hub.
pub struct Worker {
    config: WorkerConfig,
    engine: Arc<dyn Engine>,
    tools: Arc<Registry>,
    clock: Arc<dyn Clock>,
    attempts: Arc<Attempts>,
    bench: Arc<OnceCell<Arc<Bench>>>,
    tracker: TaskTracker,
    cancel: CancellationToken,
    fatal: CancellationToken,
}

impl Worker {
    /// A worker that uses `engine` and `tools`.
    #[must_use]
    pub fn new(
        config: WorkerConfig,
        engine: Arc<dyn Engine>,
        tools: Registry,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            config,
            engine,
            tools: Arc::new(tools),
            clock,
            attempts: Arc::default(),
            bench: Arc::default(),
            tracker: TaskTracker::new(),
            cancel: CancellationToken::new(),
            fatal: CancellationToken::new(),
        }
    }

    /// The services that this edge offers to its hub.
    #[must_use]
    pub fn routes(&self) -> tonic::service::Routes {
        let executor = ExecutorService::new(
            Arc::clone(&self.attempts),
            Arc::clone(&self.bench),
            self.tracker.clone(),
            self.cancel.clone(),
        );
        let executor = ExecutorServer::new(executor).max_decoding_message_size(MAX_REQUEST_BYTES);
        let inference = InferenceServer::new(InferenceService::new(Arc::clone(&self.engine)))
            .max_decoding_message_size(MAX_REQUEST_BYTES);
        tonic::service::Routes::new(executor).add_service(inference)
    }

    /// Tells which attempts this edge holds, for the link's greeting.
    #[must_use]
    pub fn held(&self) -> Arc<dyn Fn() -> Vec<HeldAttempt> + Send + Sync> {
        let attempts = Arc::clone(&self.attempts);
        Arc::new(move || attempts.held())
    }

    /// Works until `cancel`, then stops all runs; the hub gives them to the
    /// next session.
    ///
    /// # Errors
    /// Where the data folder cannot be used.
    pub async fn run(
        self,
        link: EdgeLinkHandle,
        cancel: CancellationToken,
    ) -> Result<(), WorkerError> {
        let hub = LinkedHub::new(link);
        self.open_bench(Arc::clone(&hub) as Arc<dyn Hub>)?;
        let work = self.fatal.run_until_cancelled(self.heartbeats(&hub));
        cancel.run_until_cancelled(work).await;
        self.cancel.cancel();
        self.tracker.close();
        if tokio::time::timeout(STOP_DEADLINE, self.tracker.wait()).await.is_err() {
            tracing::warn!("runs did not stop within 5 s");
        }
        if self.fatal.is_cancelled() {
            return Err(WorkerError::EngineStopped);
        }
        Ok(())
    }

    /// Makes the worker ready for runs.
    pub(crate) fn open_bench(&self, hub: Arc<dyn Hub>) -> Result<(), WorkerError> {
        let bench = Bench {
            engine: Arc::clone(&self.engine),
            tools: Arc::clone(&self.tools),
            files: RunFiles::open(
                &self.config.data_dir,
                self.config.cache_limit,
                self.config.blocking,
            )?,
            hub,
            clock: Arc::clone(&self.clock),
            fatal: self.fatal.clone(),
        };
        // A worker is run once: `run` consumes it.
        let _ = self.bench.set(Arc::new(bench));
        Ok(())
    }

    async fn heartbeats(&self, hub: &LinkedHub) {
        let meter = LoadMeter::new();
        let mut tick = tokio::time::interval(self.config.heartbeat);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            let load = meter.read(self.engine.as_ref(), self.attempts.len());
            let lost = hub.heartbeat(self.attempts.held(), load).await.unwrap_or_default();
            for id in lost {
                if let Some(attempt) = self.attempts.get(&id) {
                    tracing::info!(task = %attempt.task, "the lease is lost; the run stops");
                    attempt.cancel.cancel();
                }
            }
        }
    }
}
