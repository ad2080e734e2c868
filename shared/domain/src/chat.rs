//! Conversations with a model, independent of any provider's wire format.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ToolName;

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The agent's instructions.
    System,
    /// The person.
    User,
    /// The model.
    Assistant,
    /// The result of a tool call.
    Tool,
}

/// A call that a model asks for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolCall {
    /// Unique within its task.
    pub id: String,
    /// The tool.
    pub name: ToolName,
    /// A JSON object.
    pub arguments: Value,
}

/// One turn of a conversation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// The text; empty where the model only calls tools.
    pub content: String,
    /// What the assistant asks to be called.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCall>,
    /// Which call this is the result of, for [`Role::Tool`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_call_id: Option<String>,
}

impl Message {
    /// A turn that is only text.
    pub fn text(role: Role, content: impl Into<String>) -> Self {
        Self { role, content: content.into(), tool_calls: Vec::new(), tool_call_id: None }
    }
}

/// Which kind of model serves a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tier {
    /// A small model on the edge.
    LocalFast,
    /// A larger model on the edge.
    LocalSmart,
    /// A cloud provider's model.
    CloudSmart,
}

impl Tier {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::LocalFast, Self::LocalSmart, Self::CloudSmart];

    /// The word that stands for it in files and the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LocalFast => "local-fast",
            Self::LocalSmart => "local-smart",
            Self::CloudSmart => "cloud-smart",
        }
    }
}

/// How the next token is chosen, and when to stop.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Sampling {
    /// 0 is greedy.
    pub temperature: f32,
    /// The most tokens to generate.
    pub max_tokens: u32,
    /// Texts at which generation ends; they are not part of the answer.
    pub stop: Vec<String>,
    /// Same seed, model and prompt: same answer. `None` is random.
    pub seed: Option<u64>,
}

impl Default for Sampling {
    fn default() -> Self {
        Self { temperature: 0.3, max_tokens: 1024, stop: Vec::new(), seed: None }
    }
}

/// Tokens that a model call consumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// All tokens of the prompt.
    pub input_tokens: u64,
    /// Those of them that were already in the model's cache.
    pub cached_tokens: u64,
    /// Generated tokens.
    pub output_tokens: u64,
}

/// Why generation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// The model ended its turn, or a stop text was met.
    Stop,
    /// `max_tokens` or the context's end was reached.
    Length,
    /// The model asks for tools.
    ToolCalls,
    /// The caller cancelled.
    Cancelled,
}
