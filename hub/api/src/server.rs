//! The server: connections, their limits, and their end.
//!
//! HTTP/1.1 alone: without TLS no client asks for HTTP/2, and guessing the
//! version would leave a connection that sends nothing without any time limit.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use agentos_engine::EngineHandle;
use axum::Router;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use crate::connections::{Answer, Connections, Place};
use crate::limits::RemoteAddress;
use crate::stall::StallGuard;
use crate::{ApiConfig, ApiError, ApiState, TokenVerifier, cors, router};

/// Open connections from one address. For more, one of that address gives way; while
/// there is none, they are closed at once.
const MAX_PER_SOURCE: usize = 64;
/// Headers of a request.
const MAX_HEADERS: usize = 64;
/// Bytes of a request's head.
const MAX_HEAD: usize = 32 * 1024;
/// Bytes that are buffered of a connection.
const MAX_BUFFER: usize = 64 * 1024;
/// The longest that a client may take over the head of a request; also the
/// longest that a connection may lie idle between two.
const HEADER_LIMIT: Duration = Duration::from_secs(10);
/// The longest that a client may refuse to read.
const STALL_LIMIT: Duration = Duration::from_secs(30);
/// What requests get to end by themselves when the hub stops.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(5);
/// A pause after the system refused a connection, such as for want of files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The API, listening.
pub struct Api {
    listener: TcpListener,
    address: SocketAddr,
    router: Router,
    shutdown: CancellationToken,
    max_connections: usize,
}

impl Api {
    /// Begins to listen. Connections are served from [`Api::run`] on.
    ///
    /// # Errors
    /// [`ApiError`], when the address cannot be had.
    pub async fn bind(config: ApiConfig, engine: EngineHandle) -> Result<Self, ApiError> {
        Self::bind_with(config, engine, None).await
    }

    /// As [`Api::bind`], and lets in whoever `verifier` knows.
    ///
    /// # Errors
    /// As there.
    pub async fn bind_with(
        mut config: ApiConfig,
        engine: EngineHandle,
        verifier: Option<Arc<dyn TokenVerifier>>,
    ) -> Result<Self, ApiError> {
        cors::layer(&config.cors_origins)?;
        let wanted = config.listen;
        let listener =
            TcpListener::bind(wanted).await.map_err(|cause| ApiError::listen(wanted, cause))?;
        let address = listener.local_addr().map_err(|cause| ApiError::listen(wanted, cause))?;
        config.listen = address;
        let shutdown = CancellationToken::new();
        let max_connections = config.max_connections;
        let state = ApiState::new(config, engine, shutdown.clone()).with_verifier(verifier);
        let router = router(state);
        Ok(Self { listener, address, router, shutdown, max_connections })
    }

    /// Where it listens.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `cancel`; then lets requests end for at most 5 s, and
    /// returns when no connection is left.
    pub async fn run(self, cancel: CancellationToken) {
        let tracker = TaskTracker::new();
        let slots = Arc::new(Semaphore::new(self.max_connections));
        let connections = Connections::new(self.max_connections, MAX_PER_SOURCE);
        let abort = CancellationToken::new();
        tracing::info!(address = %self.address, "the API listens");
        loop {
            let accepted = tokio::select! {
                biased;
                () = cancel.cancelled() => break,
                accepted = accept(&self.listener, &connections, &slots) => accepted,
            };
            let Some((stream, place, slot)) = accepted else { continue };
            let connection = Connection {
                router: self.router.clone(),
                shutdown: self.shutdown.clone(),
                abort: abort.clone(),
                place,
                slot,
            };
            tracker.spawn(connection.serve(stream));
        }
        drop(self.listener);
        self.shutdown.cancel();
        tracker.close();
        if tokio::time::timeout(SHUTDOWN_LIMIT, tracker.wait()).await.is_err() {
            tracing::warn!(connections = tracker.len(), "cutting off connections that do not end");
            abort.cancel();
            // Every connection watches `abort`, so this ends at its next poll.
            tracker.wait().await;
        }
        tracing::info!("the API has stopped");
    }
}

/// The next connection, when there is room for it. None: it was not let in.
async fn accept(
    listener: &TcpListener,
    connections: &Connections,
    slots: &Arc<Semaphore>,
) -> Option<(TcpStream, Place, OwnedSemaphorePermit)> {
    let (stream, peer) = match listener.accept().await {
        Ok(accepted) => accepted,
        Err(error) => {
            tracing::warn!(%error, "cannot accept a connection");
            tokio::time::sleep(ACCEPT_PAUSE).await;
            return None;
        }
    };
    let Some(place) = connections.enter(peer.ip()) else {
        tracing::debug!(%peer, "too many connections from one address");
        return None;
    };
    let slot = slots.clone().acquire_owned().await.ok()?;
    Some((stream, place, slot))
}

/// What one connection needs.
struct Connection {
    router: Router,
    /// Ends it when its request has ended.
    shutdown: CancellationToken,
    /// Ends it at once.
    abort: CancellationToken,
    /// Its place among those of its address.
    place: Place,
    /// Its place among the open connections.
    slot: OwnedSemaphorePermit,
}

impl Connection {
    async fn serve(self, stream: TcpStream) {
        // Without it each small event waits for an acknowledgement: 40 ms.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection was gone at once");
            return;
        }
        // Headers that claim another address are not read: anyone can send them.
        let remote = RemoteAddress(self.place.source);
        let (place, router) = (Arc::new(self.place), self.router);
        let service = service_fn(|mut request: Request<Incoming>| {
            let pending = place.request();
            request.extensions_mut().insert(remote);
            let answer = router.clone().oneshot(request);
            async move {
                Ok::<_, Infallible>(answer.await?.map(|body| Answer { body, _pending: pending }))
            }
        });
        let io = TokioIo::new(StallGuard::new(stream, STALL_LIMIT));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_LIMIT)
            .max_headers(MAX_HEADERS)
            .max_header_size(MAX_HEAD)
            .max_buf_size(MAX_BUFFER)
            .serve_connection(io, service);
        let mut connection = pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = place.leave.cancelled() => {
                tracing::debug!("a connection that waited for its client made room");
                Ok(())
            }
            () = self.shutdown.cancelled() => {
                connection.as_mut().graceful_shutdown();
                tokio::select! {
                    ended = connection.as_mut() => ended,
                    () = self.abort.cancelled() => Ok(()),
                }
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection broke off");
        }
        drop(self.slot);
    }
}
