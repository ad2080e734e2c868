//! What must be true of every history.

use std::collections::{BTreeMap, HashMap, HashSet};

use agentos_domain::{Decision, Entry, Step, Task, TaskStatus, ToolClass, ToolOutcome};

use super::history::{Answer, Asked, History};
use crate::harness::{check_continued, check_whole};

/// What is wrong with a history; nothing, if all lists are empty.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// Acknowledged tasks that are not there, or did not come to a good end.
    pub(crate) lost: Vec<String>,
    /// What happened more than once and may not.
    pub(crate) duplicated: Vec<String>,
    /// Any other promise that was not kept.
    pub(crate) broken: Vec<String>,
    /// Calls of class `once` whose outcome a person had to find out.
    pub(crate) unknown: u64,
    /// Of those, calls that the person had made again and that happened twice:
    /// the first effect came after the person had looked, or the second try
    /// was lost too.
    pub(crate) repeated: u64,
}

impl Verdict {
    /// All that is wrong, a line each.
    #[must_use]
    pub(crate) fn lines(&self) -> Vec<String> {
        let mark = |kind: &str, list: &[String]| {
            list.iter().map(|line| format!("{kind}: {line}")).collect::<Vec<_>>()
        };
        let lists = [("lost", &self.lost), ("duplicated", &self.duplicated)];
        let broken = ("broken", &self.broken);
        lists.into_iter().chain([broken]).flat_map(|(kind, list)| mark(kind, list)).collect()
    }
}

/// Judges a history.
#[must_use]
pub(crate) fn check(history: &History) -> Verdict {
    let mut verdict = Verdict { broken: history.incidents.clone(), ..Verdict::default() };
    tasks(history, &mut verdict);
    let calls = announced(history);
    effects(history, &calls, &mut verdict);
    results(history, &mut verdict);
    proposals(history, &mut verdict);
    for (path, content) in &history.uploads {
        if history.files.get(path) != Some(content) {
            let now = history.files.get(path);
            verdict.lost.push(format!("the file {path}, which now holds {now:?}"));
        }
    }
    let unknown = |steps: &Vec<Step>| {
        steps.iter().filter(|step| matches!(step.entry, Entry::ToolUnknown { .. })).count() as u64
    };
    verdict.unknown = history.journals.values().map(unknown).sum();
    verdict
}

fn tasks(history: &History, verdict: &mut Verdict) {
    let by_id: HashMap<_, _> =
        history.tasks.iter().map(|task| (task.task_id.to_string(), task)).collect();
    let mut keys = HashSet::new();
    for task in &history.tasks {
        if task.idempotency_key.as_ref().is_some_and(|key| !keys.insert(key.clone())) {
            let key = task.idempotency_key.as_deref().unwrap_or_default();
            verdict.duplicated.push(format!("two tasks have the key {key}"));
        }
    }
    for asked in history.asked.values() {
        let Some(id) = asked.acknowledged.first() else { continue };
        if asked.acknowledged.iter().any(|other| other != id) {
            verdict.duplicated.push(format!("{} was acknowledged as several tasks", asked.key));
        }
        let id = id.to_string();
        match (by_id.get(&id), history.journals.get(&id)) {
            (Some(task), Some(steps)) => one_task(history, asked, task, steps, verdict),
            _ => verdict.lost.push(format!("{id} was acknowledged and is not there")),
        }
    }
}

