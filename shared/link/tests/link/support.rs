//! A hub with a registry in memory, and edges.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use agentos_domain::{Clock, EdgeId, SessionEpoch, SystemClock};
use agentos_link::{
    EdgeIdentity, EdgeLink, EdgeLinkConfig, EdgeLinkHandle, EdgeRegistry, EdgeSession,
    EdgeSessions as _, HubLink, HubLinkConfig, HubLinkHandle, JoinToken, LinkEvent, LinkState,
    RegistryError, Transport, TransportChoice, join,
};
use agentos_proto::v1::{HeldAttempt, HelloRequest};
use tokio::sync::broadcast;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::services::{edge_routes, hub_routes};

/// Generous: nothing in these tests is about speed.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

#[derive(Default)]
pub(crate) struct Registry {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    tokens: HashMap<[u8; 32], Token>,
    edges: HashMap<EdgeId, String>,
    revoked: HashSet<EdgeId>,
    epoch: u64,
    closed: Vec<SessionEpoch>,
    redeems: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token {
    Good,
    Used,
    Expired,
}

impl Registry {
    pub(crate) fn add_token(&self, hash: [u8; 32], token: Token) {
        self.state.lock().unwrap().tokens.insert(hash, token);
    }

    pub(crate) fn revoke(&self, edge: &EdgeId) {
        self.state.lock().unwrap().revoked.insert(edge.clone());
    }

    pub(crate) fn name_of(&self, edge: &EdgeId) -> Option<String> {
        self.state.lock().unwrap().edges.get(edge).cloned()
    }

    pub(crate) fn redeems(&self) -> usize {
        self.state.lock().unwrap().redeems
    }

    pub(crate) fn closed(&self) -> Vec<SessionEpoch> {
        self.state.lock().unwrap().closed.clone()
    }
}

#[tonic::async_trait]
impl EdgeRegistry for Registry {
    async fn redeem(&self, hash: [u8; 32], edge: EdgeId, name: &str) -> Result<(), RegistryError> {
        let mut state = self.state.lock().unwrap();
        state.redeems += 1;
        let refused = |reason: &str| Err(RegistryError::Refused(reason.to_owned()));
        match state.tokens.get_mut(&hash) {
            Some(token @ Token::Good) => {
                *token = Token::Used;
                state.edges.insert(edge, name.to_owned());
                Ok(())
            }
            Some(Token::Used) => refused("it was used already"),
            Some(Token::Expired) => refused("it has expired"),
            None => refused("it is unknown"),
        }
    }

    async fn is_revoked(&self, edge: &EdgeId) -> Result<bool, RegistryError> {
        let state = self.state.lock().unwrap();
        Ok(state.revoked.contains(edge) || !state.edges.contains_key(edge))
    }

    async fn open_session(
        &self,
        _: &EdgeId,
        _: &HelloRequest,
    ) -> Result<SessionEpoch, RegistryError> {
        let mut state = self.state.lock().unwrap();
        state.epoch += 1;
        Ok(SessionEpoch(state.epoch))
    }

    async fn close_session(&self, _: &EdgeId, epoch: SessionEpoch) {
        self.state.lock().unwrap().closed.push(epoch);
    }
}

pub(crate) struct Hub {
    pub(crate) handle: HubLinkHandle,
    pub(crate) registry: Arc<Registry>,
    pub(crate) events: broadcast::Receiver<LinkEvent>,
    cancel: CancellationToken,
    tasks: JoinSet<()>,
}

pub(crate) fn any_port() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

pub(crate) fn hub_config(dir: &Path) -> HubLinkConfig {
    HubLinkConfig::new(any_port(), dir.to_owned(), "0.0.1-test")
}

impl Hub {
    pub(crate) async fn start(dir: &Path) -> Self {
        Self::with(hub_config(dir), Arc::default()).await
    }

    pub(crate) async fn with(config: HubLinkConfig, registry: Arc<Registry>) -> Self {
        Self::with_clock(config, registry, Arc::new(SystemClock)).await
    }

