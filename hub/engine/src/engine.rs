//! The engine as a service: what it owns, and its start and end.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use agentos_domain::{AgentConfig, Clock, EdgeId, SessionEpoch, Task, TaskId, builtin_agents};
use agentos_link::{EdgeRegistry, EdgeSession, EdgeSessions};
use agentos_proto::v1::models_server::ModelsServer;
use agentos_proto::v1::runs_server::RunsServer;
use agentos_snapshot::BlobStore;
use agentos_store::{HeldLease, Store, StoreError};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

use crate::active::ActiveAttempts;
use crate::approvals::{Notifier, tell_of_proposals};
use crate::config::EngineConfig;
use crate::dispatch::Dispatcher;
use crate::error::EngineError;
use crate::events::Events;
use crate::handle::EngineHandle;
use crate::keys::KeyRing;
use crate::metrics::Metrics;
use crate::models::{Models, ModelsService};
use crate::provider_keys::warn_of_locked;
use crate::registry::Registry;
use crate::schedules::keep_schedules;
use crate::service::RunsService;
use crate::types::EdgeLoad;
use crate::vault::Vault;

/// Results, and lists of what they changed, can be larger than gRPC's usual 4 MiB.
const MAX_REQUEST_BYTES: usize = 32 * 1024 * 1024;
/// How long changes that are under way may take at the stop.
const STOP_DEADLINE: Duration = Duration::from_secs(5);

/// What all parts of the engine use.
pub(crate) struct Shared {
    pub(crate) config: EngineConfig,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) blobs: Arc<BlobStore>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) events: Events,
    pub(crate) keys: KeyRing,
    pub(crate) vault: Arc<Vault>,
    pub(crate) metrics: Metrics,
    /// Rung when there may be something to dispatch.
    pub(crate) wake: Notify,
    /// Rung when there may be a proposal to tell of.
    pub(crate) to_tell: Notify,
    /// Rung when a schedule may be due earlier than was known.
    pub(crate) schedules_changed: Notify,
    /// The agents by name.
    agents: RwLock<HashMap<String, AgentConfig>>,
    pub(crate) loads: Mutex<HashMap<EdgeId, EdgeLoad>>,
    pub(crate) link: OnceLock<Arc<dyn EdgeSessions>>,
    /// What executors ask that have no model of their own.
    pub(crate) models: OnceLock<Arc<dyn Models>>,
    /// The hub's own executor, if it has one.
    pub(crate) own_executor: OnceLock<EdgeId>,
    /// Attempts that this process knows to be on an edge.
    pub(crate) active: ActiveAttempts,
    /// Owns what must come to its end although its caller has gone: a change
    /// of the store and the telling of it belong together.
    pub(crate) tracker: TaskTracker,
    /// Sessions of edges that stop: they take no more runs.
    stopping: Mutex<BTreeSet<SessionEpoch>>,
    /// Tasks that edges gave up, with the steps they had and how often.
    fruitless: Mutex<HashMap<TaskId, (u64, u32)>>,
}

impl Shared {
    /// Does `work` to its end, also where the caller is dropped meanwhile.
    pub(crate) async fn to_the_end<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.tracker.spawn(work.in_current_span()).await.unwrap_or(Err(StoreError::Closed))
    }

    pub(crate) fn stopping(&self) -> MutexGuard<'_, BTreeSet<SessionEpoch>> {
        self.stopping.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts an attempt that ended without a step; returns how many did so in
    /// a row.
    pub(crate) fn fruitless(&self, task: &TaskId, steps: u64) -> u32 {
        let mut counts = self.fruitless.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(task.clone()).or_insert((steps, 0));
        *count = if count.0 == steps { (steps, count.1 + 1) } else { (steps, 1) };
        count.1
    }

    /// Forgets the count of a task.
    pub(crate) fn settled(&self, task: &TaskId) {
        self.fruitless.lock().unwrap_or_else(PoisonError::into_inner).remove(task);
    }

    /// The sessions of edges; that of the hub's own executor is none of them.
    pub(crate) fn edges_in_session(&self) -> Vec<EdgeSession> {
        let mut sessions = self.link.get().map(|link| link.sessions()).unwrap_or_default();
        sessions.retain(|session| !self.is_own(session));
        sessions
    }

    /// Whether a session is that of the hub's own executor.
    pub(crate) fn is_own(&self, session: &EdgeSession) -> bool {
        self.own_executor.get() == Some(&session.edge_id)
    }

    /// The agent of this name, or else the names that there are.
    pub(crate) fn agent(&self, name: &str) -> Result<AgentConfig, Vec<String>> {
        let agents = self.agents.read().unwrap_or_else(PoisonError::into_inner);
        let agent = agents.get(name).cloned();
        drop(agents);
        agent.ok_or_else(|| self.agent_names())
    }

    /// The names of all agents, in their order.
    pub(crate) fn agent_names(&self) -> Vec<String> {
        let agents = self.agents.read().unwrap_or_else(PoisonError::into_inner);
        let mut known: Vec<_> = agents.keys().cloned().collect();
        known.sort_unstable();
        known
    }

    pub(crate) fn set_agents(&self, agents: Vec<AgentConfig>) {
        *self.agents.write().unwrap_or_else(PoisonError::into_inner) = by_name(agents);
    }

    pub(crate) fn loads(&self) -> MutexGuard<'_, HashMap<EdgeId, EdgeLoad>> {
        self.loads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends a lease whose run is to go on elsewhere.
    pub(crate) async fn requeue(&self, lease: &HeldLease) -> Result<(), StoreError> {
        let task = self.store.release(lease, self.clock.now()).await?;
        self.publish_requeued(task.as_slice());
        Ok(())
    }

    /// Tells watchers that tasks lost their executor: they went back to the
    /// queue, or have failed.
    pub(crate) fn publish_requeued(&self, tasks: &[Task]) {
        for task in tasks {
            self.events.publish_status(task);
            if task.status.is_final() {
                self.metrics.observe(task, &[]);
            }
        }
        if !tasks.is_empty() {
            self.wake.notify_one();
        }
    }
}

