//! Tools: what an agent may call, and what comes back.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ToolName;

/// What repeating a call does to the world. After a crash it decides whether
/// a call that has begun may be made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolClass {
    /// Changes nothing: repeat freely.
    Read,
    /// Repeating with the same idempotency key has the effect of one call.
    Idempotent,
    /// Never repeated by the system: an unknown outcome goes to a person.
    Once,
}

/// A tool's declaration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolSpec {
    /// The name that models call it by.
    pub name: ToolName,
    /// What it does, written for the model.
    pub description: String,
    /// JSON schema of the arguments object.
    pub parameters: Value,
    /// What repeating a call does.
    pub class: ToolClass,
    /// What it needs, such as `fs.read`.
    #[serde(default)]
    pub permissions: Vec<String>,
}

/// A tool's failure, written for the model that called it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message} ({code})")]
pub struct ToolError {
    /// A stable word in `snake_case`: `not_found`, `path_outside_grant` …
    pub code: String,
    /// What went wrong and what to try.
    pub message: String,
}

impl ToolError {
    /// From a code and a message.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into() }
    }
}

/// What a tool call came to. Errors are results too: the model sees them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolOutcome {
    /// The tool's structured answer.
    Ok(Value),
    /// The tool's failure.
    Err(ToolError),
}

impl ToolOutcome {
    /// The text that the model reads.
    #[must_use]
    pub fn to_model_text(&self) -> String {
        match self {
            Self::Ok(value) => value.to_string(),
            Self::Err(error) => {
                serde_json::json!({ "error": error.code, "message": error.message }).to_string()
            }
        }
    }
}

impl From<Result<Value, ToolError>> for ToolOutcome {
    fn from(result: Result<Value, ToolError>) -> Self {
        match result {
            Ok(value) => Self::Ok(value),
            Err(error) => Self::Err(error),
        }
    }
}
