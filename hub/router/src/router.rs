//! The router as a service: what it owns, and what it is asked.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use agentos_domain::{Clock, ProviderName, ProviderSecret, RequestId, TaskId, WorkspaceId};
use agentos_prices::{PriceTable, Service};
use agentos_store::{Budget, BudgetScope, Ledger, Spend, StoreError};
use agentos_tiering::Outcomes;
use async_trait::async_trait;
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

use crate::answer::{Answer, replay};
use crate::books::Books;
use crate::bound::{self, Prompt};
use crate::cache::{self, AnswerCache, Looked, Recorder};
use crate::chat::ChatRequest;
use crate::confidence::Calibrations;
use crate::config::{DeploymentConfig, Location, RouterConfig};
use crate::counts::{Counter, Counts};
use crate::deployment::{Deployment, DeploymentStatus};
use crate::embed::Embed;
use crate::error::{CallError, RouterError};
use crate::event::ChatEvent;
use crate::failover::Drive;
use crate::meter::{Meter, MeterParts, asked_service};
use crate::route::Pool;
use crate::tiers::{Tiers, WISHES};

/// How many events wait for a client that reads slowly.
const EVENTS: usize = 64;
/// How often the longest time of a call fits into that of a request: deployments
/// that take all of it leave time for another.
const ROUNDS: u32 = 2;
/// How often calls are looked for that nobody has settled.
const SWEEP: Duration = Duration::from_mins(1);

/// Who asks, and what holds for them.
#[derive(Debug, Clone, PartialEq)]
pub struct Caller {
    /// The workspace that it is for.
    pub workspace: WorkspaceId,
    /// The id of the principal.
    pub key_id: String,
    /// The request that it belongs to.
    pub request: Option<RequestId>,
    /// The task that it belongs to.
    pub task: Option<TaskId>,
    /// Nothing of it may leave the home network.
    pub local_only: bool,
    /// An earlier answer will do.
    pub cached: bool,
}

/// Keys of providers that workspaces bring along.
#[async_trait]
pub trait ProviderKeys: Send + Sync + 'static {
    /// A workspace's key of a provider; none where it has none.
    ///
    /// # Errors
    /// Where it has one that cannot be read.
    async fn key(
        &self,
        workspace: &WorkspaceId,
        provider: &ProviderName,
    ) -> Result<Option<ProviderSecret>, CallError>;
}

/// The key of a workspace's own that a deployment is asked with; none where it
/// takes none, or the workspace has none.
pub(crate) async fn own_key(
    keys: &dyn ProviderKeys,
    workspace: &WorkspaceId,
    deployment: &DeploymentConfig,
) -> Result<Option<ProviderSecret>, CallError> {
    if deployment.location == Location::Local || !deployment.own_keys {
        return Ok(None);
    }
    keys.key(workspace, &deployment.provider).await
}

/// A name that requests may name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelInfo {
    /// The name.
    pub name: String,
    /// The deployments behind it.
    pub deployments: Vec<String>,
    /// Whether all of them compute in the home network.
    pub local: bool,
}

struct Shared {
    config: RouterConfig,
    pool: Arc<Pool>,
    ledger: Arc<dyn Ledger>,
    clock: Arc<dyn Clock>,
    keys: Arc<dyn ProviderKeys>,
    prices: Arc<PriceTable>,
    calibrations: Arc<Calibrations>,
    cache: Option<Arc<AnswerCache>>,
    tiers: Arc<Tiers>,
    /// The budgets of workspaces and keys.
    budgets: RwLock<Vec<Budget>>,
    places: Arc<Semaphore>,
    counter: Arc<Counter>,
    /// The longest that a request may take, whoever answers it.
    lasts: Duration,
    /// Owns the requests that are answered: what they cost is settled although
    /// whoever asked has gone.
    tracker: TaskTracker,
    books: Books,
}

/// Everything that a router is made of.
pub struct RouterParts {
    /// How it is set up.
    pub config: RouterConfig,
    /// Its deployments.
    pub deployments: Vec<Arc<Deployment>>,
    /// Where costs are kept.
    pub ledger: Arc<dyn Ledger>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Keys of the workspaces' own.
    pub keys: Arc<dyn ProviderKeys>,
    /// How sure models are when they say that they are.
    pub calibrations: Calibrations,
    /// What came of earlier decisions between tiers.
    pub outcomes: Outcomes,
}

