//! The loop that keeps the edge connected.

use std::sync::Arc;
use std::time::Duration;

use agentos_domain::Clock;
use agentos_proto::v1::HeldAttempt;
use agentos_proto::v1::liveness_server::LivenessServer;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

use super::backoff::Backoff;
use super::config::{EdgeLinkConfig, TransportChoice};
use super::dial::{dial, dial_quic_again};
use super::handle::{EdgeLinkHandle, LinkState, Standing};
use super::hold::Live;
use super::renew::renew_loop;
use crate::error::LinkError;
use crate::identity::EdgeIdentity;
use crate::serve::{Alive, KeepAlive, Transport};
use crate::tls::Current;

/// A session that held this long is redialled at once when it ends; a shorter
/// one counts as a failure (two edges with one identity would otherwise push
/// each other out without pause).
const HELD: Duration = Duration::from_secs(1);

/// What all parts of the edge's side share.
pub(super) struct Core {
    pub(super) config: EdgeLinkConfig,
    pub(super) identity: Current<Arc<EdgeIdentity>>,
    pub(super) routes: Routes,
    pub(super) held: Arc<dyn Fn() -> Vec<HeldAttempt> + Send + Sync>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) boot_id: String,
    pub(super) standing: Arc<Standing>,
}

/// The edge's side of the link.
pub struct EdgeLink {
    core: Arc<Core>,
}

impl EdgeLink {
    /// `services` are served to the hub; `held` tells at each connection what
    /// the edge is still working on.
    ///
    /// # Errors
    /// If this machine has not joined a hub, or its identity is unusable.
    pub fn new(
        config: EdgeLinkConfig,
        services: Routes,
        held: Arc<dyn Fn() -> Vec<HeldAttempt> + Send + Sync>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, LinkError> {
        KeepAlive::check(config.keepalive, config.idle)?;
        let identity = EdgeIdentity::load(&config.identity_dir)?;
        let core = Core {
            config,
            identity: Current::new(Arc::new(identity)),
            routes: services.add_service(LivenessServer::new(Alive)).prepare(),
            held,
            clock,
            boot_id: uuid::Uuid::now_v7().simple().to_string(),
            standing: Standing::new(),
        };
        Ok(Self { core: Arc::new(core) })
    }

    /// Access to the link, also before it runs.
    #[must_use]
    pub fn handle(&self) -> EdgeLinkHandle {
        EdgeLinkHandle { standing: Arc::clone(&self.core.standing) }
    }

    /// Keeps the edge connected until `cancel`, then closes the link and
    /// returns within some seconds.
    pub async fn run(self, cancel: CancellationToken) {
        let core = &self.core;
        let mut backoff = Backoff::new(core.config.backoff_min, core.config.backoff_max);
        loop {
            let pause = match cancel.run_until_cancelled(Box::pin(dial(core, &cancel))).await {
                None => break,
                Some(Ok(live)) => Box::pin(self.sessions(live, &mut backoff, &cancel)).await,
                Some(Err(error)) => self.failed(&error, &mut backoff),
            };
            if cancel.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
                break;
            }
        }
        let last_error = Some("the edge stops".to_owned());
        core.standing.lost(LinkState::Connecting { last_error });
    }

    /// Holds a session, and those over QUIC that replace it, until there is
    /// none; returns how long to wait then.
    async fn sessions(
        &self,
        mut live: Live,
        backoff: &mut Backoff,
        stop: &CancellationToken,
    ) -> Duration {
        let core = &self.core;
        let mut start = core.clock.monotonic();
        self.connected(&live);
        while let Some(better) = self.better(&live, stop).await {
            let old = std::mem::replace(&mut live, better);
            start = core.clock.monotonic();
            self.connected(&live);
            old.ending.finish("replaced by a session over QUIC").await;
        }
        let (epoch, reason) = (live.epoch, live.ended().await);
        tracing::info!(%epoch, reason, "link to the hub ended");
        core.standing.lost(LinkState::Connecting { last_error: Some(reason.clone()) });
        live.ending.finish(&reason).await;
        if core.clock.monotonic().saturating_sub(start) < HELD {
            return backoff.next();
        }
        backoff.reset();
        Duration::ZERO
    }

    fn connected(&self, live: &Live) {
        let core = &self.core;
        let (epoch, transport) = (live.epoch, live.transport);
        live.ending.tasks().spawn(renew_loop(Arc::clone(core), live.channel.clone()));
        live.ending.watch_sleep(Arc::clone(&core.clock), live.channel.clone());
        core.standing.connected(epoch, transport, live.channel.clone());
        tracing::info!(%epoch, %transport, "connected to the hub");
    }

    /// A session over QUIC in place of this one over TCP, once UDP gets
    /// through. None: this one ended first.
    async fn better(&self, live: &Live, stop: &CancellationToken) -> Option<Live> {
        let config = &self.core.config;
        if live.transport == Transport::Quic || config.transport != TransportChoice::Auto {
            live.ended().await;
            return None;
        }
        loop {
            let ended = tokio::time::timeout(config.quic_interval, live.ended()).await;
            if ended.is_ok() {
                return None;
            }
            // To its end, also if this session ends meanwhile: the hub ends it
            // before it answers the Hello of the new one.
            match dial_quic_again(&self.core, stop).await {
                Ok(better) => return Some(better),
                Err(error) => tracing::debug!(%error, "still no link over QUIC"),
            }
        }
    }

    fn failed(&self, error: &LinkError, backoff: &mut Backoff) -> Duration {
        let core = &self.core;
        match error {
            LinkError::Refused { reason } => {
                let told = LinkState::Refused { reason: reason.clone() };
                if core.standing.state() != told {
                    tracing::warn!(reason, "the hub refuses this edge; trying again");
                }
                core.standing.lost(told);
                core.config.backoff_max
            }
            _ => {
                let told = LinkState::Connecting { last_error: Some(error.to_string()) };
                // Each reason once, not at every try.
                if core.standing.state() != told {
                    tracing::warn!(%error, "no link to the hub; trying again");
                }
                core.standing.lost(told);
                backoff.next()
            }
        }
    }
}