/// The built-in agents and `agents`, which replace those of the same name.
fn by_name(agents: Vec<AgentConfig>) -> HashMap<String, AgentConfig> {
    let all = builtin_agents().into_iter().chain(agents);
    all.map(|agent| (agent.name.to_string(), agent)).collect()
}

/// The engine.
pub struct Engine {
    shared: Arc<Shared>,
    notifier: Option<Arc<dyn Notifier>>,
}

impl Engine {
    /// An engine over a store and a folder of blobs.
    #[must_use]
    pub fn new(
        config: EngineConfig,
        store: Arc<dyn Store>,
        blobs: Arc<BlobStore>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let agents = by_name(config.agents.clone());
        let vault = Arc::new(Vault::new(config.master_key.clone()));
        let shared = Shared {
            config,
            store,
            blobs,
            clock,
            events: Events::default(),
            keys: KeyRing::default(),
            vault,
            metrics: Metrics::new(agents.values()),
            wake: Notify::new(),
            to_tell: Notify::new(),
            schedules_changed: Notify::new(),
            agents: RwLock::new(agents),
            loads: Mutex::default(),
            link: OnceLock::new(),
            models: OnceLock::new(),
            own_executor: OnceLock::new(),
            active: ActiveAttempts::default(),
            tracker: TaskTracker::new(),
            stopping: Mutex::default(),
            fruitless: Mutex::default(),
        };
        Self { shared: Arc::new(shared), notifier: None }
    }

    /// Has people told of proposals.
    #[must_use]
    pub fn with_notifier(mut self, notifier: Arc<dyn Notifier>) -> Self {
        self.notifier = Some(notifier);
        self
    }

    /// Has executors without a model of their own ask these.
    #[must_use]
    pub fn with_models(self, models: Arc<dyn Models>) -> Self {
        // Given once: this consumes the engine.
        let _ = self.shared.models.set(models);
        self
    }

    /// The id under which the hub's own executor is to connect. Once this was
    /// asked, tasks that allow it are given to it where no edge is there.
    ///
    /// # Errors
    /// Where the store cannot be written.
    pub async fn own_executor(&self) -> Result<EdgeId, EngineError> {
        let id = self.shared.store.own_executor(self.shared.clock.now()).await?;
        Ok(self.shared.own_executor.get_or_init(|| id).clone())
    }

    /// The verbs of the engine.
    #[must_use]
    pub fn handle(&self) -> EngineHandle {
        EngineHandle::new(Arc::clone(&self.shared))
    }

    /// What the link asks about edges.
    #[must_use]
    pub fn registry(&self) -> Arc<dyn EdgeRegistry> {
        Arc::new(Registry::new(Arc::clone(&self.shared)))
    }

    /// The services that the hub offers to edges.
    #[must_use]
    pub fn routes(&self) -> tonic::service::Routes {
        let service = RunsServer::new(RunsService::new(Arc::clone(&self.shared)))
            .max_decoding_message_size(MAX_REQUEST_BYTES);
        let models = ModelsServer::new(ModelsService::new(Arc::clone(&self.shared)))
            .max_decoding_message_size(MAX_REQUEST_BYTES);
        tonic::service::Routes::new(service).add_service(models)
    }

    /// Dispatches tasks, and makes those of schedules, until `cancel`.
    ///
    /// # Errors
    /// Where the store cannot be used at the start.
    pub async fn run(
        self,
        link: Arc<dyn EdgeSessions>,
        cancel: CancellationToken,
    ) -> Result<(), EngineError> {
        let events = link.subscribe();
        // The engine is run once: it is consumed.
        let _ = self.shared.link.set(link);
        let now = self.shared.clock.now();
        let kept = self.shared.store.extend_all_leases(now, self.shared.config.lease_ttl).await?;
        agentos_faults::crash_point("hub.started");
        tracing::info!(leases = kept, "engine started; holders of leases may come back");
        warn_of_locked(&self.shared).await;
        let dispatcher = Dispatcher::new(Arc::clone(&self.shared), events);
        let telling = async {
            if let Some(notifier) = &self.notifier {
                tell_of_proposals(&self.shared, notifier.as_ref(), &cancel).await;
            }
        };
        let schedules = cancel.run_until_cancelled(keep_schedules(&self.shared));
        tokio::join!(dispatcher.run(cancel.clone()), telling, schedules);
        self.shared.tracker.close();
        if tokio::time::timeout(STOP_DEADLINE, self.shared.tracker.wait()).await.is_err() {
            tracing::warn!("changes were still under way 5 s after the stop");
        }
        Ok(())
    }
}