/// Models behind one door. Clones are the same router.
#[derive(Clone)]
pub struct Router {
    shared: Arc<Shared>,
}

impl Router {
    /// A router. Calls that an earlier process left open are settled first, as
    /// lost.
    ///
    /// # Errors
    /// Where the ledger cannot be used.
    pub async fn open(parts: RouterParts) -> Result<Self, StoreError> {
        let RouterParts { config, deployments, ledger, clock, keys, calibrations, outcomes } =
            parts;
        let lost = ledger.recover_calls(clock.now()).await?;
        if lost > 0 {
            tracing::warn!(
                lost,
                "calls of models were under way when the hub ended; \
                each counts as spent as far as it had been reserved"
            );
        }
        let budgets = RwLock::new(ledger.budgets(None).await?);
        let mut groups: BTreeMap<String, Vec<Arc<Deployment>>> = BTreeMap::new();
        for deployment in deployments {
            groups.entry(deployment.config.group.clone()).or_default().push(deployment);
        }
        let longest = groups.values().flatten().map(|one| one.config.timeouts.total).max();
        let lasts = longest.unwrap_or_default() * ROUNDS;
        let fallbacks = config.fallbacks.clone();
        let pool = Arc::new(Pool { groups, fallbacks, strategy: config.strategy });
        let cache = config.cache_ttl.map(|ttl| Arc::new(AnswerCache::new(ttl, config.cache_bytes)));
        let tracker = TaskTracker::new();
        let books = Books::new(Arc::clone(&ledger), tracker.clone());
        let shared = Shared {
            pool,
            ledger,
            clock,
            keys,
            prices: Arc::new(config.prices.clone()),
            calibrations: Arc::new(calibrations),
            cache,
            tiers: Arc::new(Tiers::new(outcomes)),
            budgets,
            places: Arc::new(Semaphore::new(config.concurrent)),
            books,
            counter: Arc::default(),
            lasts,
            tracker,
            config,
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    pub(crate) fn pool(&self) -> &Pool {
        &self.shared.pool
    }

    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.shared.clock
    }

    pub(crate) fn tracker(&self) -> &TaskTracker {
        &self.shared.tracker
    }

    /// The names that requests may name, in their order.
    #[must_use]
    pub fn models(&self) -> Vec<ModelInfo> {
        let groups = self.shared.pool.groups.iter();
        groups
            .map(|(name, deployments)| ModelInfo {
                name: name.clone(),
                deployments: deployments.iter().map(|one| one.name().to_owned()).collect(),
                local: deployments.iter().all(|one| one.config.location == Location::Local),
            })
            .collect()
    }

    /// How the deployments fare.
    #[must_use]
    pub fn status(&self) -> Vec<DeploymentStatus> {
        let all = self.shared.pool.groups.values().flatten();
        all.map(|deployment| deployment.status()).collect()
    }

    /// What it has done since its start.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.shared.counter.snapshot()
    }

    /// What came of decisions between tiers, to be kept.
    #[must_use]
    pub fn outcomes(&self) -> Outcomes {
        self.shared.tiers.snapshot()
    }

    /// What a scope has spent this month.
    ///
    /// # Errors
    /// Where the ledger cannot be read.
    pub async fn spend_of(&self, scope: &BudgetScope) -> Result<Spend, StoreError> {
        self.shared.ledger.spend_of(scope, self.shared.clock.now()).await
    }

    /// Budgets that are used up so far that people should know, and do not yet.
    ///
    /// # Errors
    /// Where the ledger cannot be read.
    pub async fn due_alerts(&self) -> Result<Vec<Spend>, StoreError> {
        let Shared { config, ledger, clock, .. } = self.shared.as_ref();
        ledger.due_alerts(config.alert_permille, config.budget.as_ref(), clock.now()).await
    }

