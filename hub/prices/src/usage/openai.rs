//! OpenAI's two forms of usage, and those who speak as OpenAI does.

use agentos_domain::TokenCounts;
use serde_json::Value;

use super::fields::{count, needed, object};
use super::reported::reported_cost;
use super::{Metered, UsageError};
use crate::Service;

/// What the fields of a form are called.
struct Form {
    prompt: &'static str,
    prompt_details: &'static str,
    output: &'static str,
    output_details: &'static str,
}

const CHAT: Form = Form {
    prompt: "prompt_tokens",
    prompt_details: "prompt_tokens_details",
    output: "completion_tokens",
    output_details: "completion_tokens_details",
};

const RESPONSES: Form = Form {
    prompt: "input_tokens",
    prompt_details: "input_tokens_details",
    output: "output_tokens",
    output_details: "output_tokens_details",
};

/// The `usage` of a chat completion or of a response, told apart by the names
/// of their fields.
///
/// The prompt contains what was read from and written to the cache, the answer
/// contains its reasoning. Where such parts exceed their whole, the whole holds:
/// they are cut to it, the dearest first (writes, then reads), and the result
/// says so. Without the number of the answer's tokens, as in an embedding, it is
/// what `total_tokens` leaves.
///
/// # Errors
/// Where there is no usage, where it lacks the tokens of the prompt or of the
/// answer, and where a number of tokens is something else.
pub fn from_openai(usage: &Value) -> Result<Metered, UsageError> {
    let usage = object(usage)?;
    let has = |field| usage.get(field).is_some_and(|value| !value.is_null());
    let form = if has(CHAT.prompt) || has(CHAT.output) { CHAT } else { RESPONSES };
    let part = |details, field| Ok(count(usage, &[details, field])?.unwrap_or(0));

    let prompt = needed(usage, form.prompt)?;
    let output = match count(usage, &[form.output])? {
        Some(output) => output,
        None => count(usage, &["total_tokens"])?
            .and_then(|total| total.checked_sub(prompt))
            .ok_or_else(|| UsageError::Lacks { field: form.output.to_owned() })?,
    };
    let written = part(form.prompt_details, "cache_write_tokens")?;
    let read = part(form.prompt_details, "cached_tokens")?;
    let reasoned = part(form.output_details, "reasoning_tokens")?;

    let cache_write = written.min(prompt);
    let cache_read = read.min(prompt - cache_write);
    let reasoning = reasoned.min(output);
    let counts = TokenCounts {
        input: prompt - cache_write - cache_read,
        cache_read,
        cache_write,
        cache_write_1h: 0,
        output,
        reasoning,
    };
    Ok(Metered {
        counts,
        service: Service::default(),
        reported_cost: reported_cost(usage),
        clamped: (cache_write, cache_read, reasoning) != (written, read, reasoned),
    })
}
