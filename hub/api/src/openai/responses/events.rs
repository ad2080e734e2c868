//! A response as a stream of events.
//!
//! ```text
//!  response.created, response.in_progress
//!    response.output_item.added                      a message
//!      response.content_part.added
//!        response.output_text.delta …
//!      response.output_text.done, response.content_part.done
//!    response.output_item.done
//!    response.output_item.added                      a call
//!      response.function_call_arguments.delta …
//!      response.function_call_arguments.done
//!    response.output_item.done
//!  response.completed | response.incomplete | response.failed
//! ```
//!
//! A message ends where a call begins. Calls end with the answer, for some
//! providers send pieces of several in turns.

use agentos_router::{Answering, CallDelta, Delta, Ending, MessageCall};
use serde_json::{Map, Value, json};

use super::object::{Kind, Object, State, call, message, part, status};
use crate::openai::Failure;
use crate::openai::stream::Form;

/// Writes the events.
pub(super) struct Writer {
    object: Object,
    answering: Answering,
    /// The number of the next event.
    number: u64,
    items: Vec<Item>,
}

enum Item {
    Message {
        parts: Vec<Part>,
        open: bool,
    },
    /// With its number among the answer's calls.
    Call(usize, MessageCall),
}

struct Part {
    kind: Kind,
    text: String,
    logprobs: Vec<Value>,
}

impl Part {
    fn json(&self) -> Value {
        part(self.kind, &self.text, Value::Array(self.logprobs.clone()))
    }
}

impl Writer {
    pub(super) fn new(object: Object, answering: Answering) -> Self {
        Self { object, answering, number: 0, items: Vec::new() }
    }

    fn event(&mut self, kind: &str, fields: Value, out: &mut Vec<u8>) {
        let mut event = Map::from_iter([
            ("type".to_owned(), json!(kind)),
            ("sequence_number".to_owned(), json!(self.number)),
        ]);
        if let Value::Object(fields) = fields {
            event.extend(fields);
        }
        self.number += 1;
        out.extend_from_slice(
            format!("event: {kind}\ndata: {}\n\n", Value::Object(event)).as_bytes(),
        );
    }

    /// The response with what is there of it.
    fn response(&self, state: &State<'_>) -> Value {
        let done = match state {
            State::Ended(ending) => status(ending),
            _ => "incomplete",
        };
        let output = self.items.iter().enumerate();
        let output = output.map(|(place, item)| self.item(place, item, done)).collect();
        self.object.at(state, &self.answering, output)
    }

    /// An item, which if it is the last one has this status.
    fn item(&self, place: usize, item: &Item, last: &str) -> Value {
        let status = if place + 1 == self.items.len() { last } else { "completed" };
        match item {
            Item::Message { parts, .. } => {
                let parts = parts.iter().map(Part::json).collect();
                message(&self.object.item_id("msg", place), status, parts)
            }
            Item::Call(_, of) => call(&self.object.item_id("fc", place), status, of),
        }
    }

    fn added(&mut self, place: usize, item: Value, out: &mut Vec<u8>) {
        let fields = json!({ "output_index": place, "item": item });
        self.event("response.output_item.added", fields, out);
    }

    /// The place of the message that is being written; it is begun where there
    /// is none.
    fn open_message(&mut self, out: &mut Vec<u8>) -> usize {
        if let Some(Item::Message { open: true, .. }) = self.items.last() {
            return self.items.len() - 1;
        }
        let place = self.items.len();
        self.items.push(Item::Message { parts: Vec::new(), open: true });
        let item = message(&self.object.item_id("msg", place), "in_progress", Vec::new());
        self.added(place, item, out);
        place
    }

    fn parts(&mut self, place: usize) -> Option<&mut Vec<Part>> {
        match self.items.get_mut(place) {
            Some(Item::Message { parts, .. }) => Some(parts),
            _ => None,
        }
    }

    fn say(&mut self, kind: Kind, text: &str, logprobs: &[Value], out: &mut Vec<u8>) {
        let place = self.open_message(out);
        let last = self.parts(place).and_then(|parts| parts.last().map(|part| part.kind));
        if last != Some(kind) {
            self.close_part(place, out);
            if let Some(parts) = self.parts(place) {
                parts.push(Part { kind, text: String::new(), logprobs: Vec::new() });
            }
            let fields = self.place(place, "part", part(kind, "", Value::Null));
            self.event("response.content_part.added", fields, out);
        }
        if let Some(part) = self.parts(place).and_then(|parts| parts.last_mut()) {
            part.text.push_str(text);
            part.logprobs.extend_from_slice(logprobs);
        }
        let mut fields = self.place(place, "delta", json!(text));
        let name = match kind {
            Kind::Text => {
                fields["logprobs"] = json!(logprobs);
                "response.output_text.delta"
            }
            Kind::Refusal => "response.refusal.delta",
        };
        self.event(name, fields, out);
    }

