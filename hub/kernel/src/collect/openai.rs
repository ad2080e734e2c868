//! OpenAI's bill: amounts in dollars, cached tokens inside the input tokens.

use agentos_domain::{ProviderSecret, Timestamp};
use agentos_store::{Day, Usd};
use reqwest::{RequestBuilder, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::adapter::{Adapter, Answers, Provider, Reading, Report};
use super::amount::{Dollars, only_usd, total};

const PROVIDER: Provider = Provider {
    key: "openai",
    name: "OpenAI",
    plugin: "openai_collector",
    secret: "openai_admin_key",
    secret_hint: "OPENAI_ADMIN_KEY",
};

const COSTS: Report = Report { name: "costs", path: "/organization/costs", group_by: &[] };
const COSTS_SPLIT: Report =
    Report { name: "costs_by_line_item", path: COSTS.path, group_by: &["line_item"] };
/// What is counted in tokens. Its other reports count images, seconds, bytes.
const USAGE: [Report; 3] = [
    Report { name: "completions", path: "/organization/usage/completions", group_by: &[] },
    Report { name: "embeddings", path: "/organization/usage/embeddings", group_by: &[] },
    Report { name: "moderations", path: "/organization/usage/moderations", group_by: &[] },
];

/// OpenAI's administration API.
#[derive(Debug, Clone, Copy, Default)]
pub struct OpenAi;

#[derive(Deserialize)]
struct Bounds {
    start_time: i64,
    end_time: i64,
}

#[derive(Deserialize)]
struct Bucket<T> {
    results: Vec<T>,
}

#[derive(Deserialize)]
struct Cost {
    amount: Amount,
}

#[derive(Deserialize)]
struct Amount {
    value: Dollars,
    currency: String,
}

/// Cached and cache-write tokens are part of the input. What embeds or moderates
/// has no output.
#[derive(Deserialize)]
struct Usage {
    input_tokens: u64,
    output_tokens: Option<u64>,
}

impl Adapter for OpenAi {
    fn provider(&self) -> &'static Provider {
        &PROVIDER
    }

    fn base_url(&self) -> &'static str {
        "https://api.openai.com/v1"
    }

    fn reports(&self) -> &'static [Report] {
        &[COSTS, COSTS_SPLIT, USAGE[0], USAGE[1], USAGE[2]]
    }

    fn span(&self, from: Day, to: Day) -> Vec<(&'static str, String)> {
        let seconds = |time: Timestamp| (time.millis() / 1000).to_string();
        vec![
            ("start_time", seconds(from.begins())),
            ("end_time", seconds(to.ends())),
            ("bucket_width", "1d".to_owned()),
            ("limit", (to.since(from) + 1).to_string()),
        ]
    }

    fn authorise(&self, request: RequestBuilder, key: &ProviderSecret) -> RequestBuilder {
        request.bearer_auth(key.expose())
    }

    fn bounds(&self, bucket: &RawValue) -> Result<(Timestamp, Timestamp), String> {
        let Bounds { start_time, end_time } = parse(bucket)?;
        let time = |seconds: i64| Timestamp::from_millis(seconds.saturating_mul(1000));
        Ok((time(start_time), time(end_time)))
    }

    fn read(&self, answers: &Answers) -> Result<Reading, String> {
        let mut counts = Vec::new();
        for report in &USAGE {
            let bucket: Bucket<Usage> = parse(answers.of(report.name)?)?;
            for usage in bucket.results {
                let output = match usage.output_tokens {
                    Some(tokens) => tokens,
                    None if report.name == "completions" => {
                        return Err("its output tokens are missing".to_owned());
                    }
                    None => 0,
                };
                counts.extend([usage.input_tokens, output]);
            }
        }
        Ok(Reading {
            tokens: total(counts)?,
            cost: cost(answers.of(COSTS.name)?)?,
            split_cost: cost(answers.of(COSTS_SPLIT.name)?)?,
            notes: Vec::new(),
        })
    }

    fn advice(&self, status: StatusCode) -> &'static str {
        match status {
            StatusCode::UNAUTHORIZED => {
                "set OPENAI_ADMIN_KEY to an administration key (sk-admin-…) that is not revoked"
            }
            _ => {
                "usage and costs need an administration key (sk-admin-…) of an organisation's \
                 owner: a normal key lacks the scope api.usage.read"
            }
        }
    }
}

fn cost(bucket: &RawValue) -> Result<Usd, String> {
    let bucket: Bucket<Cost> = parse(bucket)?;
    let mut sum = Usd::default();
    for Cost { amount } in bucket.results {
        only_usd(&amount.currency)?;
        sum += &amount.value.usd()?;
    }
    Ok(sum)
}

fn parse<T: DeserializeOwned>(bucket: &RawValue) -> Result<T, String> {
    serde_json::from_str(bucket.get()).map_err(|error| format!("it cannot be read: {error}"))
}
