//! OpenAI's responses.

use bytes::Bytes;
use serde_json::{Value, json};

use super::event::{named, together};
use super::parts::{Answer, CREATED, Rendered, pieces};
use crate::script::{Finish, ToolCall};

const ID: &str = "resp_mock";
const MESSAGE: &str = "msg_mock";

pub(crate) fn render(answer: &Answer<'_>) -> Rendered {
    let mut stream = Numbered(0);
    let created = response(answer, "in_progress", Vec::new(), Value::Null);
    let mut opening = vec![stream.event("response.created", json!({"response": created}))];
    let mut content = Vec::new();
    if !answer.texts.is_empty() {
        opening.extend(open_message(&mut stream));
    }
    for text in &answer.texts {
        content.push(stream.event(
            "response.output_text.delta",
            json!({"item_id": MESSAGE, "output_index": 0, "content_index": 0, "delta": text}),
        ));
    }
    let first = usize::from(!answer.texts.is_empty());
    for (index, call) in answer.calls().iter().enumerate() {
        content.extend(function_call(&mut stream, first + index, call));
    }
    let mut closing = Vec::new();
    if !answer.texts.is_empty() {
        closing.push(close_message(&mut stream, &answer.whole_text()));
    }
    let whole = whole(answer);
    let end =
        if status(answer) == "completed" { "response.completed" } else { "response.incomplete" };
    closing.push(stream.event(end, json!({"response": whole})));
    Rendered::new(together(&opening), content, closing, &whole)
}

/// Numbers the events of a stream.
struct Numbered(u64);

impl Numbered {
    fn event(&mut self, name: &str, fields: Value) -> Bytes {
        let mut value = json!({"type": name, "sequence_number": self.0});
        if let (Some(value), Value::Object(fields)) = (value.as_object_mut(), fields) {
            value.extend(fields);
        }
        self.0 += 1;
        named(name, &value)
    }
}

fn text_part(text: &str) -> Value {
    json!({"type": "output_text", "text": text, "annotations": []})
}

fn message(status: &str, content: Vec<Value>) -> Value {
    json!({"id": MESSAGE, "type": "message", "status": status, "role": "assistant",
        "content": content})
}

fn open_message(stream: &mut Numbered) -> [Bytes; 2] {
    let item = message("in_progress", Vec::new());
    [
        stream.event("response.output_item.added", json!({"output_index": 0, "item": item})),
        stream.event(
            "response.content_part.added",
            json!({"item_id": MESSAGE, "output_index": 0, "content_index": 0,
                "part": text_part("")}),
        ),
    ]
}

fn close_message(stream: &mut Numbered, text: &str) -> Bytes {
    let place = json!({"item_id": MESSAGE, "output_index": 0, "content_index": 0});
    let (mut said, mut part) = (place.clone(), place);
    said["text"] = text.into();
    part["part"] = text_part(text);
    let item = message("completed", vec![text_part(text)]);
    together(&[
        stream.event("response.output_text.done", said),
        stream.event("response.content_part.done", part),
        stream.event("response.output_item.done", json!({"output_index": 0, "item": item})),
    ])
}

fn call_item(call: &ToolCall, status: &str, arguments: &str) -> Value {
    json!({"id": format!("fc_{}", call.id), "type": "function_call", "status": status,
        "call_id": call.id, "name": call.name, "arguments": arguments})
}

fn function_call(stream: &mut Numbered, index: usize, call: &ToolCall) -> Vec<Bytes> {
    let arguments = call.arguments.to_string();
    let id = format!("fc_{}", call.id);
    let added = json!({"output_index": index, "item": call_item(call, "in_progress", "")});
    let mut events = vec![stream.event("response.output_item.added", added)];
    for piece in pieces(&arguments) {
        events.push(stream.event(
            "response.function_call_arguments.delta",
            json!({"item_id": id, "output_index": index, "delta": piece}),
        ));
    }
    let done = json!({"item_id": id, "output_index": index, "arguments": arguments});
    let item = json!({"output_index": index, "item": call_item(call, "completed", &arguments)});
    events.push(together(&[
        stream.event("response.function_call_arguments.done", done),
        stream.event("response.output_item.done", item),
    ]));
    events
}

fn whole(answer: &Answer<'_>) -> Value {
    let mut output = Vec::new();
    if !answer.texts.is_empty() {
        output.push(message("completed", vec![text_part(&answer.whole_text())]));
    }
    output.extend(
        answer.calls().iter().map(|call| call_item(call, "completed", &call.arguments.to_string())),
    );
    response(answer, status(answer), output, usage(answer))
}

fn response(answer: &Answer<'_>, status: &str, output: Vec<Value>, usage: Value) -> Value {
    let why = match answer.finish() {
        Finish::Length if status == "incomplete" => json!({"reason": "max_output_tokens"}),
        Finish::Filtered if status == "incomplete" => json!({"reason": "content_filter"}),
        _ => Value::Null,
    };
    json!({"id": ID, "object": "response", "created_at": CREATED, "status": status,
        "error": null, "incomplete_details": why, "model": answer.form.model,
        "output": output, "usage": usage})
}

fn status(answer: &Answer<'_>) -> &'static str {
    match answer.finish() {
        Finish::Stop | Finish::ToolCalls => "completed",
        Finish::Length | Finish::Filtered => "incomplete",
    }
}

fn usage(answer: &Answer<'_>) -> Value {
    let counts = &answer.script.usage;
    json!({
        "input_tokens": counts.prompt(),
        "input_tokens_details": {
            "cached_tokens": counts.cache_read,
            "cache_write_tokens": counts.cache_write + counts.cache_write_1h,
        },
        "output_tokens": counts.output,
        "output_tokens_details": {"reasoning_tokens": counts.reasoning},
        "total_tokens": counts.prompt() + counts.output,
    })
}
