//! Sockets and loops of the hub's side.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use agentos_domain::Clock;
use agentos_proto::v1::liveness_server::LivenessServer;
use agentos_proto::v1::session_server::SessionServer;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::service::Routes;

use super::accept::{accept_quic, accept_tcp};
use super::config::{EdgeRegistry, HubLinkConfig};
use super::handle::HubLinkHandle;
use super::session::SessionService;
use super::sources::Sources;
use super::table::Table;
use crate::error::LinkError;
use crate::identity::{CertificateAuthority, read_or_create_key};
use crate::quic;
use crate::serve::{Alive, KeepAlive, SHUTDOWN_LIMIT};
use crate::tls::{Current, HubTls};

/// Handshakes that may be under way at once, over each transport.
const HANDSHAKES: usize = 64;
/// Of them, over TCP, from one address.
const HANDSHAKES_PER_SOURCE: usize = 8;
/// Edges that may join at once.
const JOINS: usize = 16;
/// Of them from one address.
const JOINS_PER_SOURCE: usize = 2;
const MAX_SESSION_MESSAGE: usize = 256 << 10;
/// Often, since the clock of a machine may be set at any time.
const CERTIFICATE_CHECK: Duration = Duration::from_secs(3600);
/// Tries to find a port that is free for both UDP and TCP.
const PORT_TRIES: usize = 16;

/// What all parts of the hub's side share.
pub(crate) struct Shared {
    pub(crate) config: HubLinkConfig,
    pub(crate) registry: Arc<dyn EdgeRegistry>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ca: CertificateAuthority,
    pub(crate) tls: Current<HubTls>,
    pub(crate) table: Table,
    pub(crate) tracker: TaskTracker,
    pub(crate) stop: CancellationToken,
    pub(crate) local_addr: SocketAddr,
    pub(crate) joins: Semaphore,
    pub(crate) join_sources: Sources,
}

impl Shared {
    fn load_tls(&self) -> Result<Option<HubTls>, LinkError> {
        let config = &self.config;
        let (certificate, key, new) =
            self.ca.hub_certificate(&config.state_dir, &config.names, self.clock.now())?;
        if !new {
            return Ok(None);
        }
        HubTls::new(&certificate, &key, self.ca.pem(), &self.clock).map(Some)
    }
}

/// The hub's side of the link, bound to its port.
pub struct HubLink {
    shared: Arc<Shared>,
    routes: Routes,
    tcp: TcpListener,
    quic: quinn::Endpoint,
}

