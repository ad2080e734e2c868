//! What the router has done since its start, for metrics.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use agentos_store::Settlement;

/// What came of requests, by the deployment that was asked last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// By deployment and outcome.
    pub calls: BTreeMap<(String, &'static str), Tally>,
    /// Requests that were answered from the cache.
    pub cached: u64,
}

/// Requests of one kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many.
    pub requests: u64,
    /// Tokens of their prompts.
    pub prompt_tokens: u64,
    /// Tokens of their answers.
    pub output_tokens: u64,
    /// What they cost, in billionths of a US dollar.
    pub cost_nano_usd: u64,
}

/// Counts.
#[derive(Debug, Default)]
pub(crate) struct Counter(Mutex<Counts>);

impl Counter {
    /// A request has ended so.
    pub(crate) fn ended(&self, settlement: &Settlement) {
        let mut counts = self.lock();
        let key = (settlement.deployment.clone(), settlement.outcome.as_str());
        let tally = counts.calls.entry(key).or_default();
        tally.requests += 1;
        tally.prompt_tokens = tally.prompt_tokens.saturating_add(settlement.tokens.prompt());
        tally.output_tokens = tally.output_tokens.saturating_add(settlement.tokens.output);
        let cost = u64::try_from(settlement.cost.0).unwrap_or(0);
        tally.cost_nano_usd = tally.cost_nano_usd.saturating_add(cost);
    }

    /// A request was answered from the cache.
    pub(crate) fn cached(&self) {
        self.lock().cached += 1;
    }

    pub(crate) fn snapshot(&self) -> Counts {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
