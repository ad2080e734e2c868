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
    /// Where the call has its effect: a path that is written, a host, an
    /// account, a command, the name of what is made. It comes from the user's
    /// words or the configuration, or a person confirms it.
    Destination,
    /// A destination that may be left out: whom the call reaches, where it is
    /// given. A call that has one has its effect outside, whatever the tool.
    Recipient,
    /// Which of the things that are there already the call changes, removes or
    /// hands on, by its id. Nobody writes an id: it may also come from a look-up
    /// that the user's words decide.
    Object,
    /// What is carried there: a text, a subject, an amount of rows.
    Content,
    /// What of the granted things is looked at: a query, a path that is read.
    Selector,
}

/// How far the effect of a call reaches, from nothing to anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Nothing changes, and nothing leaves.
    None,
    /// Something in the user's own space changes. Nobody is told, and the user
    /// can undo it: a draft, a new file of their own, an entry without guests.
    Own,
    /// Something of the user's own changes for good: it is deleted, overwritten,
    /// or decides who has access.
    Lasting,
    /// Others see it, or something leaves: a message, a payment, a request.
    Outside,
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
    /// What its arguments decide, by their names: see [`ToolSpec::role`].
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub arguments: BTreeMap<String, ArgumentRole>,
    /// Whether its answers hold what somebody outside wrote: pages, mails,
    /// documents, what a program printed.
    #[serde(default)]
    pub untrusted_output: bool,
    /// Fields of such an answer that hold the ids which the system gave its
    /// records, each with the argument that takes such an id: `id` → `file_id`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub ids: BTreeMap<String, String>,
    /// How far its calls reach; see [`ToolSpec::reach`] where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<Effect>,
    /// Words by which a user asks for its effect, in lower case: `delete`,
    /// `remove`. Without any, no words of a user ask for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub asked_by: Vec<String>,
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
            ids: BTreeMap::new(),
            effect: None,
            asked_by: Vec::new(),
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

    /// A field of its answers holds the ids of records, which other tools take
    /// as this argument.
    #[must_use]
    pub fn with_ids(mut self, field: &str, argument: &str) -> Self {
        self.ids.insert(field.to_owned(), argument.to_owned());
        self
    }

    /// How far its calls reach.
    #[must_use]
    pub fn with_effect(mut self, effect: Effect) -> Self {
        self.effect = Some(effect);
        self
    }

    /// Words by which a user asks for its effect, in lower case.
    #[must_use]
    pub fn asked_by(mut self, words: &[&str]) -> Self {
        self.asked_by.extend(words.iter().map(|word| (*word).to_owned()));
        self
    }

    /// How far its calls reach. Where it does not say: a tool that only reads,
    /// and names no destination, has no effect; every other reaches outside.
    #[must_use]
    pub fn reach(&self) -> Effect {
        let sends = |role: &ArgumentRole| {
            matches!(role, ArgumentRole::Destination | ArgumentRole::Recipient)
        };
        let reads = self.class == ToolClass::Read && !self.arguments.values().any(sends);
        self.effect.unwrap_or(if reads { Effect::None } else { Effect::Outside })
    }

    /// What an argument decides; one that is not declared counts as a
    /// destination, unless the tool has no effect.
    #[must_use]
    pub fn role(&self, argument: &str) -> ArgumentRole {
        self.arguments.get(argument).copied().unwrap_or(match self.reach() {
            Effect::None => ArgumentRole::Selector,
            _ => ArgumentRole::Destination,
        })
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

    fn tool(class: ToolClass) -> ToolSpec {
        ToolSpec::new("t".parse().unwrap(), class, "", Value::Null)
    }

    #[test]
    fn what_a_manifest_does_not_say_is_taken_for_the_worst() {
        assert_eq!(tool(ToolClass::Once).reach(), Effect::Outside);
        assert_eq!(tool(ToolClass::Once).role("x"), ArgumentRole::Destination);
        assert_eq!(tool(ToolClass::Read).reach(), Effect::None);
        assert_eq!(tool(ToolClass::Read).role("x"), ArgumentRole::Selector);
        // To ask an address for something tells it something.
        let fetch = tool(ToolClass::Read).argument("url", ArgumentRole::Destination);
        assert_eq!((fetch.reach(), fetch.role("x")), (Effect::Outside, ArgumentRole::Destination));
    }

    #[test]
    fn a_manifest_of_before_is_still_read() {
        let old = r#"{"name":"t","description":"","parameters":{},"class":"read"}"#;
        let spec: ToolSpec = serde_json::from_str(old).unwrap();
        assert_eq!((spec.effect, spec.ids.len(), spec.asked_by.len()), (None, 0, 0));
    }

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