    /// Notes that people know of a budget.
    ///
    /// # Errors
    /// Where the ledger cannot be written.
    pub async fn alert_told(&self, spend: &Spend) -> Result<(), StoreError> {
        let Shared { config, ledger, clock, .. } = self.shared.as_ref();
        let Spend { scope, period, .. } = spend;
        ledger.alert_told(scope, period, config.alert_permille, clock.now()).await
    }

    /// The ledger, for those who show it.
    #[must_use]
    pub fn ledger(&self) -> &Arc<dyn Ledger> {
        &self.shared.ledger
    }

    /// The installation's budget.
    #[must_use]
    pub fn installation_budget(&self) -> Option<&Budget> {
        self.shared.config.budget.as_ref()
    }

    /// Sets the budget of a workspace or a key, from now on.
    ///
    /// # Errors
    /// Where the ledger cannot be written.
    pub async fn set_budget(&self, budget: Budget) -> Result<(), StoreError> {
        self.shared.ledger.set_budget(budget, self.shared.clock.now()).await?;
        self.read_budgets().await
    }

    /// Removes the budget of a workspace or a key. False if it had none.
    ///
    /// # Errors
    /// Where the ledger cannot be written.
    pub async fn remove_budget(&self, scope: &BudgetScope) -> Result<bool, StoreError> {
        let removed = self.shared.ledger.remove_budget(scope).await?;
        self.read_budgets().await?;
        Ok(removed)
    }

    async fn read_budgets(&self) -> Result<(), StoreError> {
        let budgets = self.shared.ledger.budgets(None).await?;
        *self.shared.budgets.write().unwrap_or_else(PoisonError::into_inner) = budgets;
        Ok(())
    }

    /// Answers a request. Returns once an answer begins: what fails before is
    /// tried elsewhere, and the caller sees nothing of it.
    ///
    /// # Errors
    /// Why nobody answers.
    pub async fn chat(&self, caller: Caller, request: ChatRequest) -> Result<Answer, RouterError> {
        request.check()?;
        let shared = &self.shared;
        let (wished, decision) = match shared.tiers.resolve(&request) {
            Some((tier, decision)) => (Some(tier.as_str()), decision),
            None => (None, None),
        };
        let name = wished.unwrap_or(&request.model);
        let Some((group, deployments)) = shared.pool.named(name) else {
            return Err(self.unknown(name));
        };
        let recorder = match self.look(&caller, &request).await {
            Some(Looked::Kept(kept)) => {
                shared.counter.cached();
                return Ok(Answer { decision, ..replay(&kept) });
            }
            Some(Looked::Make(recorder)) => Some(recorder.at(request.temperature)),
            None => None,
        };
        let place = self.place()?;
        let (events, receiver) = mpsc::channel(EVENTS);
        let learning = decision.clone().map(|decision| (Arc::clone(&shared.tiers), decision));
        let drive = Drive { learning, ..self.drive(caller, request, recorder, events) };
        let work = async move {
            let _place = place;
            Box::pin(drive.run(group, deployments)).await;
        };
        shared.tracker.spawn(work.in_current_span());
        let mut answer = Answer { events: receiver, first: None, decision };
        match answer.next().await {
            Some(ChatEvent::Failed(error)) => Err(error),
            Some(event) => Ok(Answer { first: Some(event), ..answer }),
            // It ends with one of these, unless it panicked.
            None => Err(RouterError::AllResting { retry_after: Duration::from_secs(1) }),
        }
    }

    fn drive(
        &self,
        caller: Caller,
        request: ChatRequest,
        recorder: Option<Recorder>,
        events: mpsc::Sender<ChatEvent>,
    ) -> Drive {
        let shared = &self.shared;
        let (prompt, service) = (Prompt::of(&request), asked_service(&request));
        let mut meter = self.meter(&caller, &request.model, prompt, service);
        meter.cannot_be_bounded(bound::unbounded(&request));
        Drive {
            pool: Arc::clone(&shared.pool),
            clock: Arc::clone(&shared.clock),
            keys: Arc::clone(&shared.keys),
            calibrations: Arc::clone(&shared.calibrations),
            meter,
            caller,
            request,
            deadline: shared.clock.monotonic() + shared.lasts,
            events,
            recorder,
            learning: None,
        }
    }

