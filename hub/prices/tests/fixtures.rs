//! Usage objects of the providers, against amounts that were reckoned without
//! this program (`fixtures/make_fixtures.py`).
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use agentos_domain::{NanoUsd, Timestamp};
use agentos_prices::usage::{Metered, from_anthropic, from_openai};
use agentos_prices::{PriceTable, ServiceTier};
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    provider: String,
    model: String,
    at: Timestamp,
    /// As OpenAI tells it beside the usage.
    service_tier: Option<String>,
    usage: Value,
    nano_usd: i64,
}

impl Case {
    fn metered(&self) -> Metered {
        let read = if self.provider == "anthropic" { from_anthropic } else { from_openai };
        let mut metered = read(&self.usage).unwrap();
        if let Some(tier) = &self.service_tier {
            metered.service.tier = ServiceTier::named(tier);
        }
        metered
    }
}

fn cases() -> Vec<Case> {
    serde_json::from_str(include_str!("fixtures/usages.json")).unwrap()
}

#[test]
fn three_hundred_usages_cost_what_they_cost_to_the_nano_dollar() {
    let (table, cases) = (PriceTable::shipped().unwrap(), cases());
    assert!(cases.len() >= 300, "{} cases", cases.len());
    let mut wrong = Vec::new();
    for case in &cases {
        let metered = case.metered();
        let prices = table.find(&case.provider, &case.model, case.at).unwrap();
        assert!(prices.lists(&metered.service) && !metered.clamped, "{}", case.name);
        let cost = prices.cost(&metered.counts, &metered.service);
        if cost != NanoUsd(case.nano_usd) {
            wrong.push(format!("{}: {cost}, not {}", case.name, NanoUsd(case.nano_usd)));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn no_usage_costs_more_than_was_reserved_for_it() {
    let table = PriceTable::shipped().unwrap();
    for case in cases() {
        let Metered { counts, service, .. } = case.metered();
        let prices = table.find(&case.provider, &case.model, case.at).unwrap();
        let reserved = prices.worst_case(counts.prompt(), counts.output, &service);
        assert!(reserved >= NanoUsd(case.nano_usd), "{}: {reserved}", case.name);
    }
}
