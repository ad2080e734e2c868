//! The server: connections, their limits, and their end.
//!
//! HTTP/1.1 alone: without TLS no client asks for HTTP/2, and guessing the
//! version would leave a connection that sends nothing without any time limit.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use agentos_engine::EngineHandle;
use axum::Router;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use crate::limits::RemoteAddress;
use crate::stall::StallGuard;
use crate::{ApiConfig, ApiError, ApiState, TokenVerifier, cors, router};

/// Open connections at a time; more wait in the system's queue.
const MAX_CONNECTIONS: usize = 512;
/// Of them from one address; more are closed at once.
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
        let state = ApiState::new(config, engine, shutdown.clone()).with_verifier(verifier);
        let router = router(state);
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
        let sources = Sources::default();
        let abort = CancellationToken::new();
        tracing::info!(address = %self.address, "the API listens");
        loop {
            let accepted = tokio::select! {
                biased;
                () = cancel.cancelled() => break,
                accepted = accept(&self.listener, &sources, &slots) => accepted,
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
    sources: &Sources,
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
    let Some(place) = sources.enter(peer.ip()) else {
        tracing::debug!(%peer, "too many connections from one address");
        return None;
    };
    let slot = slots.clone().acquire_owned().await.ok()?;
    Some((stream, place, slot))
}

/// How many connections each address holds. Clones count together.
#[derive(Clone, Default)]
struct Sources {
    held: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// One connection of an address, no longer counted when dropped.
struct Place {
    sources: Sources,
    source: IpAddr,
}

impl Sources {
    /// None: the address holds as many as it may.
    fn enter(&self, source: IpAddr) -> Option<Place> {
        let source = source.to_canonical();
        let mut held = self.lock();
        let count = held.entry(source).or_default();
        if *count >= MAX_PER_SOURCE {
            return None;
        }
        *count += 1;
        Some(Place { sources: self.clone(), source })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut held = self.sources.lock();
        if let Some(count) = held.get_mut(&self.source) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.source);
            }
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
        let service = self.router.map_request(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(remote);
            request
        });
        let io = TokioIo::new(StallGuard::new(stream, STALL_LIMIT));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_LIMIT)
            .max_headers(MAX_HEADERS)
            .max_header_size(MAX_HEAD)
            .max_buf_size(MAX_BUFFER)
            .serve_connection(io, TowerToHyperService::new(service));
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
        drop((self.place, self.slot));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_holds_so_many_connections_and_no_trace_stays() {
        let sources = Sources::default();
        let (one, two): (IpAddr, IpAddr) =
            ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        let places: Vec<_> = (0..=MAX_PER_SOURCE).map(|_| sources.enter(one)).collect();
        assert_eq!(places.iter().flatten().count(), MAX_PER_SOURCE);
        let mapped: IpAddr = "::ffff:192.0.2.1".parse().unwrap();
        assert!(sources.enter(mapped).is_none(), "the same address in another form");
        assert!(sources.enter(two).is_some());
        drop(places);
        assert!(sources.lock().is_empty());
    }

    #[tokio::test]
    async fn one_address_leaves_room_for_the_others() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (sources, slots) = (Sources::default(), Arc::new(Semaphore::new(MAX_CONNECTIONS)));
        let (mut clients, mut accepted) = (Vec::new(), Vec::new());
        for _ in 0..=MAX_PER_SOURCE {
            clients.push(TcpStream::connect(listener.local_addr().unwrap()).await.unwrap());
            accepted.push(accept(&listener, &sources, &slots).await);
        }
        assert!(accepted.pop().unwrap().is_none());
        assert_eq!(accepted.iter().flatten().count(), MAX_PER_SOURCE);
        assert_eq!(slots.available_permits(), MAX_CONNECTIONS - MAX_PER_SOURCE);
        accepted.pop();
        clients.push(TcpStream::connect(listener.local_addr().unwrap()).await.unwrap());
        assert!(accept(&listener, &sources, &slots).await.is_some());
    }
}
