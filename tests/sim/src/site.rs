//! The machines, and the cables between them: who runs, and who is in session
//! with whom.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use agentos_domain::{AgentConfig, EdgeId, OnEdgeLost, SessionEpoch, builtin_file_agent};
use agentos_link::{EdgeSessions as _, Peer, Wire};
use agentos_proto::v1::HelloRequest;
use agentos_snapshot::BlobStore;
use anyhow::{Context as _, Result};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::cell::Cell;
use crate::disk::{Disk, Image};
use crate::edge::{Edge, TOOLS};
use crate::hub::{Hub, HubSetup, install};
use crate::life::Life;
use crate::net::{Cable, Lane};
use crate::world::{SimClock, World};

/// The agent that may do everything.
pub(crate) const BOLD: &str = "bold";
/// The agent that asks before it changes anything.
pub(crate) const CAREFUL: &str = "careful";
/// The agent whose tasks fail with their edge.
pub(crate) const HASTY: &str = "hasty";
/// The agent whose tasks go on at the hub.
pub(crate) const ROAMING: &str = "roaming";
/// Until a service manager starts what has ended.
const RESTART: Duration = Duration::from_secs(1);
/// How long after a silence a side gives a session up.
const IDLE: Duration = Duration::from_secs(3);
/// Between two tries to connect, in milliseconds.
const REDIAL_MS: (u64, u64) = (20, 400);
/// Until the other side notices that a process is gone, in milliseconds.
const NOTICE_MS: (u64, u64) = (5, 3000);

/// One edge's machine.
pub(crate) struct EdgeSite {
    pub(crate) id: EdgeId,
    pub(crate) cable: Cable,
    running: Cell<Option<Arc<Edge>>>,
    boots: Mutex<u64>,
    folder: TempDir,
}

/// All machines.
pub(crate) struct Site {
    pub(crate) world: Arc<World>,
    pub(crate) disk: Disk,
    pub(crate) hub_clock: Arc<SimClock>,
    pub(crate) edges: Vec<EdgeSite>,
    hub: Cell<Option<Arc<Hub>>>,
    /// One process at a time opens the database: there is a lock for that.
    starting: tokio::sync::Mutex<()>,
    blobs: Arc<BlobStore>,
    _blobs_folder: TempDir,
    /// Where the hub's own executor works.
    hub_folder: TempDir,
}

fn agents() -> Result<Vec<AgentConfig>> {
    let agent = |name: &str, approval_required, on_edge_lost| -> Result<AgentConfig> {
        let tools: Result<Vec<_>, _> = TOOLS.iter().map(|(name, _)| name.parse()).collect();
        Ok(AgentConfig {
            name: name.parse()?,
            tools: tools?,
            approval_required,
            on_edge_lost: Some(on_edge_lost),
            max_iterations: 20,
            // Longer than any simulation: what ends a run here is no clock.
            timeout_seconds: 100_000,
            tool_timeout_seconds: 100_000,
            ..builtin_file_agent()
        })
    };
    Ok(vec![
        agent(BOLD, false, OnEdgeLost::Wait)?,
        agent(CAREFUL, true, OnEdgeLost::Wait)?,
        agent(HASTY, false, OnEdgeLost::Fail)?,
        agent(ROAMING, false, OnEdgeLost::Elsewhere)?,
    ])
}

fn folder() -> Result<TempDir> {
    let memory = std::path::Path::new("/dev/shm");
    let parent = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    tempfile::Builder::new().prefix("agentos-sim-").tempdir_in(parent).context("no folder")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is on the disk of a hub that was started once. Making the tables takes
/// longer than most simulations, and is tested elsewhere.
fn installed() -> Result<&'static Image> {
    static IMAGE: OnceLock<Result<Image, String>> = OnceLock::new();
    let image = IMAGE.get_or_init(|| {
        let disk = Disk::new("installed".to_owned());
        install(&disk).map_err(|error| error.to_string())?;
        Ok(disk.image())
    });
    image.as_ref().map_err(|reason| anyhow::anyhow!("no database: {reason}"))
}

