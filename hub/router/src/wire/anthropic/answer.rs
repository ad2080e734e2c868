//! A message, whole or in events, as pieces.

use agentos_prices::usage::AnthropicUsage;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::FORM_TOOL;
use crate::error::{CallError, ErrorKind};
use crate::piece::{CallDelta, Delta, FunctionDelta, Piece};
use crate::providers::Call;
use crate::wire::failure::classify;

/// An event of a stream, or a whole message.
#[derive(Deserialize)]
struct Event {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    index: usize,
    #[serde(default)]
    message: Option<Message>,
    #[serde(default)]
    content_block: Option<Block>,
    #[serde(default)]
    delta: Option<EventDelta>,
    #[serde(default)]
    usage: Option<Value>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    model: String,
    #[serde(default)]
    usage: Option<Value>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Block {
    #[serde(rename = "type")]
    kind: String,
    id: Option<String>,
    name: Option<String>,
    text: Option<String>,
    thinking: Option<String>,
    input: Option<Value>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct EventDelta {
    text: Option<String>,
    partial_json: Option<String>,
    thinking: Option<String>,
    stop_reason: Option<String>,
}

/// Reads the events of one stream, or one whole message.
#[derive(Default)]
pub(crate) struct Reader {
    usage: AnthropicUsage,
    /// The blocks that are calls, in their order.
    calls: Vec<usize>,
    /// The call whose arguments have not begun.
    bare: Option<usize>,
    /// Whether a form was asked for: then a call of its tool is the answer.
    wants_form: bool,
    /// The block whose arguments are the answer itself.
    form: Option<usize>,
    /// What the client has of the text already, although the model was not told.
    overlap: String,
    /// Whether the stream has said that it is complete.
    pub(crate) done: bool,
}

impl Reader {
    /// Reads what is answered to this call.
    pub(crate) fn of(call: &Call<'_>) -> Self {
        let form = call.request.response_format.as_ref().and_then(|format| format.schema());
        let overlap = call.begun.map(|begun| begun[begun.trim_end().len()..].to_owned());
        let overlap = overlap.unwrap_or_default();
        Self { wants_form: form.is_some(), overlap, ..Self::default() }
    }

    /// The pieces in one event's data.
    pub(crate) fn read(&mut self, data: &[u8], pieces: &mut Vec<Piece>) -> Result<(), CallError> {
        let event: Event = serde_json::from_slice(data).map_err(|error| {
            CallError::new(
                ErrorKind::Protocol,
                format!("the provider's answer is no JSON: {error}"),
            )
        })?;
        match event.kind.as_str() {
            "error" => return Err(classify(None, None, &Value::Object(event.rest))),
            "message_start" => {
                if let Some(message) = event.message {
                    name(message.model, pieces);
                    self.usage.start(message.usage.as_ref().unwrap_or(&Value::Null));
                    self.consumed(pieces);
                }
            }
            "content_block_start" => {
                let block = event.content_block.unwrap_or_default();
                self.block(event.index, block, false, pieces);
            }
            "content_block_delta" => {
                self.delta(event.index, event.delta.unwrap_or_default(), pieces);
            }
            "content_block_stop" => self.block_stop(event.index, pieces),
            "message_delta" => {
                self.usage.delta(event.usage.as_ref().unwrap_or(&Value::Null));
                // Before that its tokens are a placeholder.
                if self.usage.tells_output() {
                    self.consumed(pieces);
                }
                let reason = event.delta.and_then(|delta| delta.stop_reason);
                if let Some(reason) = reason {
                    pieces.push(Piece::Finish(self.finish(&reason)));
                }
            }
            "message_stop" => self.done = true,
            "message" => self.whole(&event.rest, event.usage.as_ref(), pieces),
            // Pings, and what is yet to be invented.
            _ => {}
        }
        Ok(())
    }

    fn whole(&mut self, rest: &Map<String, Value>, usage: Option<&Value>, pieces: &mut Vec<Piece>) {
        let text = |name: &str| rest.get(name).and_then(Value::as_str).unwrap_or_default();
        name(text("model").to_owned(), pieces);
        let blocks = rest.get("content").and_then(Value::as_array);
        for (index, block) in blocks.into_iter().flatten().enumerate() {
            let block = Block::deserialize(block).unwrap_or_default();
            self.block(index, block, true, pieces);
        }
        self.usage.start(usage.unwrap_or(&Value::Null));
        self.consumed(pieces);
        pieces.push(Piece::Finish(self.finish(text("stop_reason"))));
        self.done = true;
    }

    /// A block begins, or is there as a whole.
    fn block(&mut self, index: usize, block: Block, whole: bool, pieces: &mut Vec<Piece>) {
        let input = || block.input.as_ref().map(ToString::to_string).unwrap_or_default();
        let delta = match block.kind.as_str() {
            "tool_use" if self.wants_form && block.name.as_deref() == Some(FORM_TOOL) => {
                self.form = Some(index);
                // What a block begins with is empty where its pieces follow.
                Delta::text(if whole { input() } else { String::new() })
            }
            "tool_use" => {
                self.calls.push(index);
                self.bare = (!whole).then_some(index);
                let arguments = if whole { input() } else { String::new() };
                let function = FunctionDelta { name: block.name, arguments: Some(arguments) };
                let call = CallDelta {
                    index: self.calls.len() - 1,
                    id: block.id,
                    kind: Some("function".to_owned()),
                    function,
                    extra: Map::new(),
                };
                Delta { tool_calls: vec![call], ..Delta::default() }
            }
            "thinking" => thought(block.thinking.unwrap_or_default()),
            _ => Delta::text(self.unsaid(block.text.unwrap_or_default())),
        };
        push(delta, pieces);
    }

    /// A call without arguments has an empty object.
    fn block_stop(&mut self, index: usize, pieces: &mut Vec<Piece>) {
        if self.bare == Some(index) {
            let empty = Some("{}".to_owned());
            self.delta(index, EventDelta { partial_json: empty, ..EventDelta::default() }, pieces);
        }
    }

    /// What of a text the client has not seen.
    fn unsaid(&mut self, text: String) -> String {
        if self.overlap.is_empty() || text.is_empty() {
            return text;
        }
        let same = text.chars().zip(self.overlap.chars()).take_while(|(new, old)| new == old);
        let same: usize = same.map(|(new, _)| new.len_utf8()).sum();
        if same < text.len() {
            self.overlap.clear();
        } else {
            self.overlap.drain(..same);
        }
        text[same..].to_owned()
    }

    fn delta(&mut self, index: usize, delta: EventDelta, pieces: &mut Vec<Piece>) {
        let delta = if let Some(json) = delta.partial_json {
            if self.form == Some(index) {
                Delta::text(json)
            } else {
                // What the provider's own tools are called with is not for the client.
                let Some(place) = self.calls.iter().position(|call| *call == index) else { return };
                self.bare = self.bare.filter(|bare| *bare != index || json.is_empty());
                let function = FunctionDelta { name: None, arguments: Some(json) };
                let call = CallDelta { index: place, function, ..CallDelta::default() };
                Delta { tool_calls: vec![call], ..Delta::default() }
            }
        } else if let Some(thinking) = delta.thinking {
            thought(thinking)
        } else {
            Delta::text(self.unsaid(delta.text.unwrap_or_default()))
        };
        push(delta, pieces);
    }

    /// What has been consumed so far.
    fn consumed(&self, pieces: &mut Vec<Piece>) {
        match self.usage.metered() {
            Ok(metered) => pieces.push(Piece::Usage(metered)),
            Err(error) => tracing::warn!(%error, "a provider's usage cannot be read"),
        }
    }

    /// A reason to end, in OpenAI's words.
    fn finish(&self, reason: &str) -> String {
        let word = match reason {
            "max_tokens" | "model_context_window_exceeded" => "length",
            "tool_use" if self.form.is_none() => "tool_calls",
            "refusal" => "content_filter",
            _ => "stop",
        };
        word.to_owned()
    }
}

fn name(model: String, pieces: &mut Vec<Piece>) {
    if !model.is_empty() {
        pieces.push(Piece::Model(model));
    }
}

fn thought(text: String) -> Delta {
    let mut extra = Map::new();
    extra.insert("reasoning_content".to_owned(), Value::String(text));
    Delta { extra, ..Delta::default() }
}

fn push(delta: Delta, pieces: &mut Vec<Piece>) {
    if delta.is_content() {
        pieces.push(Piece::Delta(delta));
    }
}

#[cfg(test)]
mod tests;
