//! Anthropic's messages.

use bytes::Bytes;
use serde_json::{Value, json};

use super::event::{named, together};
use super::parts::{Answer, Rendered, pieces};
use crate::script::Finish;

const ID: &str = "msg_mock";

pub(crate) fn render(answer: &Answer<'_>) -> Rendered {
    let mut opening = vec![start(answer), named("ping", &json!({"type": "ping"}))];
    let mut content = Vec::new();
    // The block that is open, if any; the event that comes next closes it.
    let mut open = None;
    if !answer.texts.is_empty() {
        opening.insert(1, block_start(0, &json!({"type": "text", "text": ""})));
        open = Some(0);
    }
    for text in &answer.texts {
        content.push(delta(0, &json!({"type": "text_delta", "text": text})));
    }
    for call in answer.calls() {
        let index = open.map_or(0, |last: usize| last + 1);
        let block = json!({"type": "tool_use", "id": call.id, "name": call.name, "input": {}});
        content.push(together(&[block_stop(open), block_start(index, &block)]));
        for piece in pieces(&call.arguments.to_string()) {
            content.push(delta(index, &json!({"type": "input_json_delta", "partial_json": piece})));
        }
        open = Some(index);
    }
    let end = json!({"type": "message_delta",
        "delta": {"stop_reason": reason(answer.finish()), "stop_sequence": null},
        "usage": usage(answer, answer.script.usage.output)});
    let closing = vec![
        together(&[block_stop(open), named("message_delta", &end)]),
        named("message_stop", &json!({"type": "message_stop"})),
    ];
    Rendered::new(together(&opening), content, closing, &whole(answer))
}

fn start(answer: &Answer<'_>) -> Bytes {
    let output = answer.script.usage.output.min(1);
    let message = json!({"id": ID, "type": "message", "role": "assistant",
        "model": answer.form.model, "content": [], "stop_reason": null, "stop_sequence": null,
        "usage": usage(answer, output)});
    named("message_start", &json!({"type": "message_start", "message": message}))
}

fn block_start(index: usize, block: &Value) -> Bytes {
    named(
        "content_block_start",
        &json!({"type": "content_block_start", "index": index, "content_block": block}),
    )
}

fn delta(index: usize, delta: &Value) -> Bytes {
    named(
        "content_block_delta",
        &json!({"type": "content_block_delta", "index": index, "delta": delta}),
    )
}

fn block_stop(index: Option<usize>) -> Bytes {
    index.map_or_else(Bytes::new, |index| {
        named("content_block_stop", &json!({"type": "content_block_stop", "index": index}))
    })
}

fn whole(answer: &Answer<'_>) -> Value {
    let mut content = Vec::new();
    if !answer.texts.is_empty() {
        content.push(json!({"type": "text", "text": answer.whole_text()}));
    }
    content.extend(answer.calls().iter().map(|call| {
        json!({"type": "tool_use", "id": call.id, "name": call.name, "input": call.arguments})
    }));
    json!({"id": ID, "type": "message", "role": "assistant", "model": answer.form.model,
        "content": content, "stop_reason": reason(answer.finish()), "stop_sequence": null,
        "usage": usage(answer, answer.script.usage.output)})
}

fn reason(finish: Finish) -> &'static str {
    match finish {
        Finish::Stop => "end_turn",
        Finish::Length => "max_tokens",
        Finish::ToolCalls => "tool_use",
        Finish::Filtered => "refusal",
    }
}

/// The usage so far: what is told later takes the place of what was told before.
fn usage(answer: &Answer<'_>, output: u64) -> Value {
    let counts = &answer.script.usage;
    json!({
        "input_tokens": counts.input,
        "cache_creation_input_tokens": counts.cache_write + counts.cache_write_1h,
        "cache_read_input_tokens": counts.cache_read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": counts.cache_write,
            "ephemeral_1h_input_tokens": counts.cache_write_1h,
        },
        "output_tokens": output,
        "output_tokens_details": {"thinking_tokens": counts.reasoning.min(output)},
        "service_tier": "standard",
    })
}