impl Site {
    pub(crate) fn new(world: &Arc<World>, edges: usize) -> Result<Arc<Self>> {
        let blobs_folder = folder()?;
        let edge = |_| {
            Ok(EdgeSite {
                id: EdgeId::generate(),
                cable: Cable::new(),
                running: Cell::default(),
                boots: Mutex::new(0),
                folder: folder()?,
            })
        };
        Ok(Arc::new(Self {
            world: Arc::clone(world),
            disk: Disk::new(format!("sim-{}-{:?}", world.seed, std::thread::current().id()))
                .with(installed()?),
            hub_clock: SimClock::new(),
            edges: (0..edges).map(edge).collect::<Result<_>>()?,
            hub: Cell::default(),
            starting: tokio::sync::Mutex::default(),
            blobs: Arc::new(BlobStore::open(blobs_folder.path())?),
            _blobs_folder: blobs_folder,
            hub_folder: folder()?,
        }))
    }

    /// The hub; waits while there is none.
    pub(crate) async fn hub_up(&self) -> Arc<Hub> {
        self.hub.until(Clone::clone).await
    }

    /// Starts the hub, unless it runs. Its disk may make that impossible.
    pub(crate) async fn start_hub(&self) {
        let _starting = self.starting.lock().await;
        if self.hub.read(Option::is_some) {
            return;
        }
        let edges: Vec<_> = self.edges.iter().map(|edge| edge.id.clone()).collect();
        let setup = HubSetup {
            world: &self.world,
            disk: &self.disk,
            clock: Arc::clone(&self.hub_clock) as _,
            blobs: &self.blobs,
            agents: agents().unwrap_or_default(),
            edges: &edges,
            folder: self.hub_folder.path(),
        };
        match Hub::start(setup).await {
            Ok(hub) => {
                self.world.note("hub: started");
                self.hub.set(Some(Arc::new(hub)));
            }
            Err(error) => {
                self.disk.process_dies();
                self.world.note(format_args!("hub: does not start: {error}"));
            }
        }
    }

    /// Starts the hub again where it ended by itself, as a service manager does.
    pub(crate) async fn supervise(self: Arc<Self>) {
        loop {
            let hub = self.hub_up().await;
            hub.life.over().await;
            let is_current = |now: &Option<Arc<Hub>>| {
                now.as_ref().is_some_and(|current| Arc::ptr_eq(current, &hub))
            };
            if self.hub.read(is_current) {
                self.kill_hub(false);
                tokio::time::sleep(RESTART).await;
                self.start_hub().await;
            }
        }
    }

    /// Kills the hub; with `power`, its machine loses that.
    pub(crate) fn kill_hub(&self, power: bool) {
        let Some(hub) = self.hub.set(None) else { return };
        hub.kill();
        match power {
            true => self.disk.power_fails(&self.world.dice),
            false => self.disk.process_dies(),
        }
        self.world.note(if power { "hub: power lost" } else { "hub: killed" });
    }

    pub(crate) fn start_edge(&self, index: usize) {
        let site = &self.edges[index];
        if site.running.read(Option::is_some) {
            return;
        }
        let boot = {
            let mut boots = lock(&site.boots);
            *boots += 1;
            *boots
        };
        match Edge::start(&self.world, &site.id, site.folder.path(), SimClock::new(), boot) {
            Ok(edge) => {
                self.world.note(format_args!("edge {index}: started"));
                site.running.set(Some(Arc::new(edge)));
            }
            Err(error) => self.world.violated(format_args!("edge {index} does not start: {error}")),
        }
    }

    pub(crate) fn kill_edge(&self, index: usize) {
        let Some(edge) = self.edges[index].running.set(None) else { return };
        edge.kill();
        self.world.note(format_args!("edge {index}: killed"));
    }

    /// Ends everything. Within a session either side holds the other: what is not
    /// parted here would stay in memory, with its files open.
    pub(crate) fn end(&self) {
        let hub = self.hub.set(None);
        for site in &self.edges {
            if let Some(hub) = &hub {
                hub.link.disconnect(&site.id, "the simulation is over");
            }
            if let Some(edge) = site.running.set(None) {
                edge.kill();
                edge.link.lost("the simulation is over");
            }
        }
        if let Some(hub) = hub {
            hub.kill();
        }
    }

