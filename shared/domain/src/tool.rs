//! Tools: what an agent may call, and what comes back.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

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

/// What an argument of a tool decides, for the policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArgumentRole {
    /// Where the call has its effect: a path that is written, a host, a
    /// recipient, a command. It comes from the user's words or the
    /// configuration, or a person confirms it.
    Destination,
    /// What is carried there: a text, a subject, an amount of rows.
    Content,
    /// What of the granted things is looked at: a query, a path that is read.
    Selector,
}

/// The most calls of a tool in a time, such as `10/minute`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RateLimit {
    /// At least 1.
    pub calls: u32,
    /// In what time.
    pub per: RatePeriod,
}

/// The time of a [`RateLimit`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RatePeriod {
    /// A second.
    Second,
    /// A minute.
    Minute,
    /// An hour.
    Hour,
    /// 24 hours.
    Day,
}

impl RatePeriod {
    const ALL: [(Self, &str); 4] = [
        (Self::Second, "second"),
        (Self::Minute, "minute"),
        (Self::Hour, "hour"),
        (Self::Day, "day"),
    ];

    /// How long it is.
    #[must_use]
    pub fn duration(self) -> Duration {
        Duration::from_secs(match self {
            Self::Second => 1,
            Self::Minute => 60,
            Self::Hour => 3600,
            Self::Day => 86_400,
        })
    }
}

impl FromStr for RateLimit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text.split_once('/').and_then(|(calls, per)| {
            let calls = calls.trim().parse().ok().filter(|calls| *calls > 0)?;
            let (per, _) = RatePeriod::ALL.into_iter().find(|(_, word)| *word == per.trim())?;
            Some(Self { calls, per })
        });
        parsed.ok_or_else(|| {
            format!("`{text}` is no rate: write calls/time, such as 10/minute (second, minute, hour, day)")
        })
    }
}

impl TryFrom<String> for RateLimit {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<RateLimit> for String {
    fn from(limit: RateLimit) -> Self {
        limit.to_string()
    }
}

impl fmt::Display for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = RatePeriod::ALL.iter().find(|(per, _)| *per == self.per);
        write!(f, "{}/{}", self.calls, word.map_or("second", |(_, word)| word))
    }
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
    /// What it needs, such as `fs.read` or `network.http.get`.
    #[serde(default)]
    pub permissions: Vec<String>,
    /// What its arguments decide, by their names. An argument that is not here
    /// counts as a destination, unless the tool only reads.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub arguments: BTreeMap<String, ArgumentRole>,
    /// Whether its answers hold what somebody outside wrote: pages, mails,
    /// documents, what a program printed.
    #[serde(default)]
    pub untrusted_output: bool,
    /// Whether a person confirms every call of it unless told otherwise.
    #[serde(default)]
    pub dangerous: bool,
    /// The most calls in a time, by one workspace; without limit where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<RateLimit>,
}

impl ToolSpec {
    /// A tool that needs nothing, with the schema of its arguments.
    pub fn new(
        name: ToolName,
        class: ToolClass,
        description: impl Into<String>,
        parameters: Value,
    ) -> Self {
        Self {
            name,
            description: description.into(),
            parameters,
            class,
            permissions: Vec::new(),
            arguments: BTreeMap::new(),
            untrusted_output: false,
            dangerous: false,
            rate_limit: None,
        }
    }

    /// It needs this permission too.
    #[must_use]
    pub fn needs(mut self, permission: &str) -> Self {
        self.permissions.push(permission.to_owned());
        self
    }

    /// What an argument decides.
    #[must_use]
    pub fn argument(mut self, name: &str, role: ArgumentRole) -> Self {
        self.arguments.insert(name.to_owned(), role);
        self
    }

    /// Its answers hold what somebody outside wrote.
    #[must_use]
    pub fn with_untrusted_output(mut self) -> Self {
        self.untrusted_output = true;
        self
    }

    /// A person confirms every call unless told otherwise.
    #[must_use]
    pub fn dangerous(mut self) -> Self {
        self.dangerous = true;
        self
    }

    /// It is called no more often than this.
    #[must_use]
    pub fn limited_to(mut self, limit: RateLimit) -> Self {
        self.rate_limit = Some(limit);
        self
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_read_and_written_alike() {
        for text in ["1/second", "10/minute", "5/hour", "100/day"] {
            assert_eq!(text.parse::<RateLimit>().unwrap().to_string(), text);
        }
        assert_eq!("10 / minute".parse::<RateLimit>().unwrap().per, RatePeriod::Minute);
        for text in ["", "10", "0/minute", "-1/minute", "10/fortnight", "10/minute/x", "x/day"] {
            assert!(text.parse::<RateLimit>().unwrap_err().contains("10/minute"), "{text}");
        }
    }
}
