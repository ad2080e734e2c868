//! What an error tells those who handle it.

use serde::{Deserialize, Serialize};

/// Every public error answers two questions besides its message.
pub trait Classified: std::error::Error {
    /// A stable word in `snake_case` for programs.
    fn code(&self) -> &'static str;

    /// Whether the same call can succeed later without anything being changed.
    fn is_retryable(&self) -> bool;
}

/// An error as it is stored with a task and shown to its user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorInfo {
    /// A stable word in `snake_case`.
    pub code: String,
    /// What happened and what to do about it.
    pub message: String,
}

impl ErrorInfo {
    /// From a code and a message.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into() }
    }
}
