//! The running edge.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use agentos_domain::{Clock, SystemClock};
use agentos_generation::Engine;
use agentos_inference::{LlamaConfig, LlamaEngine, pocket};
use agentos_link::{EdgeIdentity, EdgeLink, EdgeLinkConfig};
use agentos_process::until_end;
use agentos_tools::Registry;
use agentos_worker::{Blocking, Worker, WorkerConfig};
use tokio_util::sync::CancellationToken;

use crate::error::EdgeError;
use crate::join::{create_data_dir, hub_file, identity_dir};
use crate::settings::Settings;

const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Model calls that may wait.
const QUEUE_LIMIT: usize = 256;
/// Files kept for later runs, in bytes.
const CACHE_LIMIT: u64 = 4 * 1024 * 1024 * 1024;
const HEARTBEAT: Duration = Duration::from_secs(1);
/// How long runs may take to end their steps when the edge is stopped; a
/// service manager waits longer before it kills.
const DRAIN: Duration = Duration::from_secs(20);

/// All parts of the edge, with the model loaded.
pub struct App {
    engine: Arc<LlamaEngine>,
    worker: Worker,
    link: EdgeLink,
}

impl App {
    /// Loads the model and prepares the link.
    ///
    /// # Errors
    /// Where the edge has not joined, or the model cannot be loaded.
    pub async fn start(settings: &Settings, tools: Registry) -> Result<Self, EdgeError> {
        create_data_dir(settings.data())?;
        let identity_dir = identity_dir(settings.data());
        if EdgeIdentity::load(&identity_dir).is_err() {
            return Err(EdgeError::NotJoined { data: settings.data().to_owned() });
        }
        let hub = hub_address(settings)?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let config = LlamaConfig {
            model: model_file(settings)?,
            context_tokens: settings.context_tokens(),
            threads: settings.threads(),
            gpu_layers: settings.gpu_layers(),
            queue_limit: QUEUE_LIMIT,
        };
        let engine = Arc::new(LlamaEngine::load(config, Arc::clone(&clock)).await?);
        let status = engine.status();
        tracing::info!(model = status.model, demonstration = status.demonstration, "model loaded");

        let worker_config = WorkerConfig {
            data_dir: settings.data().to_owned(),
            cache_limit: CACHE_LIMIT,
            heartbeat: HEARTBEAT,
            drain: DRAIN,
            blocking: Blocking::Threads,
        };
        let worker = Worker::open(
            worker_config,
            Some(Arc::clone(&engine) as Arc<dyn Engine>),
            tools,
            Arc::clone(&clock),
        )?;
        let mut link_config = EdgeLinkConfig::new(hub, identity_dir, VERSION);
        link_config.capabilities = vec!["execute".to_owned(), "generate".to_owned()];
        link_config.transport = settings.transport();
        let link = EdgeLink::new(link_config, worker.routes(), worker.held(), clock)?;
        Ok(Self { engine, worker, link })
    }

    /// Serves the hub until `cancel`.
    ///
    /// # Errors
    /// Where a part cannot go on; the others are then stopped.
    pub async fn run(self, cancel: CancellationToken) -> Result<(), EdgeError> {
        let Self { engine, worker, link } = self;
        let (handle, done) = (link.handle(), CancellationToken::new());
        let result = tokio::try_join!(
            until_end(&cancel, async {
                // The worker gives its runs back through the link.
                link.run(done.clone()).await;
                Ok(())
            }),
            until_end(&done, async { Ok(worker.run(handle, cancel.clone()).await?) }),
        );
        // Before the process ends: a GPU back-end aborts on a live context.
        engine.shutdown().await;
        result.map(|_| ())
    }
}

fn hub_address(settings: &Settings) -> Result<String, EdgeError> {
    if let Some(hub) = settings.hub() {
        return Ok(hub.to_owned());
    }
    let file = hub_file(settings.data());
    match std::fs::read_to_string(&file) {
        Ok(hub) => Ok(hub.trim().to_owned()),
        Err(_) => Err(EdgeError::NotJoined { data: settings.data().to_owned() }),
    }
}

/// The model that was named, or the pocket model.
fn model_file(settings: &Settings) -> Result<PathBuf, EdgeError> {
    if let Some(model) = settings.model() {
        return Ok(model.to_owned());
    }
    let path = settings.data().join("pocket.gguf");
    pocket::write_pocket_model(&path)
        .map_err(|source| EdgeError::DataDir { path: path.clone(), source })?;
    tracing::warn!(
        "no model is set: the pocket model answers, a demonstration that knows file tasks in \
         English and nothing else; set AGENT_OS_MODEL to a GGUF file, a Qwen3 for instance"
    );
    Ok(path)
}
