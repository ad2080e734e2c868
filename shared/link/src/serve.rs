//! Serving gRPC on one byte stream, and the tasks of a session.

use std::convert::Infallible;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use agentos_domain::{EdgeId, SessionEpoch};
use agentos_proto::v1::liveness_server::Liveness;
use agentos_proto::v1::{PingReply, PingRequest};
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::service::Routes;
use tonic::{Request, Response, Status};
use tower::Service;

use crate::error::LinkError;

pub(crate) const STREAM_WINDOW: u32 = 2 << 20;
pub(crate) const CONNECTION_WINDOW: u32 = 4 << 20;
/// Requests at a time on one HTTP/2 connection of a session.
const SESSION_STREAMS: u32 = 1024;
/// How long the tasks of a closed session or listener may take to end.
pub(crate) const SHUTDOWN_LIMIT: Duration = Duration::from_secs(5);

/// Who calls. Present in the extensions of every request that the hub serves
/// to an edge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// The edge, proved by its certificate.
    pub edge: EdgeId,
    /// Its session.
    pub epoch: SessionEpoch,
}

/// How the hub and the edge are connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// QUIC over UDP.
    Quic,
    /// TLS over TCP.
    Tcp,
    /// Both are in one process: a simulator.
    Memory,
}

impl std::fmt::Display for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Quic => "quic",
            Self::Tcp => "tcp",
            Self::Memory => "memory",
        })
    }
}

/// How often HTTP/2 asks a silent peer whether it lives, and for how long it
/// waits. Over QUIC the transport does this.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeepAlive {
    pub(crate) interval: Duration,
    pub(crate) timeout: Duration,
}

impl KeepAlive {
    pub(crate) fn check(keepalive: Duration, idle: Duration) -> Result<(), LinkError> {
        match keepalive.is_zero() || keepalive >= idle {
            true => Err(LinkError::Config(
                "the link's keepalive must be shorter than its idle limit, and not zero".to_owned(),
            )),
            false => Ok(()),
        }
    }

    pub(crate) fn new(interval: Duration, idle: Duration) -> Self {
        Self { interval, timeout: idle.saturating_sub(interval).max(Duration::from_millis(100)) }
    }
}

/// Owner of a session's tasks: they all end when it is cancelled.
#[derive(Debug, Clone)]
pub(crate) struct Tasks {
    tracker: TaskTracker,
    cancel: CancellationToken,
}

impl Tasks {
    pub(crate) fn new(cancel: CancellationToken) -> Self {
        Self { tracker: TaskTracker::new(), cancel }
    }

    pub(crate) fn cancel(&self) -> &CancellationToken {
        &self.cancel
    }

    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let cancel = self.cancel.clone();
        self.tracker.spawn(async move {
            cancel.run_until_cancelled_owned(task).await;
        });
    }

    /// Cancels all tasks and waits for their end, for a bounded time.
    pub(crate) async fn shut_down(&self) {
        self.cancel.cancel();
        self.tracker.close();
        if tokio::time::timeout(SHUTDOWN_LIMIT, self.tracker.wait()).await.is_err() {
            tracing::warn!(tasks = self.tracker.len(), "tasks of the link are slow to end");
        }
    }
}

impl<F: Future<Output = ()> + Send + 'static> hyper::rt::Executor<F> for Tasks {
    fn execute(&self, task: F) {
        self.spawn(task);
    }
}

/// When a request that is let through is served.
pub(crate) enum Admission {
    /// At once.
    Now,
    /// Once this has happened. It happens, or the connection ends.
    After(Pin<Box<dyn Future<Output = ()> + Send>>),
}

/// Decides whether a request is served, and may add to it.
pub(crate) type Admit =
    Arc<dyn Fn(&mut http::Request<Incoming>) -> Result<Admission, Status> + Send + Sync>;

/// Services behind their condition of admission.
#[derive(Clone)]
pub(crate) struct Gate {
    pub(crate) routes: Routes,
    pub(crate) admit: Admit,
}

impl Gate {
    /// Serves everything.
    pub(crate) fn open(routes: Routes) -> Self {
        Self { routes, admit: Arc::new(|_| Ok(Admission::Now)) }
    }
}

impl hyper::service::Service<http::Request<Incoming>> for Gate {
    type Response = http::Response<tonic::body::Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, mut request: http::Request<Incoming>) -> Self::Future {
        match (self.admit)(&mut request) {
            Ok(admission) => {
                let mut routes = self.routes.clone();
                Box::pin(async move {
                    if let Admission::After(ready) = admission {
                        ready.await;
                    }
                    // Routes are always ready.
                    routes.call(request).await
                })
            }
            Err(status) => Box::pin(std::future::ready(Ok(status.into_http()))),
        }
    }
}

/// How one HTTP/2 connection is served.
pub(crate) struct Serving {
    /// None where the transport asks by itself.
    pub(crate) keep_alive: Option<KeepAlive>,
    /// Requests at a time.
    pub(crate) streams: u32,
    /// Once cancelled, no more requests are taken, and the connection ends
    /// when those under way are answered.
    pub(crate) drain: CancellationToken,
}

impl Serving {
    /// For the two sides of a session.
    pub(crate) fn session(keep_alive: Option<KeepAlive>) -> Self {
        Self { keep_alive, streams: SESSION_STREAMS, drain: CancellationToken::new() }
    }
}

/// Serves one HTTP/2 connection until it ends. Its requests run in `tasks`.
pub(crate) async fn serve_h2<I>(io: I, gate: Gate, tasks: &Tasks, serving: Serving)
where
    I: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let mut http = hyper::server::conn::http2::Builder::new(tasks.clone());
    http.timer(TokioTimer::new())
        .max_concurrent_streams(serving.streams)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW);
    if let Some(keep_alive) = serving.keep_alive {
        http.keep_alive_interval(keep_alive.interval).keep_alive_timeout(keep_alive.timeout);
    }
    let mut connection = pin!(http.serve_connection(TokioIo::new(io), gate));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = serving.drain.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(error = crate::error::root_cause(&error), "connection of the link ended");
    }
}

/// Answers pings.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Alive;

#[async_trait::async_trait]
impl Liveness for Alive {
    async fn ping(&self, request: Request<PingRequest>) -> Result<Response<PingReply>, Status> {
        Ok(Response::new(PingReply { payload: request.into_inner().payload }))
    }
}
