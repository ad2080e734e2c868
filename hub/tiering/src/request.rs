//! What is decided on, and the decision.

use serde::{Deserialize, Serialize};

use crate::kind::Kind;
use crate::reason::Reason;

/// A request, as far as the decision looks at it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Request<'a> {
    /// The last message of the user.
    pub text: &'a str,
    /// The instructions of the agent.
    pub system: Option<&'a str>,
    /// Messages of the conversation before this one.
    pub turns: usize,
    /// Tools that the model may call.
    pub tools: usize,
    /// Files that the request is about.
    pub files: usize,
    /// Whether the answer has to be JSON.
    pub wants_json: bool,
    /// The most tokens that the answer may have, where that is said.
    pub max_tokens: Option<u32>,
}

impl<'a> Request<'a> {
    /// A request that is only a text.
    #[must_use]
    pub fn text(text: &'a str) -> Self {
        Self { text, ..Self::default() }
    }
}

/// A tier that is wanted. Which model serves it is not decided here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wanted {
    /// A small model suffices.
    Fast,
    /// A small model would probably get it wrong.
    Smart,
}

impl Wanted {
    /// The word that stands for it in files and the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fast => "fast",
            Self::Smart => "smart",
        }
    }
}

/// A decision, as it is told with the answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// The tier.
    pub tier: Wanted,
    /// The probability that the strong model is needed, 0 to 1.
    pub score: f32,
    /// What kind of request it was taken for; its ending is recorded under that.
    pub kind: Kind,
    /// Why, the weightiest first. Never empty.
    pub reasons: Vec<Reason>,
}
