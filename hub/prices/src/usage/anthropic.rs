//! Anthropic's usage, of whole messages and of streams.

use agentos_domain::TokenCounts;
use serde_json::{Map, Value};

use super::fields::{count, needed, object};
use super::reported::reported_cost;
use super::{Metered, UsageError};
use crate::{Service, ServiceTier};

/// What of a usage is read, and so kept from one event of a stream to the next.
const READ: [&str; 13] = [
    "input_tokens",
    "output_tokens",
    "output_tokens_details",
    "cache_creation",
    "cache_creation_input_tokens",
    "cache_read_input_tokens",
    "iterations",
    "service_tier",
    "speed",
    "inference_geo",
    "cost",
    "cost_details",
    "is_byok",
];

/// The `usage` of a message.
///
/// `input_tokens` do not contain what was read from and written to the cache.
/// Of what was written, `cache_creation` tells for how long; the rest, and all
/// of it where there is no such field, is kept for five minutes. With
/// compaction or an advisor the numbers at the top leave samplings out: there
/// the sum of `iterations` is taken, of the prompt and of the answer, where it
/// is not the smaller one. An advisor's tokens are counted as the model's own.
///
/// # Errors
/// Where there is no usage, where it lacks `input_tokens` or `output_tokens`,
/// and where a number of tokens is something else.
pub fn from_anthropic(usage: &Value) -> Result<Metered, UsageError> {
    let usage = object(usage)?;
    let (mut counts, mut clamped) = tokens(usage)?;
    if let Some(iterations) = usage.get("iterations").and_then(Value::as_array) {
        let mut sum = TokenCounts::default();
        for iteration in iterations {
            let (counts, cut) = tokens(object(iteration)?)?;
            sum = plus(&sum, &counts);
            clamped |= cut;
        }
        counts = larger(counts, sum);
    }
    let text = |field| usage.get(field).and_then(Value::as_str);
    let tier = match (text("speed"), text("service_tier")) {
        (Some("fast"), _) => ServiceTier::Fast,
        (_, Some(tier)) => ServiceTier::named(tier),
        (_, None) => ServiceTier::Standard,
    };
    let service = Service { tier, us_only: text("inference_geo") == Some("us") };
    Ok(Metered { counts, service, reported_cost: reported_cost(usage), clamped })
}

/// The tokens of a usage or of one of its iterations, and whether parts were
/// cut to their whole.
fn tokens(usage: &Value) -> Result<(TokenCounts, bool), UsageError> {
    let optional = |path: &[&str]| Ok(count(usage, path)?.unwrap_or(0));
    let input = needed(usage, "input_tokens")?;
    let output = needed(usage, "output_tokens")?;
    let all_written = optional(&["cache_creation_input_tokens"])?;
    let short = optional(&["cache_creation", "ephemeral_5m_input_tokens"])?;
    let cache_write_1h = optional(&["cache_creation", "ephemeral_1h_input_tokens"])?;
    let thought = optional(&["output_tokens_details", "thinking_tokens"])?;
    let counts = TokenCounts {
        input,
        cache_read: optional(&["cache_read_input_tokens"])?,
        cache_write: short.max(all_written.saturating_sub(cache_write_1h)),
        cache_write_1h,
        output,
        reasoning: thought.min(output),
    };
    Ok((counts, thought > output))
}

fn plus(one: &TokenCounts, other: &TokenCounts) -> TokenCounts {
    TokenCounts {
        input: one.input.saturating_add(other.input),
        cache_read: one.cache_read.saturating_add(other.cache_read),
        cache_write: one.cache_write.saturating_add(other.cache_write),
        cache_write_1h: one.cache_write_1h.saturating_add(other.cache_write_1h),
        output: one.output.saturating_add(other.output),
        reasoning: one.reasoning.saturating_add(other.reasoning),
    }
}

/// The longer prompt with the longer answer. Kinds of two prompts are never
/// mixed: a token that both count would count twice.
fn larger(top: TokenCounts, sum: TokenCounts) -> TokenCounts {
    let prompt = if sum.prompt() < top.prompt() { top } else { sum };
    let answer = if sum.output < top.output { top } else { sum };
    TokenCounts { output: answer.output, reasoning: answer.reasoning, ..prompt }
}

/// The usage of a message that is streamed: `message_start` says what the
/// prompt took, every `message_delta` what the message has taken so far. Those
/// numbers are cumulative: the latest of each field holds, and none is added.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AnthropicUsage {
    latest: Map<String, Value>,
    told: bool,
    updated: bool,
}

impl AnthropicUsage {
    /// Takes in `message.usage` of a `message_start`.
    pub fn start(&mut self, usage: &Value) {
        let Value::Object(fields) = usage else { return };
        self.told = true;
        for name in READ {
            if let Some(value) = fields.get(name).filter(|value| !value.is_null()) {
                self.latest.insert(name.to_owned(), value.clone());
            }
        }
    }

    /// Takes in `usage` of a `message_delta`.
    pub fn delta(&mut self, usage: &Value) {
        self.updated |= usage.get("output_tokens").is_some_and(Value::is_u64);
        self.start(usage);
    }

    /// Whether a `message_delta` told the answer's tokens. Until then they are
    /// a placeholder (about 1): estimate them from what was delivered.
    #[must_use]
    pub fn tells_output(&self) -> bool {
        self.updated
    }

    /// What the message has consumed, as far as was told.
    ///
    /// # Errors
    /// As [`from_anthropic`]; [`UsageError::Missing`] where nothing was told.
    pub fn metered(&self) -> Result<Metered, UsageError> {
        match self.told {
            true => from_anthropic(&Value::Object(self.latest.clone())),
            false => Err(UsageError::Missing),
        }
    }
}
