//! What a run has seen and was allowed so far, read from its journal.

use agentos_domain::{ArgumentRole, Decision, Entry, ToolCall, ToolOutcome, ToolSpec};
use serde_json::Value;

use crate::leaves::{Leaf, leaves};
use crate::words::{Words, contains_whole, normal};
use crate::{Grounds, Rules};

/// Where a value comes from, the most trusted first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Origin {
    /// It holds nothing.
    Nothing,
    /// The user said it, or the configuration does.
    Said,
    /// A person saw it and confirmed it.
    Confirmed,
    /// It is what a look-up found by a name that the user gave: one record, of
    /// the user's own data, or the id that the system gave it.
    Found,
    /// It stands in an answer that holds nothing of others.
    Answered,
    /// Anybody may have chosen it.
    Unknown,
}

/// A call that has its answer.
#[derive(Debug)]
struct Seen<'a> {
    spec: Option<&'a ToolSpec>,
    outcome: &'a ToolOutcome,
    /// Whether what it was called with came from nobody outside.
    clean: bool,
    /// Whether it looked up what the user gave a name of.
    keyed: bool,
    /// What it looked up, normalised.
    keys: Vec<String>,
}

impl Seen<'_> {
    /// Whether it may hold what somebody outside wrote. A tool may repeat what it
    /// was called with, so that is part of its answer.
    fn untrusted(&self) -> bool {
        !self.clean || self.spec.is_none_or(|spec| spec.untrusted_output)
    }
}

/// What a run has seen, as of its last word.
#[derive(Debug)]
pub(crate) struct Trail<'a> {
    grounds: &'a Grounds<'a>,
    rules: &'a Rules,
    said: Words,
    confirmed: Vec<String>,
    seen: Vec<Seen<'a>>,
    /// Whether the model had read what somebody outside wrote when it chose the
    /// calls that come now.
    pub(crate) tainted: bool,
}

impl<'a> Trail<'a> {
    pub(crate) fn read(entries: &'a [Entry], grounds: &'a Grounds<'a>, rules: &'a Rules) -> Self {
        let said: Vec<&str> = grounds.configuration.iter().copied().chain([grounds.user]).collect();
        let said = Words::new(&said.join("\n\n"));
        let confirmed = confirmed(entries, grounds);
        let mut trail = Self { grounds, rules, said, confirmed, seen: Vec::new(), tainted: false };
        let mut begun: Option<(&ToolCall, bool)> = None;
        let (mut visible, mut waiting) = (0, Vec::new());
        for entry in entries {
            match entry {
                Entry::ModelReply { .. } => {
                    // Only now has the model read what came since it last spoke.
                    trail.seen.append(&mut waiting);
                    trail.look_at(&mut visible);
                }
                Entry::ToolIntent { call, .. } => begun = Some((call, trail.tainted)),
                Entry::ToolResult { outcome, .. } => {
                    if let Some((call, tainted)) = begun.take() {
                        waiting.push(trail.seen_of(call, outcome, tainted));
                    }
                }
                _ => {}
            }
        }
        trail
    }

    fn look_at(&mut self, visible: &mut usize) {
        let new = self.seen.get(*visible..).unwrap_or_default();
        self.tainted |= self.rules.taint && new.iter().any(Seen::untrusted);
        *visible = self.seen.len();
    }

