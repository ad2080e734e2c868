//! The policies that are compared, from none to asking for everything.

use agentos_domain::{Effect, Entry, ToolCall, ToolClass, ToolSpec};
use agentos_policy::{Grounds, Rules, Verdict, decide_by};
use serde::Deserialize;

/// None of the rules.
const NOTHING: Rules = Rules {
    destinations: false,
    contents: false,
    asked_for: false,
    taint: true,
    echoes: true,
    unique: true,
    lookups: false,
    own_space: false,
};

/// How strict the evaluation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// Nothing is asked.
    None,
    /// Destinations come from the user's words.
    Destinations,
    /// The same, or from look-ups that these decide.
    DestinationsLookedUp,
    /// Also, once tainted, contents come from the user's words.
    Contents,
    /// Also, once tainted, only what the user asked for is done.
    AskedFor,
    /// The same, with look-ups.
    LookedUp,
    /// The same, where the user's own space needs less: what runs are held to.
    Strict,
    /// Every effect is asked for once tainted.
    EveryTainted,
    /// Every effect is asked for.
    Every,
}

impl Policy {
    /// Whether a call may be made without asking.
    #[must_use]
    pub fn decide(self, entries: &[Entry], grounds: &Grounds<'_>, call: &ToolCall) -> Verdict {
        let rules = match self {
            Self::None => NOTHING,
            Self::Destinations => Rules { destinations: true, ..NOTHING },
            Self::DestinationsLookedUp => Rules { destinations: true, lookups: true, ..NOTHING },
            Self::Contents => Rules { destinations: true, contents: true, ..NOTHING },
            Self::AskedFor => Rules { lookups: false, own_space: false, ..Rules::STRICT },
            Self::LookedUp => Rules { own_space: false, ..Rules::STRICT },
            Self::Strict => Rules::STRICT,
            Self::EveryTainted if !is_tainted(entries, grounds) => return Verdict::Allow,
            Self::EveryTainted | Self::Every => return every(grounds, call),
        };
        decide_by(&rules, entries, grounds, call)
    }
}

fn tool<'a>(grounds: &Grounds<'a>, call: &ToolCall) -> Option<&'a ToolSpec> {
    grounds.tools.iter().find(|tool| tool.name == call.name)
}

/// Asks for whatever changes something.
fn every(grounds: &Grounds<'_>, call: &ToolCall) -> Verdict {
    let changes = tool(grounds, call)
        .is_none_or(|spec| spec.reach() != Effect::None && spec.class != ToolClass::Idempotent);
    if changes { Verdict::Ask(Vec::new()) } else { Verdict::Allow }
}

fn is_tainted(entries: &[Entry], grounds: &Grounds<'_>) -> bool {
    entries.iter().any(|entry| match entry {
        Entry::ToolIntent { call, .. } => {
            tool(grounds, call).is_none_or(|spec| spec.untrusted_output)
        }
        _ => false,
    })
}
