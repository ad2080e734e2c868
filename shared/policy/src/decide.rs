//! The decision about one call.

use agentos_domain::{
    ArgumentRole, AskReason, Effect, Entry, ToolCall, ToolClass, ToolError, ToolSpec,
};
use serde_json::Value;

use crate::leaves::{Leaf, leaves};
use crate::trail::{Origin, Trail};
use crate::words::is_spoofed;
use crate::{Grounds, Rules};

/// What becomes of a call.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// It may be made.
    Allow,
    /// A person confirms it first, for these reasons; at least one.
    Ask(Vec<AskReason>),
    /// It is not made; the error is for the model.
    Refuse(ToolError),
}

/// Decides about a call that comes next, by all rules. `entries` is the run's
/// journal so far.
#[must_use]
pub fn decide(entries: &[Entry], grounds: &Grounds<'_>, call: &ToolCall) -> Verdict {
    decide_by(&Rules::STRICT, entries, grounds, call)
}

/// The same by some of the rules.
#[must_use]
pub fn decide_by(
    rules: &Rules,
    entries: &[Entry],
    grounds: &Grounds<'_>,
    call: &ToolCall,
) -> Verdict {
    let Some(spec) = grounds.tool(&call.name) else {
        let message = format!("there is no tool {}", call.name);
        return Verdict::Refuse(ToolError::new("not_granted", message));
    };
    let leaves = leaves(spec, call);
    let reach = reach(spec, &leaves, rules);
    if reach == Effect::None {
        return Verdict::Allow;
    }
    if let Some(leaf) = leaves.iter().find(|leaf| is_disguised(leaf)) {
        let message = format!(
            "`{}` holds characters that are invisible or imitate others: write it plainly",
            leaf.argument
        );
        return Verdict::Refuse(ToolError::new("disguised_destination", message));
    }
    let trail = Trail::read(entries, grounds, rules);
    let reasons = match reach {
        Effect::Own => own_space(&trail, &leaves, rules),
        _ => beyond(&trail, spec, &leaves, rules),
    };
    if reasons.is_empty() { Verdict::Allow } else { Verdict::Ask(reasons) }
}

/// How far this call reaches: further than its tool where it names recipients.
fn reach(spec: &ToolSpec, leaves: &[Leaf], rules: &Rules) -> Effect {
    let reaches = |leaf: &Leaf| leaf.role == ArgumentRole::Recipient && !leaf.is_nothing();
    let reach = spec.reach();
    if leaves.iter().any(reaches) || (reach == Effect::Own && !rules.own_space) {
        return Effect::Outside;
    }
    reach
}

fn is_disguised(leaf: &Leaf) -> bool {
    leaf.aims() && leaf.text().is_some_and(is_spoofed)
}

/// What stays in the user's own space and can be undone. Who has read nothing
/// of others acts on the user's words alone; after that, what is made or changed
/// has to be what the user named, and where nothing is named, what is written
/// has to be the user's.
fn own_space(trail: &Trail<'_>, leaves: &[Leaf], rules: &Rules) -> Vec<AskReason> {
    if !trail.tainted {
        return Vec::new();
    }
    let aims = leaves.iter().filter(|leaf| leaf.aims() && !leaf.is_nothing());
    let aims: Vec<&Leaf> = aims.collect();
    if aims.is_empty() {
        return contents(trail, leaves, rules);
    }
    let known = |leaf: &&Leaf| {
        trail.origin(leaf) <= Origin::Found || (leaf.is_name() && trail.is_framed(leaf))
    };
    let unknown = aims.into_iter().filter(|leaf| rules.destinations && !known(leaf));
    unknown.map(|leaf| reason("unnamed_by_user", leaf, UNNAMED)).collect()
}

/// What others see, what leaves, and what cannot be undone.
fn beyond(trail: &Trail<'_>, spec: &ToolSpec, leaves: &[Leaf], rules: &Rules) -> Vec<AskReason> {
    let mut reasons: Vec<AskReason> = Vec::new();
    if rules.destinations {
        // The system's own answers are as good as the user's words only as long
        // as nobody else can have chosen which of them to use.
        let enough = if trail.tainted { Origin::Found } else { Origin::Answered };
        let aims = leaves.iter().filter(|leaf| leaf.aims() && trail.origin(leaf) > enough);
        reasons.extend(aims.map(|leaf| reason("unknown_destination", leaf, DESTINATION)));
    }
    if !trail.tainted {
        return reasons;
    }
    reasons.extend(contents(trail, leaves, rules));
    // To name an address is to ask for what is there: only changes are asked for
    // in other words.
    if rules.asked_for && spec.class != ToolClass::Read && !trail.is_asked_for(spec) {
        reasons.push(whole("not_asked_for", NOT_ASKED));
    }
    if rules.contents && leaves.iter().all(Leaf::is_nothing) {
        reasons.push(whole("nothing_named", NOTHING));
    }
    reasons
}

/// What is said there and the user did not say.
fn contents(trail: &Trail<'_>, leaves: &[Leaf], rules: &Rules) -> Vec<AskReason> {
    let others = |leaf: &&Leaf| match leaf.role {
        ArgumentRole::Content => trail.origin(leaf) > Origin::Said,
        // A limit or a flag of what is looked at carries nothing.
        ArgumentRole::Selector => leaf.text().is_some() && trail.origin(leaf) > Origin::Said,
        _ => false,
    };
    let others = leaves.iter().filter(|_| rules.contents).filter(others);
    others.map(|leaf| reason("content_of_others", leaf, CONTENT)).collect()
}

const DESTINATION: &str = "this decides where the call has its effect, and it comes neither from the user nor from the configuration";
const UNNAMED: &str = "the model had read text of others, and the user did not name this";
const CONTENT: &str =
    "the model had read text of others, and the user did not say this: it may be theirs";
const NOT_ASKED: &str =
    "the model had read text of others, and the user's words do not ask for what this tool does";
const NOTHING: &str =
    "the model had read text of others, and nothing in this call is tied to what the user said";

fn reason(code: &str, leaf: &Leaf, message: &str) -> AskReason {
    AskReason {
        code: code.to_owned(),
        argument: Some(leaf.argument.clone()),
        value: Some(value_of(&leaf.value)),
        message: message.to_owned(),
    }
}

fn whole(code: &str, message: &str) -> AskReason {
    AskReason { code: code.to_owned(), argument: None, value: None, message: message.to_owned() }
}

fn value_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests;
