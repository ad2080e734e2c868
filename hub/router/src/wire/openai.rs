//! Chat completions as OpenAI and those who speak like it write them.

use std::borrow::Cow;

use agentos_prices::ServiceTier;
use agentos_prices::usage::{self, Metered};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::chat::{ChatMessage, ChatRequest, FunctionCall};
use crate::error::{CallError, ErrorKind};
use crate::piece::{CallDelta, Delta, FunctionDelta, Piece};
use crate::providers::Call;
use crate::wire::failure::classify;

/// The end of a stream.
const DONE: &[u8] = b"[DONE]";

/// The body of a request. With `newer`, the most tokens of the answer go by the
/// name that OpenAI gives them today, and that others do not know.
pub(crate) fn body(call: &Call<'_>, newer: bool) -> Result<Vec<u8>, CallError> {
    let mut request: ChatRequest = call.request.clone();
    call.model.clone_into(&mut request.model);
    request.temperature = request.temperature.or(call.temperature);
    let most = call.max_output;
    // Each knows one of the names, and does not heed the other.
    request.max_tokens = (!newer).then_some(most);
    request.max_completion_tokens = newer.then_some(most);
    request.logprobs = call.logprobs.then_some(true).or(request.logprobs);
    request.stream = call.streamed;
    request.stream_options = if call.streamed {
        let mut options = request.stream_options.unwrap_or_default();
        options.include_usage = true;
        Some(options)
    } else {
        None
    };
    if let Some(begun) = call.begun {
        request.messages.push(ChatMessage::text("assistant", begun));
        // What vLLM and those who follow it call it.
        request.extra.insert("continue_final_message".to_owned(), json!(true));
        request.extra.insert("add_generation_prompt".to_owned(), json!(false));
    }
    serde_json::to_vec(&request)
        .map_err(|error| CallError::new(ErrorKind::Invalid, format!("cannot be sent: {error}")))
}

/// A chunk of a stream, or a whole answer.
#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow, default)]
    model: Option<Cow<'a, str>>,
    #[serde(default = "Vec::new")]
    choices: Vec<Choice>,
    #[serde(default)]
    usage: Option<Value>,
    #[serde(borrow, default)]
    service_tier: Option<Cow<'a, str>>,
    #[serde(default)]
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    delta: Option<Delta>,
    #[serde(default)]
    message: Option<Message>,
    #[serde(default)]
    finish_reason: Option<String>,
    #[serde(default)]
    logprobs: Option<Value>,
}

/// The message of an answer that came whole.
#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    content: Option<String>,
    #[serde(default)]
    tool_calls: Option<Vec<FunctionCall>>,
    #[serde(flatten)]
    extra: Map<String, Value>,
}

impl From<Message> for Delta {
    fn from(message: Message) -> Self {
        let calls = message.tool_calls.unwrap_or_default().into_iter().enumerate();
        let tool_calls = calls
            .map(|(index, call)| CallDelta {
                index,
                id: Some(call.id),
                kind: Some(call.kind),
                function: FunctionDelta {
                    name: Some(call.function.name),
                    arguments: Some(call.function.arguments),
                },
                extra: call.extra,
            })
            .collect();
        let mut extra = message.extra;
        extra.retain(|name, value| name != "role" && !value.is_null());
        Self { content: message.content, tool_calls, extra, logprobs: None }
    }
}

/// Reads the events of one stream.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    named: bool,
    tier: ServiceTier,
    /// Whether the stream has said that it is complete.
    pub(crate) done: bool,
}

