//! The calling side: a transport for every generated gRPC client.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use agentos_proto::v1::PingRequest;
use agentos_proto::v1::liveness_client::LivenessClient;
use http_body_util::BodyExt;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tonic::Status;
use tonic::body::Body;

use crate::error::root_cause;
use crate::memory::Wire;
use crate::serve::{CONNECTION_WINDOW, KeepAlive, STREAM_WINDOW, Tasks};

/// How long a call may wait for a QUIC stream when very many are open.
const OPEN_LIMIT: Duration = Duration::from_secs(5);

/// Calls the services of the other side of one session.
///
/// A tower service for every generated tonic client; clones share the session.
/// Once the session is closed, each call fails at once with `UNAVAILABLE`: it
/// never waits for another session.
#[derive(Debug, Clone)]
pub struct LinkChannel {
    carrier: Carrier,
    tasks: Tasks,
    offline: &'static str,
}

#[derive(Debug, Clone)]
enum Carrier {
    /// A stream per call.
    Quic { connection: quinn::Connection, priority: i32 },
    /// One HTTP/2 connection for all calls.
    Tcp(SendRequest<Body>),
    /// The other side is in the same process.
    Memory(Arc<dyn Wire>),
}

impl LinkChannel {
    /// `offline` is the message of calls after the end of the session.
    pub(crate) fn quic(
        connection: quinn::Connection,
        priority: i32,
        tasks: Tasks,
        offline: &'static str,
    ) -> Self {
        Self { carrier: Carrier::Quic { connection, priority }, tasks, offline }
    }

    /// Also returns the connection's driver, which ends with the connection.
    pub(crate) async fn tcp<I>(
        io: I,
        keep_alive: KeepAlive,
        tasks: Tasks,
        offline: &'static str,
    ) -> Result<(Self, impl Future<Output = ()> + Send + 'static), hyper::Error>
    where
        I: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let mut http = client(&tasks);
        http.keep_alive_interval(keep_alive.interval)
            .keep_alive_timeout(keep_alive.timeout)
            .keep_alive_while_idle(true);
        let (send, connection) = http.handshake(TokioIo::new(io)).await?;
        let driver = async move {
            if let Err(error) = connection.await {
                tracing::debug!(error = root_cause(&error), "lane of the link ended");
            }
        };
        Ok((Self { carrier: Carrier::Tcp(send), tasks, offline }, driver))
    }

    /// To a side in the same process.
    pub(crate) fn memory(wire: Arc<dyn Wire>, tasks: Tasks, offline: &'static str) -> Self {
        Self { carrier: Carrier::Memory(wire), tasks, offline }
    }

    /// Whether the session is closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.tasks.cancel().is_cancelled()
    }

    /// Whether the other side answers within `limit`.
    pub(crate) async fn answers_within(&self, limit: Duration) -> bool {
        let mut client = LivenessClient::new(self.clone());
        let ping = client.ping(PingRequest { payload: Vec::new() });
        matches!(tokio::time::timeout(limit, ping).await, Ok(Ok(_)))
    }

    async fn send(self, request: http::Request<Body>) -> Result<http::Response<Body>, Status> {
        let offline = |error: &(dyn std::error::Error + 'static)| {
            Status::unavailable(format!("{}: {}", self.offline, root_cause(error)))
        };
        let mut send = match &self.carrier {
            Carrier::Memory(wire) => return wire.call(request).await,
            Carrier::Tcp(send) => send.clone(),
            Carrier::Quic { connection, priority } => {
                let (out, into) = tokio::time::timeout(OPEN_LIMIT, connection.open_bi())
                    .await
                    .map_err(|_| Status::unavailable("too many calls are under way; try later"))?
                    .map_err(|error| offline(&error))?;
                out.set_priority(*priority).map_err(|error| offline(&error))?;
                let io = TokioIo::new(tokio::io::join(into, out));
                let (send, driver) =
                    client(&self.tasks).handshake(io).await.map_err(|error| offline(&error))?;
                self.tasks.spawn(async move {
                    // The call itself reports what went wrong.
                    drop(driver.await);
                });
                send
            }
        };
        let response = send.send_request(request).await.map_err(|error| offline(&error))?;
        let message = self.offline;
        Ok(response.map(|body| Body::new(body.map_err(move |error| lost(message, &error)))))
    }
}

fn client(tasks: &Tasks) -> Builder<Tasks> {
    let mut http = Builder::new(tasks.clone());
    http.timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW);
    http
}

/// HTTP/2 wants scheme and authority; generated clients know neither.
fn with_authority(request: &mut http::Request<Body>) -> Result<(), Status> {
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let uri = http::Uri::builder().scheme("http").authority("agentos").path_and_query(path);
    *request.uri_mut() = uri.build().map_err(|error| Status::internal(error.to_string()))?;
    Ok(())
}

impl tower::Service<http::Request<Body>> for LinkChannel {
    type Response = http::Response<Body>;
    type Error = Status;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Status>> + Send>>;

    /// Always ready: a closed session shows in the call, where its status is kept.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: http::Request<Body>) -> Self::Future {
        let (channel, offline) = (self.clone(), self.offline);
        Box::pin(async move {
            with_authority(&mut request)?;
            let cancel = channel.tasks.cancel().clone();
            let sent = cancel.run_until_cancelled_owned(channel.send(request)).await;
            sent.ok_or_else(|| Status::unavailable(offline))?
        })
    }
}

/// Of a reply that breaks off before its trailers.
fn lost(offline: &str, error: &hyper::Error) -> Status {
    Status::unavailable(format!("{offline}: {}", root_cause(error)))
}
