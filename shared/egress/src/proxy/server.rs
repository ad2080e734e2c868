//! Accepting connections, as many as there is room for.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::handler::Handler;
use super::meter::Uploads;
use super::token::ProxyToken;
use crate::{EgressPolicy, LeakScanner, Subject};

/// The most bytes of a request's head.
const MAX_HEAD: usize = 64 * 1024;
/// How long to leave a listener alone that cannot accept.
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);

/// What a run may do at the proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProxyLimits {
    /// The most connections at a time; more wait.
    pub connections: usize,
    /// Until a connection to a host is made.
    pub connect: Duration,
    /// Until a request's head, or a tunnel's first message, has come.
    pub begin: Duration,
    /// From a request to the head of the answer.
    pub answer: Duration,
    /// How long a tunnel may carry nothing.
    pub idle: Duration,
    /// The most bytes that are sent to one host, all connections together.
    pub upload: u64,
}

impl Default for ProxyLimits {
    fn default() -> Self {
        Self {
            connections: 64,
            connect: Duration::from_secs(10),
            begin: Duration::from_secs(10),
            answer: Duration::from_secs(60),
            idle: Duration::from_secs(120),
            upload: 1024 * 1024,
        }
    }
}

/// What belongs to one connection of a client, and to the tunnel that it may
/// become.
#[derive(Clone)]
pub(super) struct Connection {
    pub(super) token: Option<Arc<ProxyToken>>,
    pub(super) cancel: CancellationToken,
    pub(super) tasks: TaskTracker,
    /// Among those that are open at a time.
    _place: Arc<OwnedSemaphorePermit>,
}

/// The proxy of one run: everything that it asks for is decided by the policy
/// on behalf of its subject.
#[derive(Clone)]
pub struct EgressProxy {
    handler: Arc<Handler>,
    limits: ProxyLimits,
    room: Arc<Semaphore>,
}

impl fmt::Debug for EgressProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EgressProxy").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl EgressProxy {
    /// A proxy for one subject.
    #[must_use]
    pub fn new(policy: Arc<EgressPolicy>, subject: Subject, limits: ProxyLimits) -> Self {
        let uploads = Arc::new(Uploads::new(limits.upload));
        let handler = Handler { policy, subject, limits, uploads, scanner: None };
        let room = Arc::new(Semaphore::new(limits.connections));
        Self { handler: Arc::new(handler), limits, room }
    }

    /// Looks for secrets in the addresses of plain requests.
    #[must_use]
    pub fn with_scanner(self, scanner: Arc<LeakScanner>) -> Self {
        let handler = Handler { scanner: Some(scanner), ..Handler::clone(&self.handler) };
        Self { handler: Arc::new(handler), ..self }
    }

    /// Serves a sandbox through a socket that only it can reach, until
    /// cancelled; then every connection is closed.
    pub async fn serve_unix(&self, listener: UnixListener, cancel: CancellationToken) {
        let accept = || async { listener.accept().await.map(|(stream, _)| stream) };
        self.serve(accept, None, cancel).await;
    }

    /// Serves a sandbox through a port of the loopback interface. Every process
    /// of the machine sees that port, hence the token.
    ///
    /// # Errors
    /// The listener is not on the loopback interface.
    pub async fn serve_tcp(
        &self,
        listener: TcpListener,
        token: ProxyToken,
        cancel: CancellationToken,
    ) -> io::Result<()> {
        if !listener.local_addr()?.ip().is_loopback() {
            let reason = "the proxy must listen on the loopback interface";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, reason));
        }
        let accept = || async { listener.accept().await.map(|(stream, _)| stream) };
        self.serve(accept, Some(Arc::new(token)), cancel).await;
        Ok(())
    }

    async fn serve<S, F>(
        &self,
        mut accept: impl FnMut() -> F,
        token: Option<Arc<ProxyToken>>,
        cancel: CancellationToken,
    ) where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
        F: Future<Output = io::Result<S>>,
    {
        let tasks = TaskTracker::new();
        let serving = async {
            loop {
                let Ok(place) = Arc::clone(&self.room).acquire_owned().await else { return };
                let Ok(stream) = accept().await else {
                    tokio::time::sleep(ACCEPT_AGAIN).await;
                    continue;
                };
                let connection = Connection {
                    token: token.clone(),
                    cancel: cancel.clone(),
                    tasks: tasks.clone(),
                    _place: place.into(),
                };
                let (proxy, cancel) = (self.clone(), cancel.clone());
                tasks.spawn(async move {
                    cancel.run_until_cancelled(proxy.connection(stream, connection)).await;
                });
            }
        };
        cancel.run_until_cancelled(serving).await;
        tasks.close();
        tasks.wait().await;
    }

    async fn connection(
        &self,
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        connection: Connection,
    ) {
        let service = service_fn(|request| {
            let (handler, connection) = (Arc::clone(&self.handler), connection.clone());
            async move {
                let answer = handler.answer(request, &connection).await;
                Ok::<_, std::convert::Infallible>(answer)
            }
        });
        let served = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.begin)
            .max_buf_size(MAX_HEAD)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades()
            .await;
        if let Err(error) = served {
            tracing::debug!(%error, "a connection to the egress proxy ended badly");
        }
    }
}
