//! What must be true of every journal.

use std::collections::HashSet;

use agentos_domain::{Entry, Journal, Phase, Step};
use anyhow::{Context as _, Result, ensure};

/// How many entries of which kind a journal holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Answers of models.
    pub model_replies: usize,
    /// Announced calls.
    pub tool_intents: usize,
    /// Calls that were made again.
    pub tool_retries: usize,
    /// Results of calls.
    pub tool_results: usize,
}

/// Checks that a journal is whole: numbered from 1 without a gap, written by
/// leases in order, in an order that the state machine allows, no step twice.
///
/// # Errors
/// With what is wrong.
pub fn check_whole(steps: &[Step]) -> Result<Counts> {
    for (step, expected) in steps.iter().zip(1..) {
        ensure!(step.seq == expected, "step {} is in place {expected}", step.seq);
        ensure!(step.task_id == steps[0].task_id, "step {expected} is of another task");
    }
    ensure!(steps.is_sorted_by_key(|step| step.fence), "a lost lease wrote: {steps:#?}");
    ensure!(steps.is_sorted_by_key(|step| step.recorded_at), "time went back: {steps:#?}");
    let entries: Vec<_> = steps.iter().map(|step| step.entry.clone()).collect();
    let journal = Journal::replay(entries).with_context(|| format!("{steps:#?}"))?;
    let ended = steps.last().is_some_and(|step| step.entry.is_final());
    ensure!((journal.phase() == &Phase::Ended) == ended, "its end is not its end: {steps:#?}");
    count(steps)
}

fn count(steps: &[Step]) -> Result<Counts> {
    let mut counts = Counts::default();
    let (mut intents, mut results) = (HashSet::new(), HashSet::new());
    for step in steps {
        match &step.entry {
            Entry::ModelReply { .. } => counts.model_replies += 1,
            Entry::ToolIntent { call, .. } => {
                counts.tool_intents += 1;
                ensure!(intents.insert(call.id.clone()), "call {} was announced twice", call.id);
            }
            Entry::ToolRetry { .. } => counts.tool_retries += 1,
            Entry::ToolResult { call_id, .. } => {
                counts.tool_results += 1;
                ensure!(intents.contains(call_id), "a result before its intent: {call_id}");
                ensure!(results.insert(call_id.clone()), "call {call_id} has two results");
            }
            _ => {}
        }
    }
    Ok(counts)
}

/// Checks that a journal goes on where it was: what was written stays as it is.
///
/// # Errors
/// With what changed.
pub fn check_continued(before: &[Step], after: &[Step]) -> Result<()> {
    ensure!(after.len() >= before.len(), "steps were lost: {before:#?} became {after:#?}");
    for (old, new) in before.iter().zip(after) {
        ensure!(old == new, "a finished step changed: {old:#?} became {new:#?}");
    }
    Ok(())
}