impl Reader {
    /// The pieces in one event's data, or in a whole answer.
    pub(crate) fn read(&mut self, data: &[u8], pieces: &mut Vec<Piece>) -> Result<(), CallError> {
        if data == DONE {
            self.done = true;
            return Ok(());
        }
        let chunk: Chunk<'_> = serde_json::from_slice(data).map_err(|error| {
            CallError::new(
                ErrorKind::Protocol,
                format!("the provider's answer is no JSON: {error}"),
            )
        })?;
        if let Some(error) = chunk.error.filter(|error| !error.is_null()) {
            return Err(classify(None, None, &json!({ "error": error })));
        }
        if let Some(model) = chunk.model.filter(|model| !self.named && !model.is_empty()) {
            self.named = true;
            pieces.push(Piece::Model(model.into_owned()));
        }
        for choice in chunk.choices.into_iter().take(1) {
            let delta = choice.delta.or(choice.message.map(Delta::from));
            if let Some(mut delta) = delta {
                delta.extra.retain(|name, value| name != "role" && !value.is_null());
                delta.logprobs = choice.logprobs.filter(|logprobs| !logprobs.is_null());
                if delta.is_content() || delta.logprobs.is_some() {
                    pieces.push(Piece::Delta(delta));
                }
            }
            if let Some(finish) = choice.finish_reason {
                pieces.push(Piece::Finish(finish));
            }
        }
        if let Some(tier) = chunk.service_tier {
            self.tier = ServiceTier::named(&tier);
        }
        if let Some(mut metered) = chunk.usage.as_ref().and_then(metered) {
            // It is said beside the usage, not in it.
            metered.service.tier = self.tier;
            pieces.push(Piece::Usage(metered));
        }
        Ok(())
    }
}

/// What a usage object says; none where it says nothing that can be read: the
/// call is then settled as an estimate.
pub(crate) fn metered(value: &Value) -> Option<Metered> {
    if value.is_null() {
        return None;
    }
    usage::from_openai(value)
        .inspect_err(|error| tracing::warn!(%error, "a provider's usage cannot be read"))
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(data: &[&str]) -> Result<Vec<Piece>, CallError> {
        let (mut reader, mut pieces) = (Reader::default(), Vec::new());
        for data in data {
            reader.read(data.as_bytes(), &mut pieces)?;
        }
        Ok(pieces)
    }

    #[test]
    fn a_stream_becomes_pieces() {
        let pieces = read(&[
            r#"{"model":"m","choices":[{"delta":{"role":"assistant","content":""}}]}"#,
            r#"{"model":"m","choices":[{"delta":{"content":"Hi"},"finish_reason":null}],"usage":null}"#,
            r#"{"model":"m","choices":[{"delta":{"reasoning_content":"hm","tool_calls":null}}]}"#,
            r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#,
            r#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}"#,
            "[DONE]",
        ])
        .unwrap();
        let [
            Piece::Model(model),
            Piece::Delta(text),
            Piece::Delta(thought),
            Piece::Finish(end),
            Piece::Usage(used),
        ] = pieces.as_slice()
        else {
            panic!("{pieces:?}")
        };
        assert_eq!((model.as_str(), text.content.as_deref()), ("m", Some("Hi")));
        assert_eq!(thought.extra["reasoning_content"], "hm");
        assert_eq!((end.as_str(), used.counts.input, used.counts.output), ("stop", 3, 2));
    }

    #[test]
    fn a_whole_answer_becomes_pieces_too() {
        let pieces = read(&[r#"{"model":"m","choices":[{"message":{"role":"assistant",
            "content":null,"refusal":null,"tool_calls":[{"id":"c","type":"function",
            "function":{"name":"f","arguments":"{}"}}]},"finish_reason":"tool_calls"}],
            "usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}"#])
        .unwrap();
        let Piece::Delta(delta) = &pieces[1] else { panic!("{pieces:?}") };
        assert_eq!(delta.tool_calls[0].function.name.as_deref(), Some("f"));
        assert!(delta.extra.is_empty(), "{:?}", delta.extra);
    }

    #[test]
    fn an_error_in_the_stream_is_an_error() {
        let late = r#"{"error":{"message":"no","type":"insufficient_quota"}}"#;
        assert_eq!(read(&[late]).unwrap_err().kind, ErrorKind::Quota);
        assert_eq!(read(&["{half"]).unwrap_err().kind, ErrorKind::Protocol);
    }
}
