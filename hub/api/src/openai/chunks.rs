//! An answer as a stream of chunks.

use agentos_domain::{RequestId, Timestamp};
use agentos_router::{Answering, Delta, Ending};
use agentos_tiering::Decision;
use serde::Serialize;
use serde_json::{Value, json};

use super::failure::Failure;
use super::stream::Form;
use super::whole;

/// What all chunks of an answer say of it.
#[derive(Debug, Clone)]
pub(crate) struct Naming {
    /// The id of the answer.
    pub(crate) id: String,
    /// When it was asked for, in seconds since 1970.
    pub(crate) created: i64,
}

impl Naming {
    /// Of the answer to a request; its id begins with `prefix`.
    pub(crate) fn new(prefix: &str, request: &RequestId, now: Timestamp) -> Self {
        let request = request.to_string();
        let id = format!("{prefix}{}", request.trim_start_matches("req_"));
        Self { id, created: now.millis() / 1000 }
    }
}

/// A chunk on the wire.
#[derive(Serialize)]
struct Chunk<'a> {
    id: &'a str,
    object: &'static str,
    created: i64,
    model: &'a str,
    choices: &'a [Choice<'a>],
    /// Null where it is wanted but not known yet, absent where it is not wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    agentos: Option<Value>,
}

#[derive(Serialize)]
struct Choice<'a> {
    index: u32,
    delta: Part<'a>,
    logprobs: Option<&'a Value>,
    finish_reason: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Part<'a> {
    Delta(&'a Delta),
    Opening { role: &'static str, content: &'static str },
    Nothing {},
}

/// Writes chunks.
pub(crate) struct Writer {
    naming: Naming,
    answering: Answering,
    /// Whether the stream ends with what was consumed.
    usage: bool,
    /// How the tier was decided, where it was: the first chunk says so.
    decision: Option<Decision>,
}

impl Writer {
    pub(crate) fn new(
        naming: Naming,
        answering: Answering,
        usage: bool,
        decision: Option<Decision>,
    ) -> Self {
        Self { naming, answering, usage, decision }
    }

    fn chunk(
        &self,
        choices: &[Choice<'_>],
        usage: Option<Value>,
        agentos: Option<Value>,
        out: &mut Vec<u8>,
    ) {
        let usage = if self.usage { Some(usage.unwrap_or(Value::Null)) } else { None };
        let chunk = Chunk {
            id: &self.naming.id,
            object: "chat.completion.chunk",
            created: self.naming.created,
            model: &self.answering.model,
            choices,
            usage,
            agentos,
        };
        event(&chunk, out);
    }
}

impl Form for Writer {
    fn open(&mut self, out: &mut Vec<u8>) {
        let delta = Part::Opening { role: "assistant", content: "" };
        let choice = Choice { index: 0, delta, logprobs: None, finish_reason: None };
        let told = whole::told(&self.answering, self.decision.as_ref(), None);
        self.chunk(&[choice], None, Some(told), out);
    }

    fn taken_up(&mut self, answering: Answering, out: &mut Vec<u8>) {
        self.answering = answering;
        self.chunk(&[], None, Some(whole::told(&self.answering, None, None)), out);
    }

    fn delta(&mut self, delta: &Delta, out: &mut Vec<u8>) {
        let logprobs = delta.logprobs.as_ref();
        let delta = Part::Delta(delta);
        self.chunk(&[Choice { index: 0, delta, logprobs, finish_reason: None }], None, None, out);
    }

    fn end(&mut self, ending: &Ending, out: &mut Vec<u8>) {
        let finish_reason = Some(ending.finish.as_str());
        let choice = Choice { index: 0, delta: Part::Nothing {}, logprobs: None, finish_reason };
        let told = whole::told(&self.answering, None, Some(ending));
        self.chunk(&[choice], None, (!self.usage).then(|| told.clone()), out);
        if self.usage {
            self.chunk(&[], Some(whole::usage(ending)), Some(told), out);
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
    }

    /// Nothing comes after the error: not even the mark of the end, which would
    /// say that the answer is whole.
    fn fail(&mut self, failure: &Failure, out: &mut Vec<u8>) {
        event(&failure.body(), out);
    }
}

/// The bytes of one event.
fn event<T: Serialize>(data: &T, out: &mut Vec<u8>) {
    out.extend_from_slice(b"data: ");
    if serde_json::to_writer(&mut *out, data).is_err() {
        out.extend_from_slice(
            json!({ "error": { "message": "unwritable" } }).to_string().as_bytes(),
        );
    }
    out.extend_from_slice(b"\n\n");
}