fn one_task(history: &History, asked: &Asked, task: &Task, steps: &[Step], verdict: &mut Verdict) {
    let id = &task.task_id;
    match task.status {
        TaskStatus::Completed => {}
        TaskStatus::Cancelled if asked.cancel_sent => {}
        status => {
            let error = task.error.as_ref().map(|error| error.code.as_str()).unwrap_or_default();
            verdict.lost.push(format!("{id} is {status} {error}"));
        }
    }
    if !asked.ended {
        verdict.lost.push(format!("{id} did not end in time; it is {}", task.status));
    }
    if asked.cancel_acknowledged && task.status != TaskStatus::Cancelled {
        verdict.broken.push(format!("{id} was cancelled and then was {}", task.status));
    }
    if let Err(error) = check_whole(steps) {
        verdict.broken.push(format!("the journal of {id}: {error:#}"));
    }
    if steps.len() as u64 != task.steps {
        verdict.broken.push(format!("{id} tells of {} steps and has {}", task.steps, steps.len()));
    }
    let mut before: &[Step] = &[];
    for snapshot in asked.snapshots.iter().map(Vec::as_slice).chain([steps]) {
        if let Err(error) = check_continued(before, snapshot) {
            verdict.broken.push(format!("the journal of {id} did not only grow: {error:#}"));
        }
        before = snapshot;
    }
    if let Some(error) = &asked.watch_error {
        verdict.broken.push(format!("watching {id}: {error}"));
    }
    if asked.told.as_ref().is_some_and(|told| told.as_slice() != steps) {
        verdict.broken.push(format!("who watched {id} was told of other steps than it has"));
    }
    if task.status == TaskStatus::Completed {
        all_done(asked, steps, verdict);
    }
    for pair in steps.windows(2) {
        let again = matches!(pair[1].entry, Entry::ToolRetry { .. } | Entry::ToolUnknown { .. });
        // Nothing takes as long as a run may take: only a loss makes a call's
        // outcome unknown. Another lease finds it so, or a later process of the
        // same edge.
        let between = pair[0].recorded_at..=pair[1].recorded_at;
        let restarted = history.edge_restarts.iter().any(|time| between.contains(time));
        if again && pair[0].fence == pair[1].fence && !restarted {
            verdict.broken.push(format!("{id}: nothing was lost before {:?}", pair[1]));
        }
    }
}

/// Whether every call of the plan came to an end.
fn all_done(asked: &Asked, steps: &[Step], verdict: &mut Verdict) {
    let mut ended = 0;
    for step in steps {
        match &step.entry {
            Entry::ToolResult { .. } => ended += 1,
            Entry::Decided {
                decision: Decision::Reject { .. } | Decision::Done { .. } | Decision::Expire,
                ..
            } => ended += 1,
            _ => {}
        }
    }
    let planned = asked.plan.calls().count();
    if ended != planned {
        verdict.broken.push(format!("{} completed with {ended} of {planned} calls", asked.key));
    }
}

/// A call as the journals announce it.
struct Announced {
    class: ToolClass,
    item: String,
    /// How often a person had it made again.
    retries: usize,
}

fn announced(history: &History) -> BTreeMap<String, Announced> {
    let mut calls: BTreeMap<String, Announced> = BTreeMap::new();
    for steps in history.journals.values() {
        let mut keys: HashMap<&str, &str> = HashMap::new();
        for step in steps {
            match &step.entry {
                Entry::ToolIntent { call, class, idempotency_key } => {
                    keys.insert(&call.id, idempotency_key);
                    let item = call.arguments["item"].as_str().unwrap_or_default().to_owned();
                    calls.entry(idempotency_key.clone()).or_insert(Announced {
                        class: *class,
                        item,
                        retries: 0,
                    });
                }
                Entry::Decided { call_id, decision: Decision::Retry, .. } => {
                    let key = keys.get(call_id.as_str()).copied().unwrap_or_default();
                    if let Some(call) = calls.get_mut(key) {
                        call.retries += 1;
                    }
                }
                _ => {}
            }
        }
    }
    calls
}

