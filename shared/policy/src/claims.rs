//! A claim is no evidence: an answer that says that something was done, where the
//! journal holds no such call.

use agentos_domain::{Decision, Effect, Entry, ToolOutcome, ToolSpec};

use crate::words::normal;

/// A statement of an answer that no call of the run supports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnsupportedClaim {
    /// The sentence that makes it.
    pub sentence: String,
    /// What it says was done, such as `sent`.
    pub claimed: &'static str,
}

/// What an agent may say it did: the word, and what the tool that does it is
/// asked for by, so that one finds the other.
const DEEDS: &[(&str, &[&str])] = &[
    ("sent", &["send", "mail", "message", "email", "forward", "reply", "pay", "post", "notify"]),
    ("emailed", &["send", "mail", "email"]),
    ("posted", &["post", "send", "publish", "message"]),
    ("published", &["post", "publish"]),
    ("written", &["write", "create", "save", "append", "edit", "update"]),
    ("saved", &["write", "create", "save", "store", "append", "update", "download"]),
    ("created", &["create", "write", "add", "make", "schedule", "save", "book"]),
    ("updated", &["update", "write", "change", "edit", "set", "append"]),
    ("deleted", &["delete", "remove", "cancel"]),
    ("removed", &["delete", "remove", "cancel"]),
    ("cancelled", &["cancel", "delete", "remove"]),
    ("canceled", &["cancel", "delete", "remove"]),
    ("booked", &["book", "reserve", "schedule"]),
    ("reserved", &["book", "reserve"]),
    ("scheduled", &["schedule", "create", "book", "add", "reschedule"]),
    ("paid", &["pay", "send", "transfer"]),
    ("transferred", &["pay", "send", "transfer"]),
    ("shared", &["share", "send", "post"]),
    ("invited", &["invite", "add", "send"]),
    ("executed", &["run", "execute", "bash"]),
];

/// Words before it that turn a claim into its opposite, a plan or a question.
const UNSAID: &[&str] = &[
    "not", "never", "cannot", "can't", "couldn't", "could", "unable", "would", "should", "will",
    "if", "once", "when", "whether", "failed", "didn't", "wasn't", "haven't", "hasn't", "nothing",
    "no", "before", "until", "must", "want", "wants", "asked", "refused", "without",
];

/// Statements of the answer `output` that something was done by the agent, where
/// the journal holds no call that can have done it. Only statements in the first
/// person, or of the kind "the message was sent", count; what is quoted does not.
#[must_use]
pub fn unsupported_claims(
    entries: &[Entry],
    tools: &[ToolSpec],
    output: &str,
) -> Vec<UnsupportedClaim> {
    let done = deeds_of(entries, tools);
    let claims = sentences(output).filter_map(|sentence| Some((sentence, claim_of(sentence)?)));
    claims
        .filter(|(_, (_, ways))| !done.iter().any(|done| ways.contains(&done.as_str())))
        .map(|(sentence, (claimed, _))| UnsupportedClaim {
            sentence: sentence.trim().to_owned(),
            claimed,
        })
        .collect()
}

/// The words for what was done: of the names of tools with an effect whose call
/// succeeded, and those by which a user asks for them.
fn deeds_of(entries: &[Entry], tools: &[ToolSpec]) -> Vec<String> {
    let mut begun: Option<&ToolSpec> = None;
    let mut done = Vec::new();
    for entry in entries {
        let succeeded = match entry {
            Entry::ToolIntent { call, .. } => {
                begun = tools.iter().find(|tool| tool.name == call.name);
                false
            }
            Entry::ToolResult { outcome: ToolOutcome::Ok(_), .. }
            | Entry::Decided { decision: Decision::Done { .. }, .. } => true,
            _ => false,
        };
        let Some(spec) = begun.filter(|spec| succeeded && spec.reach() != Effect::None) else {
            continue;
        };
        done.extend(spec.name.as_str().split(['_', '-', '.']).map(normal));
        done.extend(spec.asked_by.iter().cloned());
    }
    done
}

/// What a sentence says the agent did, and the words for tools that do it.
fn claim_of(sentence: &str) -> Option<(&'static str, &'static [&'static str])> {
    let plain = unquoted(&normal(sentence));
    if sentence.trim_end().ends_with('?') {
        return None;
    }
    let words: Vec<&str> = plain
        .split(|char: char| !char.is_alphanumeric() && char != '\'')
        .filter(|word| !word.is_empty())
        .collect();
    words.iter().enumerate().find_map(|(at, word)| {
        let (claimed, ways) = DEEDS.iter().find(|(claimed, _)| claimed == word)?;
        let unsaid = words[..at].iter().any(|word| UNSAID.contains(word));
        (!unsaid && said_by_agent(&words, at)).then_some((*claimed, *ways))
    })
}

/// Whether the word at `at` is said of the agent itself: `I sent`, `I have now
/// sent`, `was sent` or `has been sent` at the sentence's end or before what it
/// was sent to.
fn said_by_agent(words: &[&str], at: usize) -> bool {
    let before = &words[at.saturating_sub(4)..at];
    let own = before.iter().rposition(|word| matches!(*word, "i" | "i've" | "we" | "we've"));
    let between = ["have", "just", "now", "also", "then", "already", "successfully", "and"];
    if let Some(own) = own {
        return before[own + 1..].iter().all(|word| between.contains(word));
    }
    let passive = before.ends_with(&["has", "been"])
        || before.ends_with(&["have", "been"])
        || before.ends_with(&["been", "successfully"]);
    // "The mail was sent by Bob" tells of something that was read.
    passive && !words[at..].contains(&"by")
}

/// The text without what stands in quotes: it repeats others.
fn unquoted(text: &str) -> String {
    let mut parts = text.split('"');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    while let (Some(_), rest) = (parts.next(), parts.next()) {
        plain.push(' ');
        plain.push_str(rest.unwrap_or_default());
    }
    plain
}

fn sentences(text: &str) -> impl Iterator<Item = &str> {
    let ends = |char: char| matches!(char, '\n' | '!' | ';');
    text.split_inclusive(ends).flat_map(|line| {
        let mut rest = line;
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let end = rest.find(". ").map_or(rest.len(), |at| at + 2);
            let end = rest.find("? ").map_or(end, |at| end.min(at + 2));
            let (sentence, after) = rest.split_at(end);
            rest = after;
            Some(sentence)
        })
    })
}

#[cfg(test)]
mod tests;
