//! A hub: the real engine over the real store, on the simulated disk.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use agentos_domain::{AgentConfig, Clock, EdgeId, Privacy, Tier};
use agentos_engine::{Engine, EngineConfig, EngineHandle, Models, RunScope};
use agentos_generation::{Engine as _, EngineError, GenerateRequest, Generation};
use agentos_link::{Direct, EdgeRegistry, EdgeSessions, MemoryEdge, MemoryLink, Peer};
use agentos_proto::v1::HelloRequest;
use agentos_snapshot::BlobStore;
use agentos_store::{SqliteStore, Store, StoreError};
use agentos_worker::Worker;
use anyhow::Result;
use async_trait::async_trait;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

use crate::disk::Disk;
use crate::edge::worker;
use crate::life::Life;
use crate::model::PlanModel;
use crate::world::World;

/// Its database on the disk.
const DATABASE: &str = "hub.db";
/// How long a lease lasts.
pub(crate) const LEASE: Duration = Duration::from_secs(10);
/// How often the engine looks at leases.
const TICK: Duration = Duration::from_secs(1);
/// The most that the disk takes for one operation, in milliseconds.
const DISK_MS: u64 = 4;

/// The disk as the store waits for it.
struct Waiting {
    world: Arc<World>,
    life: Life,
}

impl Waiting {
    async fn wait(&self) {
        self.life.or_never(tokio::time::sleep(self.world.dice.millis(0, DISK_MS))).await;
    }
}

#[async_trait]
impl agentos_store::Disk for Waiting {
    async fn begin(&self) {
        self.wait().await;
    }

    async fn committed(&self) {
        self.wait().await;
    }
}

/// A hub's process.
pub(crate) struct Hub {
    pub(crate) life: Life,
    pub(crate) link: Arc<MemoryLink>,
    pub(crate) engine: EngineHandle,
    pub(crate) registry: Arc<dyn EdgeRegistry>,
    pub(crate) routes: Routes,
    stop: CancellationToken,
    /// The session of its own executor.
    own: OwnSession,
}

/// The session of a hub's own executor: both sides of it.
struct OwnSession {
    id: EdgeId,
    side: MemoryEdge,
    link: Arc<MemoryLink>,
}

impl Drop for OwnSession {
    /// Either side holds the other until the session is over.
    fn drop(&mut self) {
        self.side.lost("the hub is gone");
        self.link.disconnect(&self.id, "the hub is gone");
    }
}

/// What a hub is started with.
pub(crate) struct HubSetup<'a> {
    pub(crate) world: &'a Arc<World>,
    pub(crate) disk: &'a Disk,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) blobs: &'a Arc<BlobStore>,
    pub(crate) agents: Vec<AgentConfig>,
    pub(crate) edges: &'a [EdgeId],
    /// Where its own executor works.
    pub(crate) folder: &'a Path,
}

/// The models of the hub: all of them are somewhere else.
struct CloudModels {
    world: Arc<World>,
    model: PlanModel,
}

#[async_trait]
impl Models for CloudModels {
    fn without_edges(&self, privacy: Privacy) -> Vec<Tier> {
        match privacy {
            Privacy::Any => Tier::ALL.to_vec(),
            Privacy::LocalOnly => Vec::new(),
        }
    }

    async fn generate(
        &self,
        run: RunScope,
        request: GenerateRequest,
    ) -> Result<Generation, EngineError> {
        if run.privacy == Privacy::LocalOnly {
            self.world.violated(format_args!("{}: what stays at home left it", run.task_id));
        }
        self.world.note("the cloud answers a run");
        self.model.generate(request, CancellationToken::new()).await
    }
}

/// The disk as it is for whoever does not wait for it.
struct AtOnce;

#[async_trait]
impl agentos_store::Disk for AtOnce {
    async fn begin(&self) {}

    async fn committed(&self) {}
}