fn effects(history: &History, calls: &BTreeMap<String, Announced>, verdict: &mut Verdict) {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut keys: HashMap<&str, &str> = HashMap::new();
    for effect in &history.effects {
        let Some(call) = calls.get(&effect.key) else {
            verdict.broken.push(format!("an effect without an intent: {effect:?}"));
            continue;
        };
        if (call.class, &call.item) != (effect.class, &effect.item) {
            verdict.broken.push(format!("not as it was announced: {effect:?}"));
        }
        *counts.entry(&effect.key).or_default() += 1;
        if *keys.entry(&effect.item).or_insert(&effect.key) != effect.key {
            verdict.duplicated.push(format!("{} had effects by two keys", effect.item));
        }
    }
    for (key, count) in counts {
        let Some(call) = calls.get(key) else { continue };
        if call.class == ToolClass::Once && count > 1 {
            verdict.repeated += 1;
        }
        if call.class == ToolClass::Once && count > 1 + call.retries {
            let (item, retries) = (&call.item, call.retries);
            verdict.duplicated.push(format!(
                "{item} may happen once and happened {count} times, with {retries} retries"
            ));
        }
    }
}

/// Whether what journals tell of calls did happen.
fn results(history: &History, verdict: &mut Verdict) {
    let seen: HashSet<_> = history.effects.iter().map(|effect| effect.key.as_str()).collect();
    for (id, steps) in &history.journals {
        let mut keys: HashMap<&str, &str> = HashMap::new();
        for step in steps {
            match &step.entry {
                Entry::ToolIntent { call, idempotency_key, .. } => {
                    keys.insert(&call.id, idempotency_key);
                }
                Entry::ToolResult { call_id, outcome: ToolOutcome::Ok(_), .. } => {
                    let key = keys.get(call_id.as_str()).copied().unwrap_or_default();
                    if !seen.contains(key) {
                        verdict.broken.push(format!("{id}: {call_id} has a result, no effect"));
                    }
                }
                Entry::ToolResult { outcome: ToolOutcome::Err(error), .. }
                | Entry::ToolRefused { error, .. } => {
                    verdict.broken.push(format!("{id}: a tool failed: {error}"));
                }
                _ => {}
            }
        }
    }
}

fn proposals(history: &History, verdict: &mut Verdict) {
    let mut decided: HashMap<String, usize> = HashMap::new();
    for proposal in &history.proposals {
        let id = &proposal.proposal_id;
        let sent = history.sent.iter().filter(|sent| sent.proposal == *id);
        let sent: Vec<_> = sent.collect();
        let taken: Vec<_> = sent.iter().filter(|sent| sent.answer == Answer::Taken).collect();
        if taken.len() > 1 {
            verdict.duplicated.push(format!("{id} was decided {} times", taken.len()));
        }
        let word = proposal.decision.as_ref().map(Decision::as_str);
        if word.is_some() {
            *decided.entry(proposal.task_id.to_string()).or_default() += 1;
        }
        if taken.iter().any(|taken| Some(taken.word.as_str()) != word) {
            verdict.broken.push(format!("{id}: {taken:?} was taken, and it stands {word:?}"));
        }
        let may_be = |answer| match answer {
            Answer::Taken | Answer::None => true,
            Answer::Late => false,
            Answer::Other(status) => status >= 500,
        };
        let by_client =
            sent.iter().any(|sent| Some(sent.word.as_str()) == word && may_be(sent.answer));
        if word.is_some() && !by_client {
            verdict.broken.push(format!("{id}: nobody decided {word:?}"));
        }
        for late in sent.iter().filter(|sent| sent.after_taken) {
            if matches!(late.answer, Answer::Other(..500)) {
                verdict.broken.push(format!("{id}: not 409 but {:?}", late.answer));
            }
        }
    }
    for sent in &history.sent {
        let known = |proposal: &agentos_domain::Proposal| proposal.proposal_id == sent.proposal;
        if !history.proposals.iter().any(known) {
            verdict.broken.push(format!("{} was shown and is not there", sent.proposal));
        }
    }
    for (id, steps) in &history.journals {
        let written = |step: &&Step| matches!(step.entry, Entry::Decided { .. });
        let written = steps.iter().filter(written).count();
        let decided = decided.get(id).copied().unwrap_or_default();
        if written != decided {
            verdict.broken.push(format!("{id}: {decided} decisions, {written} in its journal"));
        }
    }
}

#[cfg(test)]
mod tests;
