//! Which calls of tools need a person. The decision is a pure function of what
//! the user said, what is configured, the tools' manifests and the journal: no
//! model takes part in it, so no text that a model reads can change it. It knows
//! no tool by name; `docs/policy.md` explains and defends its rules.
//!
//! ```text
//!   what the user said ─┐                          ┌─► Allow
//!   configuration ──────┤                          │
//!   manifests ──────────┼─► decide(…, next call) ──┼─► Ask, with its reasons
//!   journal ────────────┘                          │
//!                                                  └─► Refuse
//! ```
//!
//! In short: where an effect goes must come from the user. What is said there
//! must come from the user too, once the model has read what somebody outside
//! wrote. What only touches the user's own space, and can be undone, needs no
//! more than a name that the user gave.

mod claims;
mod decide;
mod leaves;
mod times;
mod trail;
mod words;

use agentos_domain::{ToolName, ToolSpec};

pub use claims::{UnsupportedClaim, unsupported_claims};
pub use decide::{Verdict, decide, decide_by};

/// What a run may rely on, besides its journal.
#[derive(Debug, Clone)]
pub struct Grounds<'a> {
    /// What the user said.
    pub user: &'a str,
    /// What is configured, and so as good as the user's own words: the agent's
    /// instructions, recipients and hosts that an operator named.
    pub configuration: Vec<&'a str>,
    /// The manifests of the tools.
    pub tools: &'a [ToolSpec],
}

impl Grounds<'_> {
    pub(crate) fn tool(&self, name: &ToolName) -> Option<&ToolSpec> {
        self.tools.iter().find(|tool| tool.name == *name)
    }
}

/// Which rules hold. A run has all of them; evaluations and tests leave some out
/// to show what each is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a rule that can be left out by itself")]
pub struct Rules {
    /// A destination comes from the user, the configuration, a confirmation or a
    /// look-up that the user's words decide.
    pub destinations: bool,
    /// After text of others was read, what leaves is what the user said.
    pub contents: bool,
    /// After text of others was read, only what the user asked for is done.
    pub asked_for: bool,
    /// What the model chose after it read text of others is not the user's
    /// choice. Without this rule nothing is ever tainted.
    pub taint: bool,
    /// What a tool was called with may stand in its answer, so an answer is no
    /// better than that.
    pub echoes: bool,
    /// Look-ups count only where the user's words decide them and one record
    /// was found.
    pub unique: bool,
    /// Look-ups count at all.
    pub lookups: bool,
    /// What stays in the user's own space and can be undone needs less.
    pub own_space: bool,
}

impl Rules {
    /// All rules: what runs are held to.
    pub const STRICT: Self = Self {
        destinations: true,
        contents: true,
        asked_for: true,
        taint: true,
        echoes: true,
        unique: true,
        lookups: true,
        own_space: true,
    };
}

impl Default for Rules {
    fn default() -> Self {
        Self::STRICT
    }
}
