//! A deployment at work: how it fares, and who may ask it.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use agentos_domain::Clock;

use crate::breaker::{Breaker, Gate};
use crate::config::DeploymentConfig;
use crate::error::{CallError, ErrorKind};
use crate::providers::Provider;

/// How long a deployment rests whose account has no money or whose key is not
/// accepted: a person has to do something.
const REST_FOR_A_PERSON: Duration = Duration::from_mins(5);
/// How long one rests that is too busy and does not say for how long.
const REST_WHEN_BUSY: Duration = Duration::from_secs(1);

/// A deployment and how it fares.
pub struct Deployment {
    pub(crate) config: DeploymentConfig,
    pub(crate) provider: Arc<dyn Provider>,
    clock: Arc<dyn Clock>,
    breaker: Mutex<Breaker>,
    /// For calls by keys of workspaces: whether the hub's own key has money left
    /// says nothing about theirs.
    own: Mutex<Breaker>,
    under_way: AtomicUsize,
    /// Microseconds until the first content, averaged over the last calls; 0
    /// before the first.
    latency: AtomicU64,
}

impl Deployment {
    /// A deployment that nothing is known of yet.
    #[must_use]
    pub fn new(
        config: DeploymentConfig,
        provider: Arc<dyn Provider>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            config,
            provider,
            clock,
            breaker: Mutex::default(),
            own: Mutex::default(),
            under_way: AtomicUsize::new(0),
            latency: AtomicU64::new(0),
        }
    }

    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.config.name
    }

    /// The name that it answers to, alone or with others.
    #[must_use]
    pub fn group(&self) -> &str {
        &self.config.group
    }

    pub(crate) fn under_way(&self) -> usize {
        self.under_way.load(Ordering::Relaxed)
    }

    pub(crate) fn latency(&self) -> u64 {
        self.latency.load(Ordering::Relaxed)
    }

    fn breaker(&self, own_key: bool) -> MutexGuard<'_, Breaker> {
        let breaker = if own_key { &self.own } else { &self.breaker };
        breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long it rests; none where it may be asked. Does not count as asking.
    #[must_use]
    pub fn resting(&self) -> Option<Duration> {
        let now = self.clock.monotonic();
        self.breaker(false).resting(now)
    }

    /// How it fares.
    #[must_use]
    pub fn status(&self) -> DeploymentStatus {
        let latency = self.latency();
        DeploymentStatus {
            name: self.config.name.clone(),
            provider: self.config.provider.to_string(),
            model: self.config.model.clone(),
            location: self.config.location.as_str(),
            reachable: self.provider.is_reachable(),
            resting: self.resting(),
            under_way: self.under_way(),
            first_content: (latency > 0).then(|| Duration::from_micros(latency)),
        }
    }

    /// Takes a place for one call, by a workspace's own key or not.
    ///
    /// # Errors
    /// How long it rests.
    pub(crate) fn enter(self: &Arc<Self>, own_key: bool) -> Result<Place, Duration> {
        if let Gate::Resting(rest) = self.breaker(own_key).ask(self.clock.monotonic()) {
            return Err(rest);
        }
        self.under_way.fetch_add(1, Ordering::Relaxed);
        Ok(Place { deployment: Arc::clone(self), own_key, told: false })
    }

    fn note_latency(&self, took: Duration) {
        let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX).max(1);
        let before = self.latency();
        let now = if before == 0 { took } else { (before.saturating_mul(7) + took) / 8 };
        self.latency.store(now, Ordering::Relaxed);
    }
}

/// How a deployment fares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeploymentStatus {
    /// What it is called.
    pub name: String,
    /// Whose model it is.
    pub provider: String,
    /// The model, as the provider names it.
    pub model: String,
    /// Where it computes: `local` or `cloud`.
    pub location: &'static str,
    /// False where it is known not to be reachable.
    pub reachable: bool,
    /// How long it still rests after failures.
    pub resting: Option<Duration>,
    /// How many calls it answers now.
    pub under_way: usize,
    /// The time until the first content of an answer, of late.
    pub first_content: Option<Duration>,
}

impl DeploymentStatus {
    /// A word for how it fares.
    #[must_use]
    pub fn state(&self) -> &'static str {
        match (self.reachable, self.resting) {
            (false, _) => "unreachable",
            (true, Some(_)) => "resting",
            (true, None) => "ready",
        }
    }
}

/// A call's place at a deployment. What became of the call is told to the
/// breaker once.
pub(crate) struct Place {
    pub(crate) deployment: Arc<Deployment>,
    own_key: bool,
    told: bool,
}

impl Place {
    /// For whoever sees the content arrive.
    pub(crate) fn probe(&self) -> Probe {
        Probe { deployment: Arc::clone(&self.deployment), own_key: self.own_key }
    }

    /// It answered, and its content began to arrive after so long.
    pub(crate) fn answered(&mut self, took: Duration) {
        self.told = true;
        self.deployment.note_latency(took);
        self.deployment.breaker(self.own_key).success();
    }

    /// It failed. With a key of a workspace's own, what is wrong with the account
    /// says nothing to others.
    pub(crate) fn failed(&mut self, error: &CallError) {
        self.told = true;
        let own = self.own_key;
        let now = self.deployment.clock.monotonic();
        let mut breaker = self.deployment.breaker(self.own_key);
        match error.kind {
            ErrorKind::Quota | ErrorKind::Auth | ErrorKind::NotFound | ErrorKind::RateLimited
                if own =>
            {
                breaker.unknown(now);
            }
            ErrorKind::Quota | ErrorKind::Auth | ErrorKind::NotFound => {
                breaker.rest(now, error.retry_after.unwrap_or(REST_FOR_A_PERSON));
            }
            ErrorKind::RateLimited => {
                breaker.rest(now, error.retry_after.unwrap_or(REST_WHEN_BUSY));
            }
            // An edge that is not connected is known not to be: nothing to learn.
            ErrorKind::Connect if !self.deployment.provider.is_reachable() => breaker.unknown(now),
            ErrorKind::Connect
            | ErrorKind::Timeout
            | ErrorKind::Broken
            | ErrorKind::Server
            | ErrorKind::Protocol => breaker.strike(now),
            ErrorKind::Overloaded => match error.retry_after {
                Some(wish) => breaker.rest(now, wish),
                None => breaker.strike(now),
            },
            // It was the request's fault, or ours.
            _ => breaker.unknown(now),
        }
    }
}

/// Tells a deployment's breaker that it answers.
pub(crate) struct Probe {
    deployment: Arc<Deployment>,
    own_key: bool,
}

impl Probe {
    /// Its content begins to arrive.
    pub(crate) fn alive(&self) {
        self.deployment.breaker(self.own_key).alive();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.deployment.under_way.fetch_sub(1, Ordering::Relaxed);
        if !self.told {
            let now = self.deployment.clock.monotonic();
            self.deployment.breaker(self.own_key).unknown(now);
        }
    }
}
