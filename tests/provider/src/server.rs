//! The server: one task accepts connections, each connection is a task.

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use crate::active::Active;
use crate::recorded::{Ledger, Recorded};
use crate::routes;
use crate::script::Script;
use crate::wire::{Socket, Wire};

/// After a connection could not be accepted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What all requests share.
pub(crate) struct Shared {
    pub(crate) ledger: Arc<Ledger>,
    scripts: Mutex<Scripts>,
}

/// What is answered by.
struct Scripts {
    active: Arc<Active>,
    /// Each for one request, before that.
    first: VecDeque<Script>,
}

impl Shared {
    /// The script of the next request.
    pub(crate) fn next(&self) -> Arc<Active> {
        let mut scripts = self.scripts();
        match scripts.first.pop_front() {
            Some(script) => Arc::new(Active::new(script)),
            None => Arc::clone(&scripts.active),
        }
    }

    fn scripts(&self) -> MutexGuard<'_, Scripts> {
        self.scripts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A provider on a port of this machine, without TLS. Dropping it stops it.
pub struct MockProvider {
    shared: Arc<Shared>,
    address: SocketAddr,
    stop: CancellationToken,
    tracker: TaskTracker,
}

impl MockProvider {
    /// Starts on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// If there is none.
    pub async fn start(script: Script) -> io::Result<Self> {
        Self::start_on((Ipv4Addr::LOCALHOST, 0).into(), script).await
    }

    /// Starts on this address, such as that of a mock that was stopped.
    ///
    /// # Errors
    /// If the address is not free.
    pub async fn start_on(address: SocketAddr, script: Script) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let (stop, tracker) = (CancellationToken::new(), TaskTracker::new());
        let ledger = Arc::new(Ledger::new(stop.clone()));
        let scripts = Scripts { active: Arc::new(Active::new(script)), first: VecDeque::new() };
        let shared = Arc::new(Shared { ledger, scripts: Mutex::new(scripts) });
        let router = routes::router(shared.clone());
        tracker.spawn(accept(listener, router, stop.clone(), tracker.clone()));
        Ok(Self { shared, address, stop, tracker })
    }

    /// The address it listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it is, without a slash at the end and without `/v1`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The requests since the last [`clear`](Self::clear), in the order in which
    /// they came. At most the last 4096, or as many as [`keep`](Self::keep) says.
    #[must_use]
    pub fn requests(&self) -> Vec<Recorded> {
        self.shared.ledger.requests()
    }

    /// How many requests came since the last [`clear`](Self::clear).
    #[must_use]
    pub fn count(&self) -> u64 {
        self.shared.ledger.count()
    }

    /// Forgets the requests. Those that are being answered are not counted later.
    pub fn clear(&self) {
        self.shared.ledger.clear();
    }

    /// Keeps at most so many requests. Benchmarks say 0: requests are counted
    /// and forgotten.
    pub fn keep(&self, most: usize) {
        self.shared.ledger.keep(most);
    }

    /// Waits until every answer has ended, whoever ended it. How long is for the
    /// caller to limit: a fault may stall for ever.
    pub async fn settled(&self) {
        self.shared.ledger.settled().await;
    }

    /// Answers later requests by this script. Faults for the first requests
    /// count anew.
    pub fn set(&self, script: Script) {
        let active = Arc::new(Active::new(script));
        *self.shared.scripts() = Scripts { active, first: VecDeque::new() };
    }

    /// Answers the next requests by one script each, and those after them as
    /// before.
    pub fn play(&self, scripts: impl IntoIterator<Item = Script>) {
        self.shared.scripts().first.extend(scripts);
    }

    /// Stops at once: connections are reset, and the port is free when this
    /// returns. The requests can still be read.
    pub async fn stop(&self) {
        self.stop.cancel();
        self.tracker.close();
        self.tracker.wait().await;
    }
}

impl Drop for MockProvider {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn accept(
    listener: TcpListener,
    router: Router,
    stop: CancellationToken,
    tracker: TaskTracker,
) {
    while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
        match accepted {
            Ok((stream, _)) => {
                tracker.spawn(serve(stream, router.clone(), stop.clone()));
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn serve(stream: TcpStream, router: Router, stop: CancellationToken) {
    let wire = Wire::default();
    let Ok(socket) = Socket::new(stream, wire.clone(), stop.clone()) else { return };
    let service = service_fn(|mut request: Request<Incoming>| {
        request.extensions_mut().insert(wire.clone());
        router.clone().oneshot(request)
    });
    let connection = http1::Builder::new().serve_connection(TokioIo::new(socket), service);
    // How it ended is in the ledger.
    let _ = stop.run_until_cancelled(connection).await;
}
