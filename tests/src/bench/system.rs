//! A hub and an edge in this process, joined as real ones are.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use agentos_domain::{Clock, SystemClock};
use agentos_engine::{Engine, EngineConfig, EngineHandle};
use agentos_link::{
    EdgeIdentity, EdgeLink, EdgeLinkConfig, EdgeLinkHandle, EdgeSession, EdgeSessions as _,
    HubLink, HubLinkConfig, HubLinkHandle, LinkChannel, LinkEvent, Transport, TransportChoice,
};
use agentos_proto::v1::HeldAttempt;
use agentos_snapshot::BlobStore;
use agentos_store::{SqliteConfig, SqliteStore, Store};
use tokio::sync::broadcast;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

use super::error::{BenchError, within};

const VERSION: &str = env!("CARGO_PKG_VERSION");
const START_LIMIT: Duration = Duration::from_secs(15);
const STOP_LIMIT: Duration = Duration::from_secs(15);
/// Nothing here may lose its lease to a slow disk.
const LEASE: Duration = Duration::from_secs(3600);

/// Parts that run until they are stopped.
type Parts = JoinSet<Result<(), BenchError>>;

/// What an edge tells that it holds.
pub(crate) type Held = Arc<dyn Fn() -> Vec<HeldAttempt> + Send + Sync>;

/// An edge that holds no attempts.
pub(crate) fn no_attempts() -> Held {
    Arc::new(Vec::new)
}

/// For a call over the link that failed.
pub(crate) fn failed_call(part: &'static str) -> impl Fn(tonic::Status) -> BenchError {
    move |status| BenchError::Part {
        part,
        reason: format!("{:?}: {}", status.code(), status.message()),
    }
}

/// Store, engine and link of a hub, and the identity of an edge that joined.
pub(crate) struct Hub {
    pub(crate) engine: EngineHandle,
    pub(crate) clock: Arc<dyn Clock>,
    store: Arc<SqliteStore>,
    link: HubLinkHandle,
    identity: EdgeIdentity,
    identity_dir: PathBuf,
    parts: Parts,
    cancel: CancellationToken,
}

impl Hub {
    /// Starts a hub with its data in `folder`, and has an edge join it.
    pub(crate) async fn start(folder: &Path) -> Result<Self, BenchError> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let config = SqliteConfig { path: folder.join("agent_os.db"), readers: 2 };
        let store = Arc::new(SqliteStore::open(config).await?);
        let blobs = BlobStore::open(&folder.join("blobs"))
            .map_err(|error| BenchError::part("blobs")(&error))?;
        let engine = Engine::new(
            EngineConfig { lease_ttl: LEASE, ..EngineConfig::default() },
            Arc::clone(&store) as Arc<dyn Store>,
            Arc::new(blobs),
            Arc::clone(&clock),
        );
        let handle = engine.handle();
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let config = HubLinkConfig::new(listen, folder.join("link"), VERSION);
        let routes = engine.routes();
        let listener = HubLink::bind(config, engine.registry(), routes, Arc::clone(&clock)).await?;
        let link = listener.handle();

        let (mut parts, cancel) = (Parts::new(), CancellationToken::new());
        let (for_engine, stop) = (Arc::new(link.clone()), cancel.clone());
        parts.spawn(async move {
            let result = engine.run(for_engine, stop).await;
            result.map_err(|error| BenchError::part("engine")(&error))
        });
        let stop = cancel.clone();
        parts.spawn(async move { Ok(listener.run(stop).await?) });

        let (token, hash) = link.new_join_token();
        let now = clock.now();
        store.add_join_token(hash, Some("bench"), now, now.plus(LEASE)).await?;
        let identity_dir = folder.join("edge");
        let address = link.local_addr().to_string();
        let identity = agentos_link::join(&address, &token, "bench", &identity_dir).await?;
        Ok(Self { engine: handle, clock, store, link, identity, identity_dir, parts, cancel })
    }

    /// Connects the edge over one transport, and no other.
    pub(crate) async fn connect(
        &self,
        transport: TransportChoice,
        services: Routes,
        held: Held,
    ) -> Result<Edge, BenchError> {
        let address = self.link.local_addr().to_string();
        let mut config = EdgeLinkConfig::new(address, self.identity_dir.clone(), VERSION);
        config.transport = transport;
        let link = EdgeLink::new(config, services, held, Arc::clone(&self.clock))?;
        let handle = link.handle();
        let mut events = self.link.subscribe();
        let (mut parts, cancel) = (Parts::new(), CancellationToken::new());
        let stop = cancel.clone();
        parts.spawn(async move {
            link.run(stop).await;
            Ok(())
        });
        let session =
            within(START_LIMIT, "connecting an edge", self.session(&mut events)).await??;
        let wanted = match transport {
            TransportChoice::QuicOnly => Some(Transport::Quic),
            TransportChoice::TcpOnly => Some(Transport::Tcp),
            TransportChoice::Auto => None,
        };
        if wanted.is_some_and(|wanted| wanted != session.transport) {
            let reason =
                format!("connected over {} although {transport:?} was asked", session.transport);
            return Err(BenchError::Part { part: "link", reason });
        }
        Ok(Edge { handle, session, parts, cancel })
    }

    async fn session(
        &self,
        events: &mut broadcast::Receiver<LinkEvent>,
    ) -> Result<EdgeSession, BenchError> {
        loop {
            match events.recv().await {
                Ok(LinkEvent::Up(session)) if session.edge_id == *self.identity.edge_id() => {
                    return Ok(session);
                }
                Ok(_) => {}
                Err(error) => return Err(BenchError::part("link")(&error)),
            }
        }
    }

    /// Stops all parts and closes the store.
    pub(crate) async fn stop(self) -> Result<(), BenchError> {
        let result = stop(self.parts, &self.cancel, "stopping the hub").await;
        self.store.close(STOP_LIMIT).await;
        result
    }
}

/// An edge in session.
pub(crate) struct Edge {
    pub(crate) handle: EdgeLinkHandle,
    /// The hub's end.
    pub(crate) session: EdgeSession,
    parts: Parts,
    cancel: CancellationToken,
}

impl Edge {
    /// For calls to the hub.
    pub(crate) async fn hub_channel(&self) -> Result<LinkChannel, BenchError> {
        Ok(self.handle.connected(START_LIMIT).await?)
    }

    /// Runs a part of the edge, which ends when the edge stops.
    pub(crate) fn run(
        &mut self,
        part: impl FnOnce(EdgeLinkHandle, CancellationToken) -> PartFuture,
    ) {
        self.parts.spawn(part(self.handle.clone(), self.cancel.clone()));
    }

    /// Ends the session and waits until the hub has noticed.
    pub(crate) async fn stop(self) -> Result<(), BenchError> {
        stop(self.parts, &self.cancel, "stopping an edge").await?;
        within(STOP_LIMIT, "the end of a session", self.session.closed()).await
    }
}

/// A part of an edge.
pub(crate) type PartFuture = futures::future::BoxFuture<'static, Result<(), BenchError>>;

async fn stop(
    mut parts: Parts,
    cancel: &CancellationToken,
    what: &'static str,
) -> Result<(), BenchError> {
    cancel.cancel();
    while let Some(ended) = within(STOP_LIMIT, what, parts.join_next()).await? {
        ended.map_err(|error| BenchError::part(what)(&error))??;
    }
    Ok(())
}