    pub(crate) async fn with_clock(
        config: HubLinkConfig,
        registry: Arc<Registry>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let seen: Arc<dyn EdgeRegistry> = Arc::clone(&registry) as _;
        let link = HubLink::bind(config, seen, hub_routes(), clock).await.unwrap();
        let handle = link.handle();
        let (events, cancel) = (handle.subscribe(), CancellationToken::new());
        let mut tasks = JoinSet::new();
        let stop = cancel.clone();
        tasks.spawn(async move { link.run(stop).await.unwrap() });
        Self { handle, registry, events, cancel, tasks }
    }

    pub(crate) async fn stop(mut self) {
        self.cancel.cancel();
        within(self.tasks.join_next()).await.unwrap().unwrap();
    }

    pub(crate) fn addr(&self) -> String {
        self.handle.local_addr().to_string()
    }

    pub(crate) fn token(&self, kind: Token) -> JoinToken {
        let (token, hash) = self.handle.new_join_token();
        self.registry.add_token(hash, kind);
        token
    }

    pub(crate) async fn join(&self, dir: &Path) -> EdgeIdentity {
        join(&self.addr(), &self.token(Token::Good), "mac-mini", dir).await.unwrap()
    }

    pub(crate) async fn next_up(&mut self) -> EdgeSession {
        loop {
            if let LinkEvent::Up(session) = within(self.events.recv()).await.unwrap() {
                return session;
            }
        }
    }

    pub(crate) async fn next_down(&mut self) -> (SessionEpoch, String) {
        loop {
            if let LinkEvent::Down { epoch, reason, .. } = within(self.events.recv()).await.unwrap()
            {
                return (epoch, reason);
            }
        }
    }
}

pub(crate) struct Edge {
    pub(crate) handle: EdgeLinkHandle,
    cancel: CancellationToken,
    tasks: JoinSet<()>,
}

pub(crate) fn edge_config(hub: &str, dir: PathBuf, transport: TransportChoice) -> EdgeLinkConfig {
    let mut config = EdgeLinkConfig::new(hub, dir, "0.0.2-test");
    config.capabilities = vec!["execute".to_owned()];
    config.transport = transport;
    config.backoff_max = Duration::from_millis(500);
    config
}

impl Edge {
    pub(crate) fn start(hub: &str, dir: &Path, transport: TransportChoice) -> Self {
        Self::with(edge_config(hub, dir.to_owned(), transport))
    }

    pub(crate) fn with(config: EdgeLinkConfig) -> Self {
        Self::with_clock(config, Arc::new(SystemClock))
    }

    pub(crate) fn with_clock(config: EdgeLinkConfig, clock: Arc<dyn Clock>) -> Self {
        let held = || vec![HeldAttempt { attempt_id: "att_1".to_owned(), ..Default::default() }];
        let link = EdgeLink::new(config, edge_routes(), Arc::new(held), clock).unwrap();
        let (handle, cancel) = (link.handle(), CancellationToken::new());
        let mut tasks = JoinSet::new();
        tasks.spawn(link.run(cancel.clone()));
        Self { handle, cancel, tasks }
    }

    pub(crate) async fn stop(mut self) {
        self.cancel.cancel();
        within(self.tasks.join_next()).await.unwrap().unwrap();
    }

    pub(crate) async fn connected(&self) -> (SessionEpoch, Transport) {
        self.connected_after(SessionEpoch(0)).await
    }

    /// Waits for a session newer than `epoch`.
    pub(crate) async fn connected_after(&self, old: SessionEpoch) -> (SessionEpoch, Transport) {
        let newer =
            |state: &LinkState| matches!(state, LinkState::Connected { epoch, .. } if *epoch > old);
        match self.state(newer).await {
            LinkState::Connected { epoch, transport } => (epoch, transport),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn refused(&self) -> String {
        match self.state(|state| matches!(state, LinkState::Refused { .. })).await {
            LinkState::Refused { reason } => reason,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn state(&self, wanted: impl FnMut(&LinkState) -> bool) -> LinkState {
        let mut state = self.handle.state();
        within(state.wait_for(wanted)).await.unwrap().clone()
    }
}

pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future).await.expect("nothing happened in time")
}

/// Asks again and again; for what tells nobody when it changes.
pub(crate) async fn until(mut condition: impl FnMut() -> bool) {
    let asked = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    within(asked).await;
}
