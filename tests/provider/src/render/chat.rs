//! OpenAI's chat completions.

use bytes::Bytes;
use serde_json::{Value, json};

use super::event::data;
use super::parts::{Answer, CREATED, Rendered, pieces};
use crate::script::{Finish, ToolCall};

const ID: &str = "chatcmpl-mock";

pub(crate) fn render(answer: &Answer<'_>) -> Rendered {
    let stream = Stream { model: &answer.form.model, usage: answer.form.usage };
    let mut content = Vec::new();
    for (index, text) in answer.texts.iter().enumerate() {
        let logprobs = logprobs(answer, index..index + 1);
        content.push(stream.delta(json!({"content": text}), logprobs, None));
    }
    for (index, call) in answer.calls().iter().enumerate() {
        let start = json!({"index": index, "id": call.id, "type": "function",
            "function": {"name": call.name, "arguments": ""}});
        content.push(stream.delta(json!({"tool_calls": [start]}), Value::Null, None));
        for piece in pieces(&call.arguments.to_string()) {
            let more = json!({"index": index, "function": {"arguments": piece}});
            content.push(stream.delta(json!({"tool_calls": [more]}), Value::Null, None));
        }
    }
    let mut closing = vec![stream.delta(json!({}), Value::Null, Some(reason(answer.finish())))];
    if stream.usage {
        closing.push(data(&stream.chunk(json!([]), usage(answer))));
    }
    closing.push(Bytes::from_static(b"data: [DONE]\n\n"));
    let opening = json!({"role": "assistant", "content": ""});
    Rendered::new(stream.delta(opening, Value::Null, None), content, closing, &whole(answer))
}

/// What all chunks of a stream have in common.
struct Stream<'a> {
    model: &'a str,
    /// Whether the stream tells the usage: then every chunk has the field.
    usage: bool,
}

impl Stream<'_> {
    fn chunk(&self, choices: Value, usage: Value) -> Value {
        let mut chunk = json!({"id": ID, "object": "chat.completion.chunk", "created": CREATED,
            "model": self.model, "choices": choices});
        if self.usage {
            chunk["usage"] = usage;
        }
        chunk
    }

    fn delta(&self, delta: Value, logprobs: Value, finish: Option<&str>) -> Bytes {
        let choice =
            json!({"index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": finish});
        data(&self.chunk(json!([choice]), Value::Null))
    }
}

fn whole(answer: &Answer<'_>) -> Value {
    let text = answer.whole_text();
    let content = if text.is_empty() { Value::Null } else { Value::from(text) };
    let mut message = json!({"role": "assistant", "content": content, "refusal": null});
    if !answer.calls().is_empty() {
        message["tool_calls"] = answer.calls().iter().map(call).collect();
    }
    let choice = json!({"index": 0, "message": message,
        "logprobs": logprobs(answer, 0..answer.texts.len()),
        "finish_reason": reason(answer.finish())});
    json!({"id": ID, "object": "chat.completion", "created": CREATED,
        "model": answer.form.model, "choices": [choice], "usage": usage(answer)})
}

fn call(call: &ToolCall) -> Value {
    json!({"id": call.id, "type": "function",
        "function": {"name": call.name, "arguments": call.arguments.to_string()}})
}

fn reason(finish: Finish) -> &'static str {
    match finish {
        Finish::Stop => "stop",
        Finish::Length => "length",
        Finish::ToolCalls => "tool_calls",
        Finish::Filtered => "content_filter",
    }
}

fn usage(answer: &Answer<'_>) -> Value {
    let counts = &answer.script.usage;
    let mut usage = json!({
        "prompt_tokens": counts.prompt(),
        "completion_tokens": counts.output,
        "total_tokens": counts.prompt() + counts.output,
        "prompt_tokens_details": {
            "cached_tokens": counts.cache_read,
            "cache_write_tokens": counts.cache_write + counts.cache_write_1h,
            "audio_tokens": 0,
        },
        "completion_tokens_details": {
            "reasoning_tokens": counts.reasoning,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
            "audio_tokens": 0,
        },
    });
    if let Some(cost) = &answer.script.cost {
        usage["cost"] = cost.clone();
    }
    usage
}

/// The probabilities of these chunks, each of which counts as one token.
fn logprobs(answer: &Answer<'_>, range: std::ops::Range<usize>) -> Value {
    let known = &answer.script.logprobs;
    let Some(alternatives) = answer.form.logprobs.filter(|_| !known.is_empty()) else {
        return Value::Null;
    };
    let tokens: Vec<Value> = range
        .filter_map(|index| {
            let text = answer.texts.get(index)?;
            Some(token(text, *known.get(index % known.len())?, alternatives))
        })
        .collect();
    json!({"content": tokens, "refusal": null})
}

/// One token; its alternatives share evenly what it leaves of the probability.
fn token(text: &str, logprob: f64, alternatives: usize) -> Value {
    let one = |text: &str, logprob: f64| json!({"token": text, "logprob": logprob, "bytes": text.as_bytes()});
    let others = alternatives.saturating_sub(1);
    // No less than this, for JSON has no infinity.
    let left = (1.0 - logprob.exp()).max(1e-9);
    let share = (left / f64::from(u32::try_from(others.max(1)).unwrap_or(u32::MAX))).ln();
    let mut top: Vec<Value> = (0..others).map(|n| one(&format!("alt{n}"), share)).collect();
    if alternatives > 0 {
        top.insert(0, one(text, logprob));
    }
    let mut token = one(text, logprob);
    token["top_logprobs"] = top.into();
    token
}