/// Makes the database of a hub.
pub(crate) fn install(disk: &Disk) -> Result<(), StoreError> {
    let path = disk.path(DATABASE);
    SqliteStore::open_in_place(Path::new(&path), Disk::vfs(), Arc::new(AtOnce)).map(drop)
}

impl Hub {
    /// Starts one, as after a crash: there is nothing but the disk.
    pub(crate) async fn start(setup: HubSetup<'_>) -> Result<Self> {
        let life = Life::new(&setup.world.tracker);
        let waiting = Waiting { world: Arc::clone(setup.world), life: life.clone() };
        let path = setup.disk.path(DATABASE);
        let store = SqliteStore::open_in_place(Path::new(&path), Disk::vfs(), Arc::new(waiting))?;
        let store: Arc<dyn Store> = Arc::new(store);
        join(store.as_ref(), setup.edges, setup.clock.as_ref()).await?;
        let config = EngineConfig {
            lease_ttl: LEASE,
            tick: TICK,
            agents: setup.agents,
            ..EngineConfig::default()
        };
        let model = PlanModel::new(setup.world, &life);
        let models = CloudModels { world: Arc::clone(setup.world), model };
        let clock = Arc::clone(&setup.clock);
        let engine = Engine::new(config, store, Arc::clone(setup.blobs), clock);
        let engine = engine.with_models(Arc::new(models));
        let (handle, registry, routes) = (engine.handle(), engine.registry(), engine.routes());
        let (link, stop) = (Arc::new(MemoryLink::new()), CancellationToken::new());
        let own = worker(setup.world, &life, setup.folder, setup.clock, None)?;
        let session = connect_own(&engine, &own, &link).await?;
        let to_hub = session.side.handle();
        let (world, until) = (Arc::clone(setup.world), stop.clone());
        life.spawn(async move {
            if let Err(error) = own.run(to_hub, until).await {
                world.note(format_args!("the hub's own worker stopped: {error}"));
            }
        });
        let sessions = Arc::clone(&link) as Arc<dyn EdgeSessions>;
        let (world, until, process) = (Arc::clone(setup.world), stop.clone(), life.clone());
        life.spawn(async move {
            if let Err(error) = engine.run(sessions, until).await {
                world.note(format_args!("the engine stopped: {error}"));
                // Then the hub's process ends.
                process.end();
            }
        });
        Ok(Self { life, link, engine: handle, registry, routes, stop, own: session })
    }

    /// Ends it, where it stands. The disk has to be told as well.
    pub(crate) fn kill(&self) {
        self.life.end();
        // What the process had running would go on for ever here.
        self.stop.cancel();
        self.own.side.lost("the hub is gone");
    }
}

/// Puts the hub's own executor into session, for as long as the hub lives.
async fn connect_own(engine: &Engine, own: &Worker, link: &Arc<MemoryLink>) -> Result<OwnSession> {
    let id = engine.own_executor().await?;
    let hello = HelloRequest { attempts: own.held()(), ..HelloRequest::default() };
    let epoch = engine.registry().open_session(&id, &hello).await?;
    let to_hub = Direct::new(engine.routes(), Some(Peer { edge: id.clone(), epoch }));
    let ended = link.up(&id, &hello, epoch, Arc::new(Direct::new(own.routes(), None)));
    let side = MemoryEdge::new();
    side.connected(epoch, Arc::new(to_hub), ended);
    Ok(OwnSession { id, side, link: Arc::clone(link) })
}

/// Edges join once.
async fn join(store: &dyn Store, edges: &[EdgeId], clock: &dyn Clock) -> Result<(), StoreError> {
    for (index, edge) in edges.iter().enumerate() {
        if store.edge(edge).await?.is_none() {
            let (now, token) = (clock.now(), [u8::try_from(index).unwrap_or(0); 32]);
            store.add_join_token(token, None, now, now.plus(LEASE)).await?;
            store.redeem_join_token(token, edge, &format!("edge-{index}"), now).await?;
        }
    }
    Ok(())
}