    /// Where the last part of a message is, and something of it.
    fn place(&mut self, place: usize, name: &str, value: Value) -> Value {
        let last = self.parts(place).map_or(0, |parts| parts.len().saturating_sub(1));
        let id = self.object.item_id("msg", place);
        json!({ "item_id": id, "output_index": place, "content_index": last, name: value })
    }

    fn close_part(&mut self, place: usize, out: &mut Vec<u8>) {
        let Some(part) = self.parts(place).and_then(|parts| parts.last()) else { return };
        let (kind, text, whole) = (part.kind, part.text.clone(), part.json());
        let (event, name) = match kind {
            Kind::Text => ("response.output_text.done", "text"),
            Kind::Refusal => ("response.refusal.done", "refusal"),
        };
        let mut fields = self.place(place, name, json!(text));
        if kind == Kind::Text {
            fields["logprobs"] = whole["logprobs"].clone();
        }
        self.event(event, fields, out);
        let fields = self.place(place, "part", whole);
        self.event("response.content_part.done", fields, out);
    }

    /// Closes the message that is being written, if one is.
    fn close_message(&mut self, status: &str, out: &mut Vec<u8>) {
        let Some(place) = self.items.len().checked_sub(1) else { return };
        let Some(Item::Message { open, .. }) = self.items.get_mut(place) else { return };
        if !std::mem::replace(open, false) {
            return;
        }
        self.close_part(place, out);
        self.item_done(place, status, out);
    }

    fn item_done(&mut self, place: usize, status: &str, out: &mut Vec<u8>) {
        let Some(item) = self.items.get(place) else { return };
        let fields = json!({ "output_index": place, "item": self.item(place, item, status) });
        self.event("response.output_item.done", fields, out);
    }

    fn call(&mut self, delta: &CallDelta, out: &mut Vec<u8>) {
        let is_it = |item: &Item| matches!(item, Item::Call(index, _) if *index == delta.index);
        let place = match self.items.iter().position(is_it) {
            Some(place) => place,
            None => self.begin_call(delta, out),
        };
        let Some(piece) = delta.function.arguments.as_deref().filter(|piece| !piece.is_empty())
        else {
            return;
        };
        if let Some(Item::Call(_, of)) = self.items.get_mut(place) {
            of.arguments.push_str(piece);
        }
        let id = self.object.item_id("fc", place);
        let fields = json!({ "item_id": id, "output_index": place, "delta": piece });
        self.event("response.function_call_arguments.delta", fields, out);
    }

    fn begin_call(&mut self, delta: &CallDelta, out: &mut Vec<u8>) -> usize {
        self.close_message("completed", out);
        let place = self.items.len();
        let begun = MessageCall {
            // Without one its result could not be told from others.
            id: delta.id.clone().unwrap_or_else(|| self.object.item_id("call", place)),
            name: delta.function.name.clone().unwrap_or_default(),
            arguments: String::new(),
        };
        let item = call(&self.object.item_id("fc", place), "in_progress", &begun);
        self.items.push(Item::Call(delta.index, begun));
        self.added(place, item, out);
        place
    }

    fn close_calls(&mut self, status: &str, out: &mut Vec<u8>) {
        for place in 0..self.items.len() {
            let Some(Item::Call(_, of)) = self.items.get(place) else { continue };
            let fields = json!({ "item_id": self.object.item_id("fc", place),
                "output_index": place, "name": of.name, "arguments": of.arguments });
            self.event("response.function_call_arguments.done", fields, out);
            self.item_done(place, status, out);
        }
    }
}

impl Form for Writer {
    fn open(&mut self, out: &mut Vec<u8>) {
        let response = self.response(&State::InProgress);
        self.event("response.created", json!({ "response": response.clone() }), out);
        self.event("response.in_progress", json!({ "response": response }), out);
    }

    /// The end says who it was.
    fn taken_up(&mut self, answering: Answering, _out: &mut Vec<u8>) {
        self.answering = answering;
    }

    fn delta(&mut self, delta: &Delta, out: &mut Vec<u8>) {
        let logprobs = delta.logprobs.as_ref().and_then(|logprobs| logprobs["content"].as_array());
        let text = delta.content.as_deref().unwrap_or_default();
        if !text.is_empty() {
            self.say(Kind::Text, text, logprobs.map_or(&[], Vec::as_slice), out);
        }
        let refusal = delta.extra.get("refusal").and_then(Value::as_str).unwrap_or_default();
        if !refusal.is_empty() {
            self.say(Kind::Refusal, refusal, &[], out);
        }
        for call in &delta.tool_calls {
            self.call(call, out);
        }
    }

    fn end(&mut self, ending: &Ending, out: &mut Vec<u8>) {
        let status = status(ending);
        self.close_message(status, out);
        self.close_calls(status, out);
        let response = self.response(&State::Ended(ending));
        self.event(&format!("response.{status}"), json!({ "response": response }), out);
    }

    fn fail(&mut self, failure: &Failure, out: &mut Vec<u8>) {
        let response = self.response(&State::Failed(failure.of_response()));
        self.event("response.failed", json!({ "response": response }), out);
    }
}
