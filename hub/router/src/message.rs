//! An answer put together from its pieces.

use serde_json::{Map, Value, json};

use crate::piece::{CallDelta, Delta};

/// A message as its pieces come.
#[derive(Debug, Default)]
pub struct Message {
    /// Its text; none where the model only calls tools.
    pub text: Option<String>,
    /// The calls that the model asks for.
    pub calls: Vec<MessageCall>,
    /// Everything else.
    pub extra: Map<String, Value>,
    /// The probabilities of its tokens, as OpenAI writes them.
    pub logprobs: Option<Value>,
}

/// A call that the model asks for.
#[derive(Debug, Default)]
pub struct MessageCall {
    /// Unique within the conversation.
    pub id: String,
    /// The function's name.
    pub name: String,
    /// A JSON object as text.
    pub arguments: String,
}

impl Message {
    /// Adds a piece.
    pub fn add(&mut self, delta: Delta) {
        if let Some(text) = delta.content {
            self.text.get_or_insert_default().push_str(&text);
        }
        for call in delta.tool_calls {
            self.call(call);
        }
        for (name, value) in delta.extra {
            merge(self.extra.entry(name).or_insert(Value::Null), value);
        }
        if let Some(logprobs) = delta.logprobs {
            let whole = self.logprobs.get_or_insert_with(|| json!({}));
            for part in ["content", "refusal"] {
                if let Some(tokens) = logprobs.get(part).filter(|tokens| tokens.is_array()) {
                    merge(&mut whole[part], tokens.clone());
                }
            }
        }
    }

    fn call(&mut self, delta: CallDelta) {
        /// More calls than any model asks for at once.
        const MOST: usize = 1024;
        if delta.index >= MOST {
            return;
        }
        while self.calls.len() <= delta.index {
            self.calls.push(MessageCall::default());
        }
        let call = &mut self.calls[delta.index];
        call.id.push_str(delta.id.as_deref().unwrap_or_default());
        call.name.push_str(delta.function.name.as_deref().unwrap_or_default());
        call.arguments.push_str(delta.function.arguments.as_deref().unwrap_or_default());
    }
}

/// Pieces of text and of lists are joined; of all else the latest counts.
fn merge(whole: &mut Value, piece: Value) {
    match (whole, piece) {
        (Value::String(whole), Value::String(piece)) => whole.push_str(&piece),
        (Value::Array(whole), Value::Array(pieces)) => whole.extend(pieces),
        (whole, piece) => *whole = piece,
    }
}
