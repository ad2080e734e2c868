//! A claim is no evidence: an answer that says that something was done, where the
//! journal holds no such call.

use agentos_domain::{Decision, Effect, Entry, ToolClass, ToolOutcome, ToolSpec};

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
/// named or asked for by, so that one finds the other.
const DEEDS: &[(&[&str], &[&str])] = &[
    (&["sent"], &["send", "mail", "message", "email", "forward", "reply", "pay", "post", "notify"]),
    (&["emailed", "mailed"], &["send", "mail", "email"]),
    (&["posted"], &["post", "send", "publish", "message"]),
    (&["published"], &["post", "publish"]),
    (&["uploaded"], &["upload", "send", "post", "publish"]),
    (&["written", "wrote"], &["write", "create", "save", "append", "edit", "update"]),
    (&["saved", "stored"], &["write", "create", "save", "store", "append", "update", "download"]),
    (&["overwritten"], &["write", "save", "store", "update", "edit"]),
    (&["created"], &["create", "write", "add", "make", "schedule", "save", "book"]),
    (&["updated"], &["update", "write", "change", "edit", "set", "append"]),
    (&["deleted", "cancelled", "canceled"], &["delete", "remove", "cancel"]),
    // Of a part of a text, too.
    (&["removed"], &["delete", "remove", "cancel", "write", "edit", "update"]),
    (&["moved", "renamed"], &["move", "rename", "write", "edit", "update"]),
    (&["installed"], &["install", "add"]),
    (&["deployed"], &["deploy", "publish"]),
    (&["booked"], &["book", "reserve", "schedule"]),
    (&["reserved"], &["book", "reserve"]),
    (&["scheduled"], &["schedule", "create", "book", "add", "reschedule"]),
    (&["paid", "transferred"], &["pay", "send", "transfer"]),
    (&["shared"], &["share", "send", "post"]),
    (&["invited"], &["invite", "add", "send"]),
];

/// The permission of tools that run any program: with one, everything can be done.
const ANY_PROGRAM: &str = "process.spawn";

/// Words before it that turn a claim into its opposite, a plan or a question.
const UNSAID: &[&str] = &[
    "not", "never", "cannot", "can't", "couldn't", "could", "unable", "would", "should", "will",
    "if", "once", "when", "whether", "failed", "didn't", "wasn't", "haven't", "hasn't", "nothing",
    "no", "before", "until", "must", "want", "wants", "asked", "refused", "without",
];

/// Statements of the answer `output` that something was done by the agent, where
/// the journal holds no call that can have done it. Only statements in the first
/// person count, and such as "the message has been sent"; not where it names a
/// source and no tool of the agent could do it, for then it tells of the world.
/// What is quoted does not count.
#[must_use]
pub fn unsupported_claims(
    entries: &[Entry],
    tools: &[ToolSpec],
    output: &str,
) -> Vec<UnsupportedClaim> {
    let done = deeds_of(entries, tools);
    let able = tools.iter().fold(Done::default(), Done::with);
    let claims = sentences(output).filter_map(|sentence| Some((sentence, claim_of(sentence)?)));
    claims
        .filter(|(sentence, claim)| {
            claim.of_itself || !names_source(sentence) || able.support(claim.ways)
        })
        .filter(|(_, claim)| !done.support(claim.ways))
        .map(|(sentence, claim)| UnsupportedClaim {
            sentence: sentence.trim().to_owned(),
            claimed: claim.word,
        })
        .collect()
}

/// What calls that came to their end can have done.
#[derive(Debug, Default)]
struct Done {
    /// The words of their tools' names, and those by which a user asks for them.
    words: Vec<String>,
    /// Whether one of them ran a program.
    anything: bool,
}

impl Done {
    fn support(&self, ways: &[&str]) -> bool {
        self.anything || self.words.iter().any(|word| ways.contains(&word.as_str()))
    }

    /// And what a call of this tool can have done; one that reads does nothing.
    fn with(mut self, spec: &ToolSpec) -> Self {
        if spec.reach() != Effect::None && spec.class != ToolClass::Read {
            self.words.extend(spec.name.as_str().split(['_', '-', '.']).map(normal));
            self.words.extend(spec.asked_by.iter().cloned());
            self.anything |= spec.permissions.iter().any(|needed| needed == ANY_PROGRAM);
        }
        self
    }
}

/// What the calls of tools with an effect did that succeeded.
fn deeds_of(entries: &[Entry], tools: &[ToolSpec]) -> Done {
    let mut begun: Option<&ToolSpec> = None;
    let mut done = Done::default();
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
        if let Some(spec) = begun.filter(|_| succeeded) {
            done = done.with(spec);
        }
    }
    done
}

/// A sentence's word for what the agent did, and the words for tools that do it.
struct Claim {
    word: &'static str,
    ways: &'static [&'static str],
    /// Whether it says "I" or "we".
    of_itself: bool,
}

fn claim_of(sentence: &str) -> Option<Claim> {
    let plain = unquoted(&normal(sentence));
    if sentence.trim_end().ends_with('?') {
        return None;
    }
    let words: Vec<&str> = plain
        .split(|char: char| !char.is_alphanumeric() && char != '\'')
        .filter(|word| !word.is_empty())
        .collect();
    words.iter().enumerate().find_map(|(at, word)| {
        let (words_for_it, ways) = DEEDS.iter().find(|(deed, _)| deed.contains(word))?;
        let word = words_for_it.iter().find(|deed| *deed == word)?;
        let said = said_by_agent(&words, at)?;
        let unsaid = words[..at].iter().any(|word| UNSAID.contains(word));
        (!unsaid).then_some(Claim { word, ways, of_itself: said == Said::OfItself })
    })
}

/// Of whom something is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    /// `I sent`, `I have now sent`.
    OfItself,
    /// `Has been sent`, `was successfully sent`, where it is not said by whom.
    OfNobody,
}

/// Whether the word at `at` may be said of what the agent did.
fn said_by_agent(words: &[&str], at: usize) -> Option<Said> {
    let before = &words[at.saturating_sub(4)..at];
    let own = before.iter().rposition(|word| matches!(*word, "i" | "i've" | "we" | "we've"));
    let between = ["have", "had", "just", "now", "also", "then", "and"];
    if let Some(own) = own {
        let own = before[own + 1..].iter().all(|word| between.contains(word) || manner(word));
        return own.then_some(Said::OfItself);
    }
    let verb = match before {
        [rest @ .., adverb] if manner(adverb) => rest,
        all => all,
    };
    let passive = verb.ends_with(&["has", "been"])
        || verb.ends_with(&["have", "been"])
        || (before.ends_with(&["successfully"])
            && verb.last().is_some_and(|word| matches!(*word, "was" | "were" | "been")));
    // "The mail was sent by Bob" tells of something that was read.
    (passive && !words[at..].contains(&"by")).then_some(Said::OfNobody)
}

/// Whether a sentence says where it is from.
fn names_source(sentence: &str) -> bool {
    sentence.contains("https://") || sentence.contains("http://")
}

/// `successfully`, `already`: whatever the manner, it is claimed.
fn manner(word: &str) -> bool {
    word.len() > 3 && (word.ends_with("ly") || word == "already")
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