    fn seen_of(&self, call: &ToolCall, outcome: &'a ToolOutcome, tainted: bool) -> Seen<'a> {
        let spec = self.grounds.tool(&call.name);
        let leaves = spec.map(|spec| leaves(spec, call)).unwrap_or_default();
        let known = |leaf: &Leaf| self.origin(leaf) < Origin::Unknown;
        let clean = !tainted || !self.rules.echoes || leaves.iter().all(known);
        // Numbers bound an answer; they do not say of what.
        let keys: Vec<&Leaf> = leaves.iter().filter(|leaf| leaf.is_text()).collect();
        // Who asks for all there is has chosen nothing, unless it is one thing of
        // the user's own.
        let whole = leaves.is_empty() && spec.is_some_and(|spec| !spec.untrusted_output);
        let named = |leaf: &&Leaf| self.is_named(leaf);
        let keyed = whole || (!keys.is_empty() && keys.iter().all(named));
        let keys = keys.into_iter().map(|leaf| normal(&leaf.to_text())).collect();
        Seen { spec, outcome, clean, keyed, keys }
    }

    /// Whether a look-up is for something that the user gave a name of. Without
    /// the rule any look-up is.
    fn is_named(&self, leaf: &Leaf) -> bool {
        let text = leaf.to_text();
        !self.rules.unique
            || self.said.names(&text)
            || self.confirmed.contains(&normal(&text))
            || self.seen.iter().any(|seen| seen.finds(leaf, &normal(&text), self.rules))
    }

    /// Where a value comes from.
    pub(crate) fn origin(&self, leaf: &Leaf) -> Origin {
        if leaf.is_nothing() {
            return Origin::Nothing;
        }
        if self.is_said(leaf) {
            return Origin::Said;
        }
        let text = leaf.to_text();
        let normal = normal(&text);
        if leaf.is_name() && self.confirmed.contains(&normal) {
            return Origin::Confirmed;
        }
        if self.rules.lookups && self.seen.iter().any(|seen| seen.finds(leaf, &normal, self.rules))
        {
            return Origin::Found;
        }
        if self.answers(&normal) { Origin::Answered } else { Origin::Unknown }
    }

    fn is_said(&self, leaf: &Leaf) -> bool {
        match (&leaf.value, leaf.role) {
            (Value::Number(number), ArgumentRole::Object) => self.said.has_id(&number.to_string()),
            (Value::Number(number), _) => self.said.has_number(&number.to_string()),
            (Value::String(text), ArgumentRole::Object) => self.said.has_id(text),
            (Value::String(text), _) => self.said.has(text),
            _ => false,
        }
    }

    /// Whether an answer that holds nothing of others holds this, whole.
    fn answers(&self, normal: &str) -> bool {
        self.seen.iter().filter(|seen| !seen.untrusted()).any(|seen| match seen.outcome {
            ToolOutcome::Ok(value) => holds(value, normal),
            ToolOutcome::Err(_) => false,
        })
    }

    /// Whether a name is a phrase of the user's with a value of a trusted answer
    /// in it.
    pub(crate) fn is_framed(&self, leaf: &Leaf) -> bool {
        leaf.text().is_some_and(|text| self.said.frames(text, |part| self.answers(part)))
    }

    /// Whether the user asked for what the tool does.
    pub(crate) fn is_asked_for(&self, spec: &ToolSpec) -> bool {
        self.said.has_any(&spec.asked_by)
    }
}

impl Seen<'_> {
    /// Whether the value is what the look-up found. Of an answer that others
    /// write, that is the id of a record alone, used as such an id: whoever sends
    /// something chooses all else in it.
    fn finds(&self, leaf: &Leaf, normal: &str, rules: &Rules) -> bool {
        let (Some(spec), ToolOutcome::Ok(value)) = (self.spec, self.outcome) else {
            return false;
        };
        let mut records = records(value);
        if rules.unique {
            // A record that is called just so comes before those that mention it.
            if records.len() > 1 {
                records.retain(|record| self.keys.iter().any(|key| field_is(record, key)));
            }
            if !self.keyed || records.len() != 1 {
                return false;
            }
        }
        if !self.untrusted() {
            return records.iter().any(|record| field_is(record, normal));
        }
        let id = |record: &&Value| {
            spec.ids.iter().any(|(field, argument)| {
                *argument == leaf.argument
                    && record.get(field).is_some_and(|value| is_value(value, normal))
            })
        };
        leaf.role == ArgumentRole::Object && records.iter().any(id)
    }
}

/// The destinations that a person has confirmed.
fn confirmed(entries: &[Entry], grounds: &Grounds<'_>) -> Vec<String> {
    let approved = entries.windows(2).filter_map(|pair| match pair {
        [
            Entry::ApprovalAsked { call, .. },
            Entry::Decided { decision: Decision::Approve { .. }, .. },
        ] => Some(call),
        _ => None,
    });
    approved
        .filter_map(|call| Some(leaves(grounds.tool(&call.name)?, call)))
        .flatten()
        .filter(|leaf| leaf.is_name())
        .map(|leaf| normal(&leaf.to_text()))
        .collect()
}

/// The records of an answer: the elements of a list, or of the one list of
/// records in an object, else the answer itself.
fn records(answer: &Value) -> Vec<&Value> {
    match answer {
        Value::Array(items) => items.iter().collect(),
        Value::Object(fields) => {
            let lists: Vec<&Vec<Value>> = fields.values().filter_map(Value::as_array).collect();
            match lists.as_slice() {
                [list] if !list.is_empty() && list.iter().all(Value::is_object) => {
                    list.iter().collect()
                }
                _ => vec![answer],
            }
        }
        _ => vec![answer],
    }
}

/// Whether the record, or a field of it, is this value.
fn field_is(record: &Value, normal: &str) -> bool {
    match record {
        Value::Object(fields) => fields.values().any(|value| is_value(value, normal)),
        other => is_value(other, normal),
    }
}

fn is_value(value: &Value, wanted: &str) -> bool {
    match value {
        Value::String(text) => normal(text) == wanted,
        Value::Number(number) => number.to_string() == wanted,
        Value::Array(items) => items.iter().any(|item| is_value(item, wanted)),
        _ => false,
    }
}

/// Whether the answer holds the text, whole, in a value or a name of a field.
fn holds(answer: &Value, wanted: &str) -> bool {
    match answer {
        Value::String(text) => contains_whole(&normal(text), wanted),
        Value::Number(number) => number.to_string() == wanted,
        Value::Array(items) => items.iter().any(|item| holds(item, wanted)),
        Value::Object(fields) => {
            fields.iter().any(|(name, value)| normal(name) == wanted || holds(value, wanted))
        }
        _ => false,
    }
}
