//! The server: connections, their limits, and their end.
//!
//! Without TLS it is HTTP/1.1 alone: no client asks for HTTP/2 there, and
//! guessing the version would leave a connection that sends nothing without any
//! time limit. Over TLS, where the client asks for HTTP/2 it is that.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use agentos_engine::EngineHandle;
use axum::Router;
use axum::http::{Request, Response, StatusCode};
use axum::response::IntoResponse as _;
use hyper::body::Incoming;
use hyper::rt::{Read, Write};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use crate::connections::{Answer, Connections, Place};
use crate::http2;
use crate::limits::RemoteAddress;
use crate::stall::StallGuard;
use crate::tls::{self, ServerTls};
use crate::{ApiConfig, ApiError, ApiState, Services, cors, router};

/// Open connections from one address. For more, one of that address gives way; while
/// there is none, they are closed at once.
const MAX_PER_SOURCE: usize = 64;
/// Headers of a request.
const MAX_HEADERS: usize = 64;
/// Bytes of a request's head.
pub(crate) const MAX_HEAD: usize = 32 * 1024;
/// Bytes that are buffered of a connection, over HTTP/2 of an answer.
pub(crate) const MAX_BUFFER: usize = 64 * 1024;
/// The longest that a client may take over the handshake of TLS.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);
/// The longest that a client may take over the head of a request; also the
/// longest that a connection may lie idle between two.
pub(crate) const HEADER_LIMIT: Duration = Duration::from_secs(10);
/// The longest that a client may refuse to read.
pub(crate) const STALL_LIMIT: Duration = Duration::from_secs(30);
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
    tls: Option<ServerTls>,
}

impl Api {
    /// Begins to listen. Connections are served from [`Api::run`] on.
    ///
    /// # Errors
    /// [`ApiError`], when the address cannot be had.
    pub async fn bind(config: ApiConfig, engine: EngineHandle) -> Result<Self, ApiError> {
        Self::bind_with(config, engine, Services::default()).await
    }

    /// As [`Api::bind`], and passes requests on to these services.
    ///
    /// # Errors
    /// As there.
    pub async fn bind_with(
        mut config: ApiConfig,
        engine: EngineHandle,
        services: Services,
    ) -> Result<Self, ApiError> {
        cors::layer(&config.cors_origins)?;
        let wanted = config.listen;
        let listener =
            TcpListener::bind(wanted).await.map_err(|cause| ApiError::listen(wanted, cause))?;
        let address = listener.local_addr().map_err(|cause| ApiError::listen(wanted, cause))?;
        config.listen = address;
        let shutdown = CancellationToken::new();
        let max_connections = config.max_connections;
        let state = ApiState::new(config, engine, shutdown.clone())
            .with_verifier(services.verifier)
            .with_models(services.models)
            .with_kernel(services.kernel);
        let router = router(state);
        Ok(Self { listener, address, router, shutdown, max_connections, tls: None })
    }

    /// Speaks HTTPS, and nothing else, if there is something to prove itself with.
    #[must_use]
    pub fn with_tls(mut self, tls: Option<ServerTls>) -> Self {
        self.tls = tls;
        self
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
            tracker.spawn(connection.serve(stream, self.tls.clone(), tracker.clone()));
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
pub(crate) struct Connection {
    pub(crate) router: Router,
    /// Ends it when its request has ended.
    pub(crate) shutdown: CancellationToken,
    /// Ends it at once.
    pub(crate) abort: CancellationToken,
    /// Its place among those of its address.
    pub(crate) place: Place,
    /// Its place among the open connections.
    pub(crate) slot: OwnedSemaphorePermit,
}

impl Connection {
    async fn serve(self, stream: TcpStream, tls: Option<ServerTls>, tracker: TaskTracker) {
        // Without it each small event waits for an acknowledgement: 40 ms.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection was gone at once");
            return;
        }
        let Some(tls) = tls else {
            return self.http1(TokioIo::new(StallGuard::new(stream, STALL_LIMIT))).await;
        };
        let handshake = tokio::time::timeout(HANDSHAKE_LIMIT, tls.accept(stream, STALL_LIMIT));
        let accepted = tokio::select! {
            accepted = handshake => accepted.unwrap_or(Err(io::ErrorKind::TimedOut.into())),
            () = self.place.leave.cancelled() => Ok(None),
            () = self.shutdown.cancelled() => Ok(None),
        };
        match accepted {
            Ok(Some(stream)) if tls::is_http2(&stream) => {
                Box::pin(http2::serve(self, TokioIo::new(stream), tracker)).await;
            }
            Ok(Some(stream)) => Box::pin(self.http1(TokioIo::new(stream))).await,
            Ok(None) => tracing::debug!("a connection ended before its handshake"),
            Err(error) => tracing::debug!(%error, "a handshake failed"),
        }
    }

    async fn http1<S: Read + Write + Unpin>(self, io: S) {
        let (place, router) = (Arc::new(self.place), self.router);
        let service = service_fn(|request| answer(&router, &place, request));
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

/// The answer to one request; its place knows of the request until it is read.
pub(crate) fn answer(
    router: &Router,
    place: &Arc<Place>,
    mut request: Request<Incoming>,
) -> impl Future<Output = Result<Response<Answer>, Infallible>> + Send + use<> {
    let pending = place.request();
    // Headers that claim another address are not read: anyone can send them.
    request.extensions_mut().insert(RemoteAddress(place.source));
    let router = router.clone();
    async move {
        // HTTP/1.1 counts them itself, before it has all of them.
        let answer = if request.headers().len() > MAX_HEADERS {
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE.into_response()
        } else {
            router.oneshot(request).await?
        };
        Ok(answer.map(|body| Answer { body, pending }))
    }
}
