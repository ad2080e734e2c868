//! A small client: connections that are kept, and no more than has to be done
//! with an answer.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use agentos_domain::{Clock as _, SystemClock};
use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::StatusCode;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use crate::request::{Asked, Kind, is_whole, pieces};

/// The longest that an answer may take; whatever takes longer has failed.
const DEADLINE: Duration = Duration::from_secs(30);

type Connection = SendRequest<Full<Bytes>>;

/// Asks one target. Clones share the connections.
#[derive(Clone)]
pub(crate) struct Client {
    address: SocketAddr,
    idle: Arc<Mutex<Vec<Connection>>>,
    /// Owns what drives the connections.
    drivers: TaskTracker,
}

/// When an answer came, by the monotonic clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answered {
    /// Its first text.
    pub(crate) first: Duration,
    /// All of it.
    pub(crate) end: Duration,
}

impl Client {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, idle: Arc::default(), drivers: TaskTracker::new() }
    }

    /// Sends a request and reads all of the answer.
    pub(crate) async fn ask(&self, asked: &Asked) -> Result<Answered> {
        timeout(DEADLINE, self.exchange(asked)).await.context("no answer in time")?
    }

    async fn exchange(&self, asked: &Asked) -> Result<Answered> {
        let mut connection = self.connection().await?;
        let response = connection.send_request(asked.request()?).await?;
        let status = response.status();
        let mut body = response.into_body();
        let (mut answer, mut first) = (Vec::with_capacity(16 * 1024), None);
        while let Some(frame) = body.frame().await {
            if let Ok(data) = frame?.into_data() {
                answer.extend_from_slice(&data);
                if first.is_none() && (asked.kind != Kind::Stream || pieces(&answer) > 0) {
                    first = Some(SystemClock.monotonic());
                }
            }
        }
        let end = SystemClock.monotonic();
        let shown = || String::from_utf8_lossy(&answer).chars().take(400).collect::<String>();
        ensure!(status == StatusCode::OK, "the answer is {status}: {}", shown());
        ensure!(is_whole(asked.kind, &answer), "the answer is not whole: {}", shown());
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        Ok(Answered { first: first.unwrap_or(end), end })
    }

    /// One that waits for work, or a new one.
    async fn connection(&self) -> Result<Connection> {
        loop {
            let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let Some(mut connection) = idle else { break };
            if connection.ready().await.is_ok() {
                return Ok(connection);
            }
        }
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let (connection, driver) = http1::handshake(TokioIo::new(stream)).await?;
        // How it ends, the next request on it tells.
        self.drivers.spawn(async move { drop(driver.await) });
        Ok(connection)
    }
}
