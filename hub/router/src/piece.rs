//! What arrives of an answer, whichever provider it comes from.

use std::pin::Pin;

use agentos_prices::usage::Metered;
use futures::Stream;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::CallError;

/// A piece of an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Piece {
    /// The model that answers, as the provider names it.
    Model(String),
    /// Something of the answer itself.
    Delta(Delta),
    /// Why the answer has ended, in OpenAI's words. Only what was consumed may
    /// follow.
    Finish(String),
    /// The geometric mean of the probabilities of all tokens, from 0 to 1.
    Mean(f64),
    /// What has been consumed so far. The last one counts.
    Usage(Metered),
}

/// Something of the answer itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Delta {
    /// Text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// Pieces of calls that the model asks for.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "crate::chat::or_default"
    )]
    pub tool_calls: Vec<CallDelta>,
    /// Everything else, such as `reasoning_content` and `refusal`.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
    /// The probabilities of the text's tokens, as OpenAI writes them. Beside the
    /// delta on the wire, not in it.
    #[serde(skip)]
    pub logprobs: Option<Value>,
}

/// A piece of a call that the model asks for.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CallDelta {
    /// Which of the answer's calls, from 0.
    #[serde(default)]
    pub index: usize,
    /// In the first piece of a call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// `function`; in the first piece of a call.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The function.
    #[serde(default)]
    pub function: FunctionDelta,
    /// Everything else.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// A piece of a function's name and arguments.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionDelta {
    /// In the first piece of a call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// A piece of the JSON text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arguments: Option<String>,
}

impl Delta {
    /// A piece of text.
    pub fn text(text: impl Into<String>) -> Self {
        Self { content: Some(text.into()), ..Self::default() }
    }

    /// Whether it holds anything that a client would see: text, a call, or
    /// thoughts. A role and empty texts are nothing.
    #[must_use]
    pub fn is_content(&self) -> bool {
        let says = |value: &Value| match value {
            Value::Null => false,
            Value::String(text) => !text.is_empty(),
            Value::Array(items) => !items.is_empty(),
            _ => true,
        };
        self.content.as_ref().is_some_and(|text| !text.is_empty())
            || !self.tool_calls.is_empty()
            || self.extra.iter().any(|(name, value)| name != "role" && says(value))
    }

    /// How many bytes of text it holds, calls and thoughts included: from them it
    /// is estimated what an answer that broke off has cost.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let calls: usize = self
            .tool_calls
            .iter()
            .map(|call| {
                call.function.arguments.as_ref().map_or(0, String::len)
                    + call.function.name.as_ref().map_or(0, String::len)
            })
            .sum();
        let others: usize =
            self.extra.values().filter_map(Value::as_str).map(str::len).sum::<usize>();
        (self.content.as_ref().map_or(0, String::len) + calls + others) as u64
    }
}

/// The pieces of one answer. Dropping it ends the call at the provider.
pub type Pieces = Pin<Box<dyn Stream<Item = Result<Piece, CallError>> + Send>>;
