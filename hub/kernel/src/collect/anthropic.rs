//! Anthropic's bill: amounts in cents, cached tokens beside the input tokens.

use std::collections::BTreeMap;

use agentos_domain::{ProviderSecret, Timestamp};
use agentos_store::{Day, Usd};
use reqwest::{RequestBuilder, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::adapter::{Adapter, Answers, Provider, Reading, Report};
use super::amount::{Cents, only_usd, total};

/// The version of the API that is spoken.
const VERSION: &str = "2023-06-01";

const PROVIDER: Provider = Provider {
    key: "anthropic",
    name: "Anthropic",
    plugin: "anthropic_collector",
    secret: "anthropic_admin_key",
    secret_hint: "ANTHROPIC_ADMIN_KEY",
};

const COSTS: Report =
    Report { name: "costs", path: "/v1/organizations/cost_report", group_by: &[] };
const COSTS_SPLIT: Report =
    Report { name: "costs_by_description", path: COSTS.path, group_by: &["description"] };
const USAGE: Report = Report {
    name: "messages",
    path: "/v1/organizations/usage_report/messages",
    group_by: &["model", "service_tier"],
};

/// Anthropic's administration API.
#[derive(Debug, Clone, Copy, Default)]
pub struct Anthropic;

#[derive(Deserialize)]
struct Bounds {
    starting_at: Timestamp,
    ending_at: Timestamp,
}

#[derive(Deserialize)]
struct Bucket<T> {
    results: Vec<T>,
}

#[derive(Deserialize)]
struct Cost {
    amount: Cents,
    currency: String,
}

/// Each kind is beside the others, none inside another.
#[derive(Deserialize)]
struct Usage {
    uncached_input_tokens: u64,
    cache_read_input_tokens: u64,
    /// By how long they are kept: a kind that is new counts too.
    cache_creation: BTreeMap<String, u64>,
    output_tokens: u64,
    #[serde(default)]
    service_tier: Option<String>,
}

impl Usage {
    fn tokens(&self) -> Result<u64, String> {
        let kinds = [self.uncached_input_tokens, self.cache_read_input_tokens, self.output_tokens];
        total(kinds.into_iter().chain(self.cache_creation.values().copied()))
    }
}

impl Adapter for Anthropic {
    fn provider(&self) -> &'static Provider {
        &PROVIDER
    }

    fn base_url(&self) -> &'static str {
        "https://api.anthropic.com"
    }

    fn reports(&self) -> &'static [Report] {
        &[COSTS, COSTS_SPLIT, USAGE]
    }

    fn span(&self, from: Day, to: Day) -> Vec<(&'static str, String)> {
        vec![
            ("starting_at", format!("{from}T00:00:00Z")),
            ("ending_at", format!("{}T00:00:00Z", to.plus(1))),
            ("bucket_width", "1d".to_owned()),
            ("limit", (to.since(from) + 1).to_string()),
        ]
    }

    fn authorise(&self, request: RequestBuilder, key: &ProviderSecret) -> RequestBuilder {
        request.header("x-api-key", key.expose()).header("anthropic-version", VERSION)
    }

    fn bounds(&self, bucket: &RawValue) -> Result<(Timestamp, Timestamp), String> {
        let Bounds { starting_at, ending_at } = parse(bucket)?;
        Ok((starting_at, ending_at))
    }

    fn read(&self, answers: &Answers) -> Result<Reading, String> {
        let usage: Bucket<Usage> = parse(answers.of(USAGE.name)?)?;
        let counts: Vec<u64> = usage.results.iter().map(Usage::tokens).collect::<Result<_, _>>()?;
        let has_priority = usage.results.iter().any(|usage| {
            let tier = usage.service_tier.as_deref().unwrap_or_default();
            tier.starts_with("priority") && usage.tokens() != Ok(0)
        });
        let note = "tokens of the priority tier are counted, but Anthropic's cost report leaves \
                    their cost out";
        Ok(Reading {
            tokens: total(counts)?,
            cost: cost(answers.of(COSTS.name)?)?,
            split_cost: cost(answers.of(COSTS_SPLIT.name)?)?,
            notes: has_priority.then(|| note.to_owned()).into_iter().collect(),
        })
    }

    fn advice(&self, status: StatusCode) -> &'static str {
        match status {
            StatusCode::UNAUTHORIZED => {
                "set ANTHROPIC_ADMIN_KEY to an administration key (sk-ant-admin…) that is not \
                 revoked"
            }
            _ => {
                "usage and costs need an administration key (sk-ant-admin…) of an organisation: \
                 an individual account has none"
            }
        }
    }
}

fn cost(bucket: &RawValue) -> Result<Usd, String> {
    let bucket: Bucket<Cost> = parse(bucket)?;
    let mut sum = Usd::default();
    for cost in bucket.results {
        only_usd(&cost.currency)?;
        sum += &cost.amount.usd()?;
    }
    Ok(sum)
}

fn parse<T: DeserializeOwned>(bucket: &RawValue) -> Result<T, String> {
    serde_json::from_str(bucket.get()).map_err(|error| format!("it cannot be read: {error}"))
}
