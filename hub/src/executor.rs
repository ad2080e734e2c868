//! The hub's own executor: the same worker as on an edge, without a model of its
//! own. It is given the tasks that may be done elsewhere while no edge is there.

use std::sync::Arc;
use std::time::Duration;

use agentos_domain::Clock;
use agentos_engine::Engine;
use agentos_link::{Direct, EdgeRegistry, EdgeSessions as _, HubLinkHandle, MemoryEdge, Peer};
use agentos_proto::v1::HelloRequest;
use agentos_tools::Registry;
use agentos_worker::{Blocking, Worker, WorkerConfig};
use tokio_util::sync::CancellationToken;

use crate::error::HubError;
use crate::paths::DataDir;

/// Files kept for later runs, in bytes.
const CACHE_LIMIT: u64 = 512 * 1024 * 1024;
const HEARTBEAT: Duration = Duration::from_secs(1);
/// How long runs may take to end their steps when the hub is stopped.
const DRAIN: Duration = Duration::from_secs(10);

/// The hub's own executor, not yet connected.
pub(crate) struct OwnExecutor {
    worker: Worker,
    registry: Arc<dyn EdgeRegistry>,
    /// The services that the hub offers to executors.
    hub: tonic::service::Routes,
    id: agentos_domain::EdgeId,
    version: &'static str,
}

impl OwnExecutor {
    /// # Errors
    /// Where its folder or the store cannot be used.
    pub(crate) async fn open(
        engine: &Engine,
        data: &DataDir,
        tools: Registry,
        clock: Arc<dyn Clock>,
        version: &'static str,
    ) -> Result<Self, HubError> {
        let config = WorkerConfig {
            data_dir: data.executor(),
            cache_limit: CACHE_LIMIT,
            heartbeat: HEARTBEAT,
            drain: DRAIN,
            blocking: Blocking::Threads,
            tells_load: false,
        };
        let worker = Worker::open(config, None, tools, clock)?;
        let id = engine.own_executor().await?;
        Ok(Self { worker, registry: engine.registry(), hub: engine.routes(), id, version })
    }

    /// Works until `cancel`, in one session that lasts as long as the hub.
    ///
    /// # Errors
    /// Where the session cannot be opened, or the folder not be used.
    pub(crate) async fn run(
        self,
        link: HubLinkHandle,
        cancel: CancellationToken,
    ) -> Result<(), HubError> {
        let Self { worker, registry, hub, id, version } = self;
        let hello = HelloRequest {
            boot_id: agentos_domain::RequestId::generate().to_string(),
            version: version.to_owned(),
            capabilities: vec!["execute".to_owned()],
            attempts: worker.held()(),
        };
        let epoch = registry.open_session(&id, &hello).await?;
        let to_worker = Arc::new(Direct::new(worker.routes(), None));
        let to_hub = Arc::new(Direct::new(hub, Some(Peer { edge: id.clone(), epoch })));
        let ended = link.up_in_process(&id, &hello, epoch, to_worker);
        let own_side = MemoryEdge::new();
        own_side.connected(epoch, to_hub, ended);
        let worked = worker.run(own_side.handle(), cancel).await;
        // Either side holds the other until the session is over.
        own_side.lost("the hub stops");
        link.disconnect(&id, "the hub stops");
        Ok(worked?)
    }
}
