//! What is wrong with a piece of code or an answer.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What is wrong, where, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Finding {
    /// The line, from 1; 0 where it is of the whole.
    pub line: u32,
    /// A stable word for the rule: `import`, `shell`, `secret` …
    pub rule: String,
    /// What is wrong and what to do, in one sentence.
    pub message: String,
}

impl Finding {
    /// A finding at a line.
    pub fn at(line: u32, rule: &str, message: impl Into<String>) -> Self {
        Self { line, rule: rule.to_owned(), message: message.into() }
    }

    /// A finding of the whole.
    pub fn whole(rule: &str, message: impl Into<String>) -> Self {
        Self::at(0, rule, message)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{} ({})", self.message, self.rule),
            line => write!(f, "line {line}: {} ({})", self.message, self.rule),
        }
    }
}
