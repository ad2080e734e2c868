//! What happened, as the client of the load saw it and as the hub tells it at
//! the end: all that the checker judges.

use std::collections::BTreeMap;

use agentos_domain::{Proposal, ProposalId, Step, Task, TaskId, Timestamp};
use serde::Serialize;

use super::effects::Effect;
use super::plan::Plan;

/// A task that the client asked for.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Asked {
    /// The idempotency key of the request.
    pub(crate) key: String,
    /// What was asked for.
    pub(crate) plan: Plan,
    /// The ids that the hub acknowledged, one for each answer.
    pub(crate) acknowledged: Vec<TaskId>,
    /// The journal as it was read on the way, in order.
    pub(crate) snapshots: Vec<Vec<Step>>,
    /// The journal as it was told while it was written, for tasks that were
    /// watched.
    pub(crate) told: Option<Vec<Step>>,
    /// What went wrong with the watching.
    pub(crate) watch_error: Option<String>,
    /// Whether the client asked for the end of the task.
    pub(crate) cancel_sent: bool,
    /// Whether the hub said that it had ended it.
    pub(crate) cancel_acknowledged: bool,
    /// Whether the client saw the task's end.
    pub(crate) ended: bool,
}

impl Asked {
    /// A task that nobody knows of yet.
    #[must_use]
    pub(crate) fn new(key: String, plan: Plan) -> Self {
        Self {
            key,
            plan,
            acknowledged: Vec::new(),
            snapshots: Vec::new(),
            told: None,
            watch_error: None,
            cancel_sent: false,
            cancel_acknowledged: false,
            ended: false,
        }
    }
}

/// What the hub said to a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) enum Answer {
    /// It is taken.
    Taken,
    /// It was decided before, or the task has ended: 409.
    Late,
    /// Something else.
    Other(u16),
    /// Nothing: it may have been taken or not.
    None,
}

/// A decision that the client sent.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Sent {
    /// What was decided.
    pub(crate) proposal: ProposalId,
    /// How: `approve`, `reject`, `done`, `retry`.
    pub(crate) word: String,
    /// What the hub said.
    pub(crate) answer: Answer,
    /// Whether it was sent after another decision had been taken.
    pub(crate) after_taken: bool,
}

/// Everything.
#[derive(Debug, Default, Clone, Serialize)]
pub(crate) struct History {
    /// The tasks, by number.
    pub(crate) asked: BTreeMap<u64, Asked>,
    /// The decisions, in the order of their answers.
    pub(crate) sent: Vec<Sent>,
    /// The effects, in the order in which they came.
    pub(crate) effects: Vec<Effect>,
    /// The files whose upload was acknowledged, and what is in them.
    pub(crate) uploads: BTreeMap<String, String>,
    /// What is in them at the end.
    pub(crate) files: BTreeMap<String, String>,
    /// All tasks that the hub knows at the end.
    pub(crate) tasks: Vec<Task>,
    /// Their journals.
    pub(crate) journals: BTreeMap<String, Vec<Step>>,
    /// All proposals that the hub knows at the end.
    pub(crate) proposals: Vec<Proposal>,
    /// What went wrong with the processes themselves.
    pub(crate) incidents: Vec<String>,
    /// When edges were started again after a death.
    pub(crate) edge_restarts: Vec<Timestamp>,
}
