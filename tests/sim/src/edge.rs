//! An edge: the real worker, with a model that follows a plan and tools whose
//! effects are counted.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use agentos_domain::{Clock, EdgeId, ToolClass};
use agentos_generation::Engine;
use agentos_link::MemoryEdge;
use agentos_proto::v1::HeldAttempt;
use agentos_tools::Registry;
use agentos_worker::{Blocking, Worker, WorkerConfig};
use anyhow::Result;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

use crate::life::Life;
use crate::model::PlanModel;
use crate::tools::CountedTool;
use crate::world::World;

const HEARTBEAT: Duration = Duration::from_secs(3);

/// An edge's process.
pub(crate) struct Edge {
    pub(crate) id: EdgeId,
    pub(crate) life: Life,
    pub(crate) link: MemoryEdge,
    pub(crate) routes: Routes,
    pub(crate) held: Arc<dyn Fn() -> Vec<HeldAttempt> + Send + Sync>,
    /// Which of its processes this is.
    pub(crate) boot: u64,
    stop: CancellationToken,
}

impl Edge {
    pub(crate) fn start(
        world: &Arc<World>,
        id: &EdgeId,
        folder: &Path,
        clock: Arc<dyn Clock>,
        boot: u64,
    ) -> Result<Self> {
        let life = Life::new(&world.tracker);
        let model = Arc::new(PlanModel::new(world, &life));
        let worker = worker(world, &life, folder, clock, Some(model))?;
        let (routes, held) = (worker.routes(), worker.held());
        let (link, stop) = (MemoryEdge::new(), CancellationToken::new());
        let (handle, until, record) = (link.handle(), stop.clone(), Arc::clone(world));
        life.spawn(async move {
            if let Err(error) = worker.run(handle, until).await {
                record.note(format_args!("a worker stopped: {error}"));
            }
        });
        Ok(Self { id: id.clone(), life, link, routes: routes.prepare(), held, boot, stop })
    }

    /// Ends it, where it stands.
    pub(crate) fn kill(&self) {
        self.life.end();
        // What the process had running would go on for ever here.
        self.stop.cancel();
    }
}

/// The worker of an edge or of the hub; its tools live as long as `life`.
pub(crate) fn worker(
    world: &Arc<World>,
    life: &Life,
    folder: &Path,
    clock: Arc<dyn Clock>,
    model: Option<Arc<dyn Engine>>,
) -> Result<Worker> {
    let config = WorkerConfig {
        data_dir: folder.to_owned(),
        cache_limit: u64::MAX,
        heartbeat: HEARTBEAT,
        drain: Duration::from_secs(5),
        blocking: Blocking::InPlace,
    };
    let mut tools = Registry::new();
    for (name, class) in TOOLS {
        tools.insert(Arc::new(CountedTool::new(world, life, name, class)?))?;
    }
    Ok(Worker::open(config, model, tools, clock)?)
}

/// The tools, by the letter that stands for them in a plan.
pub(crate) const TOOLS: [(&str, ToolClass); 3] =
    [("look", ToolClass::Read), ("put", ToolClass::Idempotent), ("send", ToolClass::Once)];
