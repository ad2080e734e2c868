//! A message, whole or in events, as pieces.

use agentos_prices::usage::AnthropicUsage;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::FORM_TOOL;
use crate::error::{CallError, ErrorKind};
use crate::piece::{CallDelta, Delta, FunctionDelta, Piece};
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
    /// The block whose arguments are the answer itself.
    form: Option<usize>,
    /// Whether the stream has said that it is complete.
    pub(crate) done: bool,
}

impl Reader {
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
                    pieces.push(Piece::Model(message.model));
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
            "message_delta" => {
                self.usage.delta(event.usage.as_ref().unwrap_or(&Value::Null));
                self.consumed(pieces);
                let reason = event.delta.and_then(|delta| delta.stop_reason);
                if let Some(reason) = reason {
                    pieces.push(Piece::Finish(self.finish(&reason)));
                }
            }
            "message_stop" => self.done = true,
            "message" => self.whole(&event.rest, event.usage.as_ref(), pieces),
            // Pings, ends of blocks, and what is yet to be invented.
            _ => {}
        }
        Ok(())
    }

    fn whole(&mut self, rest: &Map<String, Value>, usage: Option<&Value>, pieces: &mut Vec<Piece>) {
        let text = |name: &str| rest.get(name).and_then(Value::as_str).unwrap_or_default();
        pieces.push(Piece::Model(text("model").to_owned()));
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
            "tool_use" if block.name.as_deref() == Some(FORM_TOOL) => {
                self.form = Some(index);
                // What a block begins with is empty where its pieces follow.
                Delta::text(if whole { input() } else { String::new() })
            }
            "tool_use" => {
                self.calls.push(index);
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
            _ => Delta::text(block.text.unwrap_or_default()),
        };
        push(delta, pieces);
    }

    fn delta(&self, index: usize, delta: EventDelta, pieces: &mut Vec<Piece>) {
        let delta = if let Some(json) = delta.partial_json {
            if self.form == Some(index) {
                Delta::text(json)
            } else {
                let place = self.calls.iter().position(|call| *call == index).unwrap_or_default();
                let function = FunctionDelta { name: None, arguments: Some(json) };
                let call = CallDelta { index: place, function, ..CallDelta::default() };
                Delta { tool_calls: vec![call], ..Delta::default() }
            }
        } else if let Some(thinking) = delta.thinking {
            thought(thinking)
        } else {
            Delta::text(delta.text.unwrap_or_default())
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
mod tests {
    use super::*;

    fn read(events: &[&str]) -> (Vec<Piece>, bool) {
        let (mut reader, mut pieces) = (Reader::default(), Vec::new());
        for event in events {
            reader.read(event.as_bytes(), &mut pieces).unwrap();
        }
        (pieces, reader.done)
    }

    fn text(pieces: &[Piece]) -> String {
        let texts = pieces.iter().filter_map(|piece| match piece {
            Piece::Delta(delta) => delta.content.clone(),
            _ => None,
        });
        texts.collect()
    }

    const START: &str = r#"{"type":"message_start","message":{"model":"claude-x","usage":
        {"input_tokens":10,"cache_read_input_tokens":5,"output_tokens":1}}}"#;
    const END: &str = r#"{"type":"message_delta","delta":{"stop_reason":"tool_use"},
        "usage":{"output_tokens":20}}"#;
    const STOP: &str = r#"{"type":"message_stop"}"#;

    #[test]
    fn calls_of_tools_are_counted_from_zero_and_usage_is_not_added_up() {
        let (pieces, done) = read(&[
            START,
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
            r#"{"type":"ping"}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi"}}"#,
            r#"{"type":"content_block_start","index":1,"content_block":
                {"type":"tool_use","id":"t","name":"f","input":{}}}"#,
            r#"{"type":"content_block_delta","index":1,"delta":
                {"type":"input_json_delta","partial_json":"{\"a\":1}"}}"#,
            END,
            STOP,
        ]);
        assert!(done);
        assert_eq!(text(&pieces), "Hi");
        let calls: Vec<_> = pieces
            .iter()
            .filter_map(|piece| match piece {
                Piece::Delta(delta) => delta.tool_calls.first(),
                _ => None,
            })
            .collect();
        assert_eq!((calls[0].index, calls[0].id.as_deref()), (0, Some("t")));
        assert_eq!(calls[1].function.arguments.as_deref(), Some("{\"a\":1}"));
        assert!(pieces.contains(&Piece::Finish("tool_calls".to_owned())));
        let Some(Piece::Usage(used)) =
            pieces.iter().rev().find(|piece| matches!(piece, Piece::Usage(_)))
        else {
            panic!("{pieces:?}")
        };
        assert_eq!((used.counts.input, used.counts.cache_read, used.counts.output), (10, 5, 20));
    }

    #[test]
    fn a_form_is_text() {
        let (pieces, _) = read(&[
            START,
            r#"{"type":"content_block_start","index":0,"content_block":
                {"type":"tool_use","id":"t","name":"answer","input":{}}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"partial_json":"{\"a\":1}"}}"#,
            END,
        ]);
        assert_eq!(text(&pieces), "{\"a\":1}");
        assert!(pieces.contains(&Piece::Finish("stop".to_owned())));
    }

    #[test]
    fn a_whole_message_and_an_error() {
        let (pieces, done) = read(&[r#"{"type":"message","model":"m","content":[
            {"type":"thinking","thinking":"hm"},{"type":"text","text":"Hi"}],
            "stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":2}}"#]);
        assert!(done);
        assert_eq!(text(&pieces), "Hi");
        let overloaded = br#"{"type":"error","error":{"type":"overloaded_error","message":"x"}}"#;
        let error = Reader::default().read(overloaded, &mut Vec::new()).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Overloaded);
    }
}
