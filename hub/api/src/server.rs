//! The server: connections, their limits, and their end.
//!
//! HTTP/1.1 alone: without TLS no client asks for HTTP/2, and guessing the
//! version would leave a connection that sends nothing without any time limit.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use agentos_engine::EngineHandle;
use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::stall::StallGuard;
use crate::{ApiConfig, ApiError, ApiState, router};

/// Open connections at a time; more wait in the system's queue.
const MAX_CONNECTIONS: usize = 512;
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
}

impl Api {
    /// Begins to listen. Connections are served from [`Api::run`] on.
    ///
    /// # Errors
    /// [`ApiError`], when the address cannot be had.
    pub async fn bind(mut config: ApiConfig, engine: EngineHandle) -> Result<Self, ApiError> {
        let wanted = config.listen;
        let listener =
            TcpListener::bind(wanted).await.map_err(|cause| ApiError::listen(wanted, cause))?;
        let address = listener.local_addr().map_err(|cause| ApiError::listen(wanted, cause))?;
        config.listen = address;
        let shutdown = CancellationToken::new();
        let router = router(ApiState::new(config, engine, shutdown.clone()));
        Ok(Self { listener, address, router, shutdown })
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
        let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let abort = CancellationToken::new();
        tracing::info!(address = %self.address, "the API listens");
        loop {
            let accepted = tokio::select! {
                biased;
                () = cancel.cancelled() => break,
                accepted = accept(&self.listener, &slots) => accepted,
            };
            let Some((stream, slot)) = accepted else { continue };
            let connection = Connection {
                router: self.router.clone(),
                shutdown: self.shutdown.clone(),
                abort: abort.clone(),
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

/// The next connection, when there is room for it.
async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let slot = slots.clone().acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => Some((stream, slot)),
        Err(error) => {
            tracing::warn!(%error, "cannot accept a connection");
            tokio::time::sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

/// What one connection needs.
struct Connection {
    router: Router,
    /// Ends it when its request has ended.
    shutdown: CancellationToken,
    /// Ends it at once.
    abort: CancellationToken,
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
        let io = TokioIo::new(StallGuard::new(stream, STALL_LIMIT));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_LIMIT)
            .max_headers(MAX_HEADERS)
            .max_header_size(MAX_HEAD)
            .max_buf_size(MAX_BUFFER)
            .serve_connection(io, TowerToHyperService::new(self.router));
        let mut connection = pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
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