    /// Keeps an edge connected, as its link does.
    pub(crate) async fn connect(self: Arc<Self>, index: usize) {
        loop {
            let edge = self.edges[index].running.until(Clone::clone).await;
            let hub = self.hub_up().await;
            let cable = &self.edges[index].cable;
            cable.until(false).await;
            tokio::time::sleep(self.world.dice.millis(REDIAL_MS.0, REDIAL_MS.1)).await;
            if edge.life.is_over() || hub.life.is_over() || cable.is_parted() {
                continue;
            }
            if let Some(session) = self.hello(index, &edge, &hub).await {
                session.hold(&self.world).await;
            }
        }
    }

    /// Opens a session, if all goes well.
    async fn hello(&self, index: usize, edge: &Arc<Edge>, hub: &Arc<Hub>) -> Option<Session> {
        let hello = HelloRequest {
            boot_id: format!("boot-{}", edge.boot),
            version: "0.0.0".to_owned(),
            capabilities: Vec::new(),
            attempts: (edge.held)(),
        };
        let opened = hub.life.while_alive(hub.registry.open_session(&edge.id, &hello)).await?;
        let epoch = match opened {
            Ok(epoch) => epoch,
            Err(error) => {
                self.world.note(format_args!("edge {index}: refused: {error}"));
                return None;
            }
        };
        let cable = self.edges[index].cable.clone();
        let to_hub = CancellationToken::new();
        // The hub learns of its end by itself, or from the table of sessions.
        let to_edge = CancellationToken::new();
        let wire = |to: &Life, routes, peer, closed: &CancellationToken, name| -> Arc<dyn Wire> {
            Arc::new(Lane {
                world: Arc::clone(&self.world),
                cable: cable.clone(),
                to: to.clone(),
                routes,
                peer,
                closed: closed.clone(),
                name,
            })
        };
        let down = wire(&edge.life, edge.routes.clone(), None, &to_edge, format!("hub>{index}"));
        let peer = Some(Peer { edge: edge.id.clone(), epoch });
        let up = wire(&hub.life, hub.routes.clone(), peer, &to_hub, format!("{index}>hub"));
        let ended = hub.link.up(&edge.id, &hello, epoch, down);
        edge.link.connected(epoch, up, to_hub.clone());
        self.world.note(format_args!("edge {index}: session {epoch}"));
        let (hub, edge) = (Arc::clone(hub), Arc::clone(edge));
        Some(Session { epoch, cable, hub, edge, ended, to_edge, to_hub })
    }
}

/// A session between the hub and an edge.
struct Session {
    epoch: SessionEpoch,
    cable: Cable,
    hub: Arc<Hub>,
    edge: Arc<Edge>,
    /// The end, as the hub's table says.
    ended: CancellationToken,
    to_edge: CancellationToken,
    to_hub: CancellationToken,
}

impl Session {
    /// Waits for the end of it, as the edge sees it; the hub may learn of it
    /// later.
    async fn hold(self, world: &Arc<World>) {
        let parted = async {
            loop {
                self.cable.until(true).await;
                if tokio::time::timeout(IDLE, self.cable.until(false)).await.is_err() {
                    return;
                }
            }
        };
        let notice = world.dice.millis(NOTICE_MS.0, NOTICE_MS.1);
        let reason = tokio::select! {
            biased;
            () = self.edge.life.over() => "the edge died",
            () = self.hub.life.over() => {
                tokio::time::sleep(notice).await;
                "the hub died"
            }
            () = self.ended.cancelled() => "the hub ended it",
            () = parted => "silence",
        };
        self.edge.link.lost(reason);
        self.to_hub.cancel();
        world.note(format_args!("session {}: {reason}", self.epoch));
        let hub = Arc::clone(&self.hub);
        let (edge, epoch, to_edge, ended) =
            (self.edge.id.clone(), self.epoch, self.to_edge, self.ended);
        hub.life.clone().spawn(async move {
            let slow = tokio::time::sleep(notice);
            tokio::select! {
                biased;
                () = ended.cancelled() => {}
                () = slow => {}
            }
            to_edge.cancel();
            hub.link.down(&edge, epoch, reason);
            hub.registry.close_session(&edge, epoch).await;
        });
    }
}
