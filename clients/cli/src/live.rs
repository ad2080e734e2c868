//! Events of a task as the hub sends them.

use agentos_domain::{Step, Task};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// An event with its place in the stream.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct RawEvent {
    /// Where to resume after it.
    pub(crate) id: String,
    /// Its kind.
    pub(crate) event: String,
    /// Its content.
    pub(crate) data: Value,
}

/// An event that this version understands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Live {
    /// The task's status changed.
    Status(Box<Task>),
    /// A step is durable; it supersedes the tokens before it.
    Step(Box<Step>),
    /// A model call began; text of an unfinished earlier one is void.
    ModelStarted(ModelStarted),
    /// A piece of text.
    Token(Token),
    /// Files are on their way to the executor.
    Fetching(Fetching),
    /// Shown by another event as well, or unknown to this version.
    Other,
}

/// Data of `model_started`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct ModelStarted {
    /// The model.
    pub(crate) model: String,
    /// Random weights.
    #[serde(default)]
    pub(crate) demonstration: bool,
}

/// Data of `token`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Token {
    /// The piece.
    pub(crate) text: String,
}

/// Data of `fetching`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Fetching {
    /// How many bytes.
    pub(crate) bytes: u64,
}

impl RawEvent {
    /// The event's meaning. Kinds that a newer hub has and this version does
    /// not know are [`Live::Other`].
    pub(crate) fn parse(&self) -> Result<Live, serde_json::Error> {
        Ok(match self.event.as_str() {
            "status" => Live::Status(Box::new(Task::deserialize(&self.data)?)),
            "step" => {
                Step::deserialize(&self.data).map_or(Live::Other, |step| Live::Step(Box::new(step)))
            }
            "model_started" => Live::ModelStarted(ModelStarted::deserialize(&self.data)?),
            "token" => Live::Token(Token::deserialize(&self.data)?),
            "fetching" => Live::Fetching(Fetching::deserialize(&self.data)?),
            _ => Live::Other,
        })
    }
}
