//! The prices of one model from one day on, and what a call costs by them.

use agentos_domain::{NanoUsd, Timestamp, TokenCounts};

use crate::decimal::half_even;
use crate::{Service, ServiceTier};

/// A multiplier of 1: they are kept in millionths.
pub(crate) const ONE: u64 = 1_000_000;
/// From pico-dollars times two multipliers to nano-dollars.
const TO_NANO: u128 = (ONE as u128) * (ONE as u128) * 1000;

/// The prices of a model from a day on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prices {
    pub(crate) provider: String,
    pub(crate) model: String,
    pub(crate) day: String,
    pub(crate) from: Timestamp,
    pub(crate) source: String,
    pub(crate) base: Rates,
    /// By ascending length.
    pub(crate) tiers: Vec<Tier>,
    pub(crate) multipliers: Multipliers,
}

/// Prices for the whole call, once its prompt is longer than this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tier {
    pub(crate) above_prompt_tokens: u64,
    pub(crate) rates: Rates,
}

/// Pico-dollars per token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rates {
    pub(crate) input: u64,
    pub(crate) cache_read: u64,
    pub(crate) cache_write: u64,
    pub(crate) cache_write_1h: u64,
    pub(crate) output: u64,
    pub(crate) reasoning: u64,
}

/// In millionths, where the entry gives them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Multipliers {
    pub(crate) batch: Option<u64>,
    pub(crate) flex: Option<u64>,
    pub(crate) priority: Option<u64>,
    pub(crate) fast: Option<u64>,
    pub(crate) us: Option<u64>,
}

impl Prices {
    /// Whose model it is.
    #[must_use]
    pub fn provider(&self) -> &str {
        &self.provider
    }

    /// The model, by its main name.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.model
    }

    /// The day in UTC from which on they hold, as `2026-10-07`.
    #[must_use]
    pub fn effective_from(&self) -> &str {
        &self.day
    }

    /// Where they were read, and when.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether the entry says what this service costs. Where it does not, the
    /// service costs as the standard one, and an amount is an estimate.
    #[must_use]
    pub fn lists(&self, service: &Service) -> bool {
        let tier = service.tier == ServiceTier::Standard || self.of_tier(service.tier).is_some();
        tier && (!service.us_only || self.multipliers.us.is_some())
    }

    /// What a call cost. Exact, then rounded once, half to even; at most the
    /// largest amount there is. Tokens of reasoning beyond those of the answer
    /// are not counted, for they are part of it.
    #[must_use]
    pub fn cost(&self, counts: &TokenCounts, service: &Service) -> NanoUsd {
        self.amount(self.rates(counts.prompt()).cost(counts), service)
    }

    /// The most that a call can cost whose prompt and answer have at most these
    /// numbers of tokens, of whatever kinds, in whichever tier of length, if it
    /// is served as `service` says.
    #[must_use]
    pub fn worst_case(
        &self,
        prompt_tokens_at_most: u64,
        output_tokens_at_most: u64,
        service: &Service,
    ) -> NanoUsd {
        let limits = self.tiers.iter().map(|tier| tier.above_prompt_tokens);
        let longest = limits.chain([u64::MAX]).map(|limit| limit.min(prompt_tokens_at_most));
        let reached = self.tiers.iter().filter(|t| prompt_tokens_at_most > t.above_prompt_tokens);
        let rates = [&self.base].into_iter().chain(reached.map(|tier| &tier.rates));
        let dearest = rates.zip(longest).map(|(rates, prompt)| {
            product(prompt, rates.dearest_of_prompt())
                .saturating_add(product(output_tokens_at_most, rates.output.max(rates.reasoning)))
        });
        self.amount(dearest.max().unwrap_or(0), service)
    }

    /// The rates for a prompt of this length.
    fn rates(&self, prompt: u64) -> &Rates {
        let reached = self.tiers.iter().rev().find(|tier| prompt > tier.above_prompt_tokens);
        reached.map_or(&self.base, |tier| &tier.rates)
    }

    fn amount(&self, pico: u128, service: &Service) -> NanoUsd {
        let tier = self.of_tier(service.tier).unwrap_or(ONE);
        let place = self.multipliers.us.filter(|_| service.us_only).unwrap_or(ONE);
        // What is too large for this type is far too large for an amount.
        let exact = pico.saturating_mul(tier.into()).saturating_mul(place.into());
        NanoUsd(i64::try_from(half_even(exact, TO_NANO)).unwrap_or(i64::MAX))
    }

    fn of_tier(&self, tier: ServiceTier) -> Option<u64> {
        let multipliers = &self.multipliers;
        match tier {
            ServiceTier::Standard | ServiceTier::Other => None,
            ServiceTier::Batch => multipliers.batch,
            ServiceTier::Flex => multipliers.flex,
            ServiceTier::Priority => multipliers.priority,
            ServiceTier::Fast => multipliers.fast,
        }
    }
}

impl Rates {
    fn cost(&self, counts: &TokenCounts) -> u128 {
        let reasoning = counts.reasoning.min(counts.output);
        [
            product(counts.input, self.input),
            product(counts.cache_read, self.cache_read),
            product(counts.cache_write, self.cache_write),
            product(counts.cache_write_1h, self.cache_write_1h),
            product(counts.output - reasoning, self.output),
            product(reasoning, self.reasoning),
        ]
        .into_iter()
        .fold(0, u128::saturating_add)
    }

    fn dearest_of_prompt(&self) -> u64 {
        self.input.max(self.cache_read).max(self.cache_write).max(self.cache_write_1h)
    }
}

fn product(tokens: u64, rate: u64) -> u128 {
    u128::from(tokens) * u128::from(rate)
}
