//! A response, as an object.

use agentos_router::{Answering, Ending, Message, MessageCall};
use agentos_tiering::Decision;
use serde_json::{Map, Value, json};

use super::events::Writer;
use crate::openai::chunks::Naming;
use crate::openai::reply::Shape;
use crate::openai::whole::told;

/// What all forms of a response have in common.
pub(super) struct Object {
    naming: Naming,
    echo: Map<String, Value>,
    /// How the tier was decided, where it was.
    decision: Option<Decision>,
}

/// A part of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// What the model says.
    Text,
    /// Why it does not say what it is asked for.
    Refusal,
}

/// How far a response is.
pub(super) enum State<'a> {
    /// It is being made.
    InProgress,
    /// It has ended.
    Ended(&'a Ending),
    /// It broke off, with this error.
    Failed(Value),
}

impl Object {
    /// For a request of which the response says this again.
    pub(super) fn new(naming: Naming, echo: Map<String, Value>) -> Self {
        Self { naming, echo, decision: None }
    }

    /// The id of the item at this place of the output; it begins with `prefix`.
    pub(super) fn item_id(&self, prefix: &str, place: usize) -> String {
        let id = self.naming.id.strip_prefix("resp_").unwrap_or(&self.naming.id);
        format!("{prefix}_{id}_{place}")
    }

    /// The response, with these items.
    pub(super) fn at(&self, state: &State<'_>, answering: &Answering, output: Vec<Value>) -> Value {
        let (status, why, error, ending) = match state {
            State::InProgress => ("in_progress", Value::Null, Value::Null, None),
            State::Ended(ending) => (status(ending), why(ending), Value::Null, Some(*ending)),
            State::Failed(error) => ("failed", Value::Null, error.clone(), None),
        };
        let mut response = self.echo.clone();
        response.extend(Map::from_iter([
            ("id".to_owned(), json!(self.naming.id)),
            ("object".to_owned(), json!("response")),
            ("created_at".to_owned(), json!(self.naming.created)),
            ("status".to_owned(), json!(status)),
            ("error".to_owned(), error),
            ("incomplete_details".to_owned(), why),
            ("model".to_owned(), json!(answering.model)),
            ("output".to_owned(), Value::Array(output)),
            ("usage".to_owned(), ending.map_or(Value::Null, usage)),
            ("agentos".to_owned(), told(answering, self.decision.as_ref(), ending)),
        ]));
        Value::Object(response)
    }
}

impl Shape for Object {
    type Writer = Writer;

    fn decided(self, decision: Option<Decision>) -> Self {
        Self { decision, ..self }
    }

    fn writer(self, answering: Answering) -> Writer {
        Writer::new(self, answering)
    }

    fn whole(self, said: Message, answering: &Answering, ending: &Ending) -> Value {
        let mut parts = Vec::new();
        if let Some(text) = said.text.filter(|text| !text.is_empty()) {
            let logprobs = said.logprobs.map(|mut logprobs| logprobs["content"].take());
            parts.push(part(Kind::Text, &text, logprobs.unwrap_or_default()));
        }
        if let Some(refusal) = said.extra.get("refusal").and_then(Value::as_str) {
            parts.push(part(Kind::Refusal, refusal, Value::Null));
        }
        // Where an answer is cut off, its last item is.
        let status = |is_last| if is_last { status(ending) } else { "completed" };
        let mut output = Vec::new();
        if !parts.is_empty() {
            let status = status(said.calls.is_empty());
            output.push(message(&self.item_id("msg", 0), status, parts));
        }
        for (number, one) in said.calls.iter().enumerate() {
            let id = self.item_id("fc", output.len());
            output.push(call(&id, status(number + 1 == said.calls.len()), one));
        }
        self.at(&State::Ended(ending), answering, output)
    }
}

/// A message.
pub(super) fn message(id: &str, status: &str, parts: Vec<Value>) -> Value {
    json!({ "id": id, "type": "message", "status": status, "role": "assistant", "content": parts })
}

/// A part of a message; `logprobs` is a list, or null.
pub(super) fn part(kind: Kind, text: &str, logprobs: Value) -> Value {
    let logprobs = if logprobs.is_array() { logprobs } else { json!([]) };
    match kind {
        Kind::Text => json!({ "type": "output_text", "text": text, "annotations": [],
            "logprobs": logprobs }),
        Kind::Refusal => json!({ "type": "refusal", "refusal": text }),
    }
}

/// A call of a function.
pub(super) fn call(id: &str, status: &str, call: &MessageCall) -> Value {
    json!({ "id": id, "type": "function_call", "status": status, "call_id": call.id,
        "name": call.name, "arguments": call.arguments })
}

/// Whether an answer is whole.
pub(super) fn status(ending: &Ending) -> &'static str {
    match ending.finish.as_str() {
        "length" | "content_filter" => "incomplete",
        _ => "completed",
    }
}

fn why(ending: &Ending) -> Value {
    match ending.finish.as_str() {
        "length" => json!({ "reason": "max_output_tokens" }),
        "content_filter" => json!({ "reason": "content_filter" }),
        _ => Value::Null,
    }
}

fn usage(ending: &Ending) -> Value {
    let tokens = &ending.bill.tokens;
    let input = tokens.prompt();
    json!({
        "input_tokens": input,
        "input_tokens_details": { "cached_tokens": tokens.cache_read,
            "cache_write_tokens": tokens.cache_write.saturating_add(tokens.cache_write_1h) },
        "output_tokens": tokens.output,
        "output_tokens_details": { "reasoning_tokens": tokens.reasoning },
        "total_tokens": input.saturating_add(tokens.output),
    })
}
