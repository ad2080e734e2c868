//! An answer as a stream of chunks.

use std::convert::Infallible;

use agentos_domain::{RequestId, Timestamp};
use agentos_router::{Answer, Answering, ChatEvent, Delta, Ending};
use agentos_tiering::Decision;
use bytes::Bytes;
use futures::{Stream, stream};
use serde::Serialize;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::failure::Failure;
use super::whole;

/// Pieces that have arrived are written together up to so many bytes.
const TOGETHER: usize = 16 * 1024;

/// What all chunks of an answer say of it.
#[derive(Debug, Clone)]
pub(crate) struct Naming {
    /// The id of the answer.
    pub(crate) id: String,
    /// When it was asked for, in seconds since 1970.
    pub(crate) created: i64,
}

impl Naming {
    /// Of the answer to a request.
    pub(crate) fn new(request: &RequestId, now: Timestamp) -> Self {
        let request = request.to_string();
        let id = format!("chatcmpl-{}", request.trim_start_matches("req_"));
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

/// An answer as chunks.
pub(crate) struct Chunks {
    answer: Answer,
    writer: Writer,
    opened: bool,
    over: bool,
}

impl Chunks {
    pub(crate) fn new(answer: Answer, writer: Writer) -> Self {
        Self { answer, writer, opened: false, over: false }
    }

    /// The stream's bytes. It breaks off, with an error that says so, when
    /// `shutdown` is cancelled.
    pub(crate) fn until(
        self,
        shutdown: CancellationToken,
    ) -> impl Stream<Item = Result<Bytes, Infallible>> + Send {
        stream::unfold((self, shutdown), |(mut chunks, shutdown)| async move {
            if chunks.over {
                return None;
            }
            let mut out = Vec::with_capacity(512);
            if !std::mem::replace(&mut chunks.opened, true) {
                chunks.writer.open(&mut out);
            }
            match shutdown.run_until_cancelled(chunks.answer.next()).await {
                Some(Some(event)) => chunks.write(event, &mut out),
                _ => {
                    chunks.over = true;
                    Writer::fail(&whole::unfinished(), &mut out);
                }
            }
            while out.len() < TOGETHER
                && !chunks.over
                && let Some(event) = chunks.answer.try_next()
            {
                chunks.write(event, &mut out);
            }
            Some((Ok(Bytes::from(out)), (chunks, shutdown)))
        })
    }

    fn write(&mut self, event: ChatEvent, out: &mut Vec<u8>) {
        match event {
            // Another takes up what the one before could not end.
            ChatEvent::Begin(answering) => {
                self.writer.answering = answering;
                self.writer.say_who(out);
            }
            ChatEvent::Delta(delta) => self.writer.delta(&delta, out),
            ChatEvent::End(ending) => {
                self.over = true;
                self.writer.end(&ending, out);
            }
            ChatEvent::Failed(error) => {
                self.over = true;
                Writer::fail(&error.into(), out);
            }
        }
    }
}

/// Writes chunks.
pub(crate) struct Writer {
    naming: Naming,
    answering: Answering,
    /// Whether the stream ends with what was consumed.
    usage: bool,
    /// How the tier was decided, where it was.
    decision: Option<Decision>,
}

impl Writer {
    pub(crate) fn new(naming: Naming, answering: Answering, usage: bool) -> Self {
        Self { naming, answering, usage, decision: None }
    }

    /// Also says in the first chunk how the tier was decided.
    pub(crate) fn decided(mut self, decision: Option<Decision>) -> Self {
        self.decision = decision;
        self
    }

    /// The first chunk.
    pub(crate) fn open(&self, out: &mut Vec<u8>) {
        let delta = Part::Opening { role: "assistant", content: "" };
        let choice = Choice { index: 0, delta, logprobs: None, finish_reason: None };
        let mut told = whole::told(&self.answering, None);
        if let Some(decision) = &self.decision {
            told["decision"] = json!(decision);
        }
        self.chunk(&[choice], None, Some(told), out);
    }

    fn say_who(&self, out: &mut Vec<u8>) {
        self.chunk(&[], None, Some(whole::told(&self.answering, None)), out);
    }

    /// A piece of the answer.
    pub(crate) fn delta(&self, delta: &Delta, out: &mut Vec<u8>) {
        let logprobs = delta.logprobs.as_ref();
        let delta = Part::Delta(delta);
        self.chunk(&[Choice { index: 0, delta, logprobs, finish_reason: None }], None, None, out);
    }

    /// The last chunks.
    pub(crate) fn end(&self, ending: &Ending, out: &mut Vec<u8>) {
        let finish_reason = Some(ending.finish.as_str());
        let choice = Choice { index: 0, delta: Part::Nothing {}, logprobs: None, finish_reason };
        let told = whole::told(&self.answering, Some(ending));
        self.chunk(&[choice], None, (!self.usage).then(|| told.clone()), out);
        if self.usage {
            self.chunk(&[], Some(whole::usage(ending)), Some(told), out);
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
    }

    /// An error, after which nothing comes: not even the mark of the end, which
    /// would say that the answer is whole.
    pub(crate) fn fail(failure: &Failure, out: &mut Vec<u8>) {
        event(&failure.body(), out);
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