    fn meter(&self, caller: &Caller, model: &str, prompt: Prompt, service: Service) -> Meter {
        let shared = &self.shared;
        let parts = MeterParts {
            ledger: Arc::clone(&shared.ledger),
            books: shared.books.clone(),
            counter: Arc::clone(&shared.counter),
            clock: Arc::clone(&shared.clock),
            prices: Arc::clone(&shared.prices),
            installation: shared.config.budget.clone(),
            budgeted: self.is_budgeted(caller),
            lasts: shared.lasts,
        };
        Meter::new(parts, caller, model, prompt, service)
    }

    /// Whether any budget counts for this caller.
    fn is_budgeted(&self, caller: &Caller) -> bool {
        let budgets = self.shared.budgets.read().unwrap_or_else(PoisonError::into_inner);
        self.shared.config.budget.is_some()
            || budgets.iter().any(|budget| match &budget.scope {
                BudgetScope::Installation => true,
                BudgetScope::Workspace(workspace) => *workspace == caller.workspace,
                BudgetScope::Key(key) => *key == caller.key_id,
            })
    }

    async fn look(&self, caller: &Caller, request: &ChatRequest) -> Option<Looked> {
        let cache = self.shared.cache.as_ref().filter(|_| caller.cached)?;
        let scope = if caller.local_only { "local" } else { "" };
        let key = cache::key(&caller.workspace, scope, request)?;
        Some(cache.look(key).await)
    }

    fn place(&self) -> Result<OwnedSemaphorePermit, RouterError> {
        let limit = self.shared.config.concurrent;
        let place = Arc::clone(&self.shared.places).try_acquire_owned();
        place.map_err(|_| RouterError::Busy { limit })
    }

    fn unknown(&self, name: &str) -> RouterError {
        let groups = self.shared.pool.groups.keys().map(String::as_str);
        let known: Vec<_> = WISHES.into_iter().chain(groups).collect();
        RouterError::UnknownModel { name: name.chars().take(80).collect(), known: known.join(", ") }
    }

    /// Settles what nobody else does, until it is dropped; the hub keeps it
    /// running.
    pub async fn keep_books(&self) {
        loop {
            tokio::time::sleep(SWEEP).await;
            match self.shared.ledger.expire_calls(self.shared.clock.now()).await {
                Ok(0) => {}
                Ok(lost) => tracing::warn!(lost, "calls of models were never settled"),
                Err(error) => tracing::warn!(%error, "cannot look for calls that were not settled"),
            }
        }
    }

    /// Waits, at most for `limit`, for the requests that are answered. New ones
    /// are the caller's to refuse.
    pub async fn close(&self, limit: Duration) {
        self.shared.tracker.close();
        if tokio::time::timeout(limit, self.shared.tracker.wait()).await.is_err() {
            tracing::warn!("calls of models were still under way at the stop");
        }
    }
}

/// Texts as vectors.
impl Router {
    /// The vectors of texts: the answer of the first deployment of that name that
    /// makes any, in OpenAI's shape.
    ///
    /// # Errors
    /// Why there are none.
    pub async fn embed(&self, caller: Caller, request: Value) -> Result<Value, RouterError> {
        let name = request["model"].as_str().unwrap_or_default().to_owned();
        let Some((group, deployments)) = self.shared.pool.named(&name) else {
            return Err(self.unknown(&name));
        };
        let place = self.place()?;
        let prompt = Prompt::text(request["input"].to_string().len() as u64);
        let embed = Embed {
            pool: Arc::clone(&self.shared.pool),
            clock: Arc::clone(&self.shared.clock),
            keys: Arc::clone(&self.shared.keys),
            meter: self.meter(&caller, &name, prompt, Service::default()),
            deadline: self.shared.clock.monotonic() + self.shared.lasts,
            caller,
            request,
        };
        // What it costs is settled although whoever asked may go.
        let work = async move {
            let _place = place;
            embed.run(group, deployments).await
        };
        let done = self.shared.tracker.spawn(work.in_current_span()).await;
        done.unwrap_or(Err(RouterError::AllResting { retry_after: Duration::from_secs(1) }))
    }
}
