//! A session of the edge, from Hello to its end.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use agentos_domain::{Clock, SessionEpoch};

use super::backoff::Backoff;
use super::run::Core;
use crate::PROBE_LIMIT;
use crate::channel::LinkChannel;
use crate::error::LinkError;
use crate::quic;
use crate::serve::{Tasks, Transport};
use crate::tcp::{DialledLane, LaneKind, SentinelEnd, dial_lane, watch_sentinel};
use crate::tls::edge_config;

/// How much more the wall clock than the monotonic one must have moved to
/// tell that the machine slept.
const SLEPT: Duration = Duration::from_secs(2);
const WAKE_CHECK: Duration = Duration::from_secs(1);
/// How long the hub may take to answer after the machine slept.
const WAKE_LIMIT: Duration = Duration::from_secs(1);

/// A session.
pub(super) struct Live {
    pub(super) epoch: SessionEpoch,
    pub(super) transport: Transport,
    pub(super) channel: LinkChannel,
    pub(super) ending: Ending,
}

impl Live {
    /// Waits for the end, and says why.
    pub(super) async fn ended(&self) -> String {
        self.ending.inner.tasks.cancel().cancelled().await;
        self.ending.reason()
    }
}

impl Drop for Live {
    /// For a link whose future is dropped instead of cancelled.
    fn drop(&mut self) {
        self.ending.end("the edge stops");
    }
}

/// Ends a session as a whole.
#[derive(Clone)]
pub(super) struct Ending {
    inner: Arc<Inner>,
}

struct Inner {
    tasks: Tasks,
    quic: Option<(quinn::Connection, quinn::Endpoint)>,
    reason: OnceLock<String>,
}

impl Ending {
    pub(super) fn quic(
        tasks: Tasks,
        connection: quinn::Connection,
        endpoint: quinn::Endpoint,
    ) -> Self {
        Self::new(tasks, Some((connection, endpoint)))
    }

    pub(super) fn tcp(tasks: Tasks) -> Self {
        Self::new(tasks, None)
    }

    fn new(tasks: Tasks, quic: Option<(quinn::Connection, quinn::Endpoint)>) -> Self {
        Self { inner: Arc::new(Inner { tasks, quic, reason: OnceLock::new() }) }
    }

    pub(super) fn tasks(&self) -> &Tasks {
        &self.inner.tasks
    }

    /// Closes everything at once. The first reason given counts.
    pub(super) fn end(&self, reason: &str) {
        self.inner.reason.get_or_init(|| reason.to_owned());
        // To close what the hub has closed would overwrite its reason.
        if let Some((connection, _)) = &self.inner.quic
            && connection.close_reason().is_none()
        {
            connection.close(quic::CLOSED, reason.as_bytes());
        }
        self.inner.tasks.cancel().cancel();
    }

    /// Ends it and waits, for a bounded time, until nothing of it is left.
    pub(super) async fn finish(&self, reason: &str) {
        self.end(reason);
        self.inner.tasks.shut_down().await;
        if let Some((_, endpoint)) = &self.inner.quic {
            // So that the hub hears of it.
            drop(tokio::time::timeout(PROBE_LIMIT, endpoint.wait_idle()).await);
        }
    }

    fn reason(&self) -> String {
        self.inner.reason.get().map_or_else(|| "the edge stops".to_owned(), Clone::clone)
    }

    /// Keeps a TCP connection beside QUIC, and asks for the hub's life when it
    /// breaks. That it cannot be opened is no error.
    pub(super) fn watch_sentinel(
        &self,
        core: &Arc<Core>,
        hub: SocketAddr,
        epoch: SessionEpoch,
        channel: LinkChannel,
    ) {
        let (keepalive, idle) = (core.config.keepalive, core.config.idle);
        let mut backoff = Backoff::new(core.config.backoff_min, core.config.backoff_max);
        let (owner, core) = (self.clone(), Arc::clone(core));
        self.tasks().spawn(async move {
            loop {
                if let Ok(io) = dial_sentinel(&core, hub, epoch).await {
                    let end = watch_sentinel(io, keepalive, idle).await;
                    // Of silence the idle limit of QUIC judges.
                    if end == SentinelEnd::Gone && !channel.answers_within(PROBE_LIMIT).await {
                        return owner.end("the hub's process is gone");
                    }
                    backoff.reset();
                }
                // Never at once: a hub that keeps closing it is left in peace.
                tokio::time::sleep(keepalive.max(backoff.next())).await;
            }
        });
    }

    /// After the machine slept, a link is trusted only once the hub answers:
    /// the clocks that would notice its death stood still.
    pub(super) fn watch_sleep(&self, clock: Arc<dyn Clock>, channel: LinkChannel) {
        let owner = self.clone();
        self.tasks().spawn(async move {
            loop {
                let (wall, monotonic) = (clock.now(), clock.monotonic());
                tokio::time::sleep(WAKE_CHECK).await;
                let passed = clock.monotonic().saturating_sub(monotonic);
                let slept = clock.now().since(wall).saturating_sub(passed) > SLEPT;
                if slept && !channel.answers_within(WAKE_LIMIT).await {
                    return owner.end("the machine slept, and the link did not survive");
                }
            }
        });
    }
}

/// Shows the certificate of now: a session may outlive the one it began with.
async fn dial_sentinel(
    core: &Core,
    hub: SocketAddr,
    epoch: SessionEpoch,
) -> Result<DialledLane, LinkError> {
    let tls = edge_config(&core.identity.get(), &core.clock)?;
    dial_lane(&[hub], &tls, LaneKind::Sentinel, epoch)
        .await
        .map_err(|error| LinkError::of_dial(&core.config.hub, &error))
}
