//! What must be true of every journal.

use std::collections::HashSet;

use agentos_domain::{Decision, Entry, Journal, Phase, Step};
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
            // A person has the call announced anew.
            Entry::Decided { call_id, decision: Decision::Retry, .. } => {
                intents.remove(call_id);
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

#[cfg(test)]
mod tests {
    use agentos_domain::{Fence, FinishReason, TaskId, Timestamp, ToolOutcome, Usage};
    use agentos_domain::{ToolCall, ToolClass};

    use super::*;

    fn call() -> ToolCall {
        ToolCall {
            id: "1".to_owned(),
            name: "file_list".parse().unwrap(),
            arguments: serde_json::json!({}),
        }
    }

    fn reply(tool_calls: Vec<ToolCall>) -> Entry {
        Entry::ModelReply {
            model: "m".to_owned(),
            text: "t".to_owned(),
            tool_calls,
            finish: FinishReason::Stop,
            usage: Usage::default(),
            confidence: None,
            duration_ms: 0,
        }
    }

    fn whole() -> Vec<Step> {
        let class = ToolClass::Read;
        let entries = [
            reply(vec![call()]),
            Entry::ToolIntent { call: call(), class, idempotency_key: "k".to_owned() },
            Entry::ToolRetry { call_id: "1".to_owned() },
            Entry::ToolResult {
                call_id: "1".to_owned(),
                outcome: ToolOutcome::Ok(serde_json::json!(1)),
                duration_ms: 0,
                changes: agentos_domain::Changeset::default(),
            },
            reply(Vec::new()),
            Entry::Finished { output: "t".to_owned(), truncated: false },
        ];
        let (task_id, recorded_at) = (TaskId::generate(), Timestamp::from_millis(0));
        let step = |(seq, entry)| Step {
            task_id: task_id.clone(),
            seq,
            fence: Fence(1),
            recorded_at,
            entry,
        };
        (1..).zip(entries).map(step).collect()
    }

    #[test]
    fn a_whole_journal_is_counted() {
        let counts = check_whole(&whole()).unwrap();
        let expected =
            Counts { model_replies: 2, tool_intents: 1, tool_retries: 1, tool_results: 1 };
        assert_eq!(counts, expected);
    }

    #[test]
    fn a_broken_journal_is_refused() {
        let broken = |change: fn(&mut Vec<Step>)| {
            let mut steps = whole();
            change(&mut steps);
            check_whole(&steps).is_err()
        };
        assert!(broken(|steps| drop(steps.remove(3))), "a gap");
        assert!(broken(|steps| steps[5].seq = 5), "a number twice");
        assert!(broken(|steps| steps[1].fence = Fence(9)), "a lost lease wrote later");
        assert!(broken(|steps| steps[2].task_id = TaskId::generate()), "another task's step");
        assert!(broken(|steps| steps.swap(1, 3)), "the wrong order");
        assert!(broken(|steps| steps[2].entry = steps[1].entry.clone()), "an intent twice");
        assert!(broken(|steps| steps[4].entry = steps[3].entry.clone()), "a result twice");
    }

    #[test]
    fn a_finished_step_that_changes_is_noticed() {
        let (before, mut after) = (whole(), Vec::new());
        after.clone_from(&before);
        check_continued(&before[..3], &after).unwrap();
        assert!(check_continued(&before, &after[..3]).is_err());
        after[0].fence = Fence(2);
        assert!(check_continued(&before[..3], &after).is_err());
    }
}