impl HubLink {
    /// Binds the port, and makes the hub's authority on the first start.
    /// `services` are served to edges in session.
    ///
    /// # Errors
    /// If the port is taken or the state folder cannot be used.
    pub async fn bind(
        config: HubLinkConfig,
        registry: Arc<dyn EdgeRegistry>,
        services: Routes,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, LinkError> {
        KeepAlive::check(config.keepalive, config.idle)?;
        let (dir, now) = (&config.state_dir, clock.now());
        let ca = CertificateAuthority::load_or_create(dir, now)?;
        let (certificate, key, _) = ca.hub_certificate(dir, &config.names, now)?;
        let tls = HubTls::new(&certificate, &key, ca.pem(), &clock)?;
        let reset_key = read_or_create_key(&dir.join("reset.key"))?;
        let server = quic::server_config(Arc::clone(&tls.link), config.keepalive, config.idle)?;
        let listen = config.listen;
        let (tcp, udp) = bind_both(listen).await.map_err(|error| of_bind(listen, error))?;
        let local_addr = tcp.local_addr().map_err(|error| of_bind(listen, error))?;
        let quic = quic::server_endpoint(udp, server, reset_key)
            .map_err(|error| of_bind(listen, error))?;
        let shared = Arc::new(Shared {
            config,
            registry,
            clock,
            ca,
            tls: Current::new(tls),
            table: Table::default(),
            tracker: TaskTracker::new(),
            stop: CancellationToken::new(),
            local_addr,
            joins: Semaphore::new(JOINS),
            join_sources: Sources::new(JOINS_PER_SOURCE),
        });
        let session = SessionServer::new(SessionService::new(Arc::clone(&shared)))
            .max_decoding_message_size(MAX_SESSION_MESSAGE);
        let routes =
            services.add_service(session).add_service(LivenessServer::new(Alive)).prepare();
        Ok(Self { shared, routes, tcp, quic })
    }

    /// Access to the link, also before it runs.
    #[must_use]
    pub fn handle(&self) -> HubLinkHandle {
        HubLinkHandle { shared: Arc::clone(&self.shared) }
    }

    /// Serves edges until `cancel`, then closes all sessions and returns within
    /// some seconds.
    ///
    /// # Errors
    /// If the UDP socket fails.
    pub async fn run(self, cancel: CancellationToken) -> Result<(), LinkError> {
        let shared = &self.shared;
        let _stop = shared.stop.clone().drop_guard();
        let result = tokio::select! {
            () = cancel.cancelled() => Ok(()),
            () = self.tcp_loop() => Ok(()),
            () = self.quic_loop() => Err(LinkError::Bind {
                addr: shared.local_addr,
                source: io::Error::other("the UDP socket failed"),
            }),
            () = self.renew_loop() => Ok(()),
        };
        shared.table.disconnect_all("the hub stops");
        shared.stop.cancel();
        self.quic.close(quic::CLOSED, b"the hub stops");
        shared.tracker.close();
        if tokio::time::timeout(SHUTDOWN_LIMIT, shared.tracker.wait()).await.is_err() {
            tracing::warn!("sessions of the link are slow to end");
        }
        // So that the edges hear of it.
        drop(tokio::time::timeout(Duration::from_secs(1), self.quic.wait_idle()).await);
        result
    }

    async fn tcp_loop(&self) {
        let handshakes = Arc::new(Semaphore::new(HANDSHAKES));
        let sources = Sources::new(HANDSHAKES_PER_SOURCE);
        loop {
            match self.tcp.accept().await {
                Ok((stream, addr)) => {
                    // Dropped rather than kept waiting: who sends nothing
                    // holds up nobody else.
                    let Some(place) = sources.enter(addr.ip()) else {
                        tracing::debug!(%addr, "too many handshakes of one address");
                        continue;
                    };
                    let Ok(permit) = Arc::clone(&handshakes).try_acquire_owned() else {
                        tracing::debug!(%addr, "too many handshakes");
                        continue;
                    };
                    let (shared, routes) = (Arc::clone(&self.shared), self.routes.clone());
                    let stop = shared.stop.clone();
                    self.shared.tracker.spawn(async move {
                        let turn = (place, permit);
                        let served = Box::pin(accept_tcp(shared, routes, stream, addr, turn));
                        if let Some(Err(error)) = stop.run_until_cancelled(served).await {
                            tracing::debug!(%addr, %error, "connection refused");
                        }
                    });
                }
                Err(error) => {
                    // Such as too many open files: it passes.
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    async fn quic_loop(&self) {
        let handshakes = Arc::new(Semaphore::new(HANDSHAKES));
        while let Some(incoming) = self.quic.accept().await {
            // When it gets crowded, who comes first proves that its address is
            // its own: a forged one takes no place.
            if handshakes.available_permits() < HANDSHAKES / 2
                && !incoming.remote_address_validated()
                && incoming.may_retry()
            {
                // Fails only where it may not be asked.
                drop(incoming.retry());
                continue;
            }
            let Ok(permit) = Arc::clone(&handshakes).try_acquire_owned() else {
                incoming.refuse();
                continue;
            };
            let (shared, routes) = (Arc::clone(&self.shared), self.routes.clone());
            let stop = shared.stop.clone();
            self.shared.tracker.spawn(async move {
                let addr = incoming.remote_address();
                let served = accept_quic(shared, routes, incoming, permit);
                if let Some(Err(error)) = stop.run_until_cancelled(served).await {
                    tracing::debug!(%addr, %error, "connection refused");
                }
            });
        }
    }

    /// A failure is no reason to stop: a third of the certificate's life is
    /// left for further tries.
    async fn renew_loop(&self) {
        loop {
            tokio::time::sleep(CERTIFICATE_CHECK).await;
            match self.renew() {
                Ok(true) => tracing::info!("the hub's certificate was renewed"),
                Ok(false) => {}
                Err(error) => tracing::error!(%error, "the hub's certificate was not renewed"),
            }
        }
    }

    fn renew(&self) -> Result<bool, LinkError> {
        let Some(tls) = self.shared.load_tls()? else { return Ok(false) };
        let config = &self.shared.config;
        let server = quic::server_config(Arc::clone(&tls.link), config.keepalive, config.idle)?;
        self.quic.set_server_config(Some(server));
        self.shared.tls.set(tls);
        Ok(true)
    }
}

async fn bind_both(listen: SocketAddr) -> io::Result<(TcpListener, UdpSocket)> {
    let mut tries = 0;
    loop {
        tries += 1;
        let tcp = TcpListener::bind(listen).await?;
        match UdpSocket::bind(tcp.local_addr()?) {
            Ok(udp) => return Ok((tcp, udp)),
            Err(_) if listen.port() == 0 && tries < PORT_TRIES => {}
            Err(error) => return Err(error),
        }
    }
}

fn of_bind(addr: SocketAddr, source: io::Error) -> LinkError {
    match source.kind() {
        io::ErrorKind::AddrInUse => LinkError::PortInUse { port: addr.port() },
        _ => LinkError::Bind { addr, source },
    }
}
