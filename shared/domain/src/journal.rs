//! The journal of a run: which steps may follow which.
//!
//! ```text
//!              ModelReply without calls
//!   ┌────────┐ ─────────────────────────► ┌──────────┐  Finished
//!   │ Model  │                            │ Answered │ ──────────► Ended
//!   └────────┘ ◄───────────────┐          └──────────┘
//!       │ ModelReply with calls│ last call has its result
//!       ▼                      │
//!   ┌────────┐   ToolRefused   │
//!   │  Call  │ ────────────────┤
//!   └────────┘ ◄── more calls ─┤
//!       │ ToolIntent           │     or, where a person has to confirm it:
//!       │                      │     Call ─ ApprovalAsked ─► Waiting
//!       │                      │     Waiting ─ Decided: approve ─► Approved ─ ToolIntent ─► Effect
//!       ▼                      │     Waiting ─ Decided: reject, expire ─► the next call
//!   ┌────────┐   ToolResult    │
//!   │ Effect │ ────────────────┘
//!   └────────┘ ⟲ ToolRetry (read, idempotent)
//!       │ ToolUnknown (once)
//!       ▼
//!   ┌─────────┐  Decided: done ─► the next call
//!   │ Unknown │  Decided: retry ─► Approved ─ ToolIntent, with the same key ─► Effect
//!   └─────────┘
//!   Failed and Cancelled end the journal from every phase.
//! ```
//!
//! A journal is append-only. [`Journal::push`] is the only way to grow one, so
//! a journal that exists is one that can be resumed.

use serde::{Deserialize, Serialize};

use crate::{
    AskReason, Changeset, Classified, Decision, ErrorInfo, Fence, FinishReason, TaskId, Timestamp,
    ToolCall, ToolClass, ToolError, ToolOutcome, Usage,
};

/// What happened in one step of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Entry {
    /// A model answered, or asked for tools.
    ModelReply {
        /// The model that spoke.
        model: String,
        /// Its text.
        text: String,
        /// The tools that it asks for, in order.
        tool_calls: Vec<ToolCall>,
        /// Why it stopped.
        finish: FinishReason,
        /// Tokens used.
        usage: Usage,
        /// Geometric mean of the probabilities of its tokens, 0 to 1.
        confidence: Option<f32>,
        /// How long it took, in milliseconds.
        duration_ms: u64,
    },
    /// A tool is about to be called. Committed before its effect.
    ToolIntent {
        /// The call, as the model asked for it.
        call: ToolCall,
        /// What repeating it would do.
        class: ToolClass,
        /// Stable across attempts; handed to the tool.
        idempotency_key: String,
    },
    /// A call whose result was lost is about to be made again.
    ToolRetry {
        /// The call.
        call_id: String,
    },
    /// A call came to its end.
    ToolResult {
        /// The call.
        call_id: String,
        /// What it came to.
        outcome: ToolOutcome,
        /// How long it took, in milliseconds.
        duration_ms: u64,
        /// What it changed of the files.
        #[serde(default, skip_serializing_if = "Changeset::is_empty")]
        changes: Changeset,
    },
    /// A call that was not made: no such tool, not granted, or bad arguments.
    ToolRefused {
        /// The call.
        call_id: String,
        /// Why.
        error: ToolError,
    },
    /// It is not known whether a call had its effect. A person decides.
    ToolUnknown {
        /// The call.
        call_id: String,
    },
    /// A call that a person has to confirm before it is made.
    ApprovalAsked {
        /// The call, as the model asked for it.
        call: ToolCall,
        /// What repeating it would do.
        class: ToolClass,
        /// What the policy found; empty where the agent or the tool always asks.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        reasons: Vec<AskReason>,
    },
    /// A person, or the end of the time to decide, settled what waited.
    Decided {
        /// The call.
        call_id: String,
        /// How.
        decision: Decision,
        /// Who decided.
        by: String,
    },
    /// An answer was held against what the agent's configuration asks for.
    AnswerChecked {
        /// What is wrong with it, in sentences that its model can act on;
        /// nothing where it passed.
        problems: Vec<String>,
    },
    /// The run ended with an answer.
    Finished {
        /// The answer.
        output: String,
        /// Whether the model was cut off by its limit of tokens.
        truncated: bool,
    },
    /// The run ended with an error.
    Failed {
        /// What happened.
        error: ErrorInfo,
    },
    /// The run was ended by its user.
    Cancelled {
        /// Who or what ended it.
        reason: String,
    },
}

impl Entry {
    /// The word that stands for this kind of entry.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::ModelReply { .. } => "model_reply",
            Self::ToolIntent { .. } => "tool_intent",
            Self::ToolRetry { .. } => "tool_retry",
            Self::ToolResult { .. } => "tool_result",
            Self::ToolRefused { .. } => "tool_refused",
            Self::ToolUnknown { .. } => "tool_unknown",
            Self::ApprovalAsked { .. } => "approval_asked",
            Self::Decided { .. } => "decided",
            Self::AnswerChecked { .. } => "answer_checked",
            Self::Finished { .. } => "finished",
            Self::Failed { .. } => "failed",
            Self::Cancelled { .. } => "cancelled",
        }
    }

    /// Whether nothing can follow.
    #[must_use]
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Finished { .. } | Self::Failed { .. } | Self::Cancelled { .. })
    }

    /// Whether the run waits for a person from here on.
    #[must_use]
    pub fn asks_a_person(&self) -> bool {
        matches!(self, Self::ToolUnknown { .. } | Self::ApprovalAsked { .. })
    }
}

/// An entry in its place, as the store holds it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// The task.
    pub task_id: TaskId,
    /// Its place in the journal; the first is 1.
    pub seq: u64,
    /// The lease under which it was written.
    pub fence: Fence,
    /// When the hub committed it.
    pub recorded_at: Timestamp,
    /// What happened.
    #[serde(flatten)]
    pub entry: Entry,
}

/// Where a journal stands.
#[derive(Debug, Clone, PartialEq)]
pub enum Phase {
    /// The model speaks next.
    Model,
    /// This call comes next.
    Call(ToolCall),
    /// This call has begun and has no result.
    Effect {
        /// The call.
        call: ToolCall,
        /// What repeating it would do.
        class: ToolClass,
        /// The key that it was given.
        idempotency_key: String,
    },
    /// A person must confirm this call before it is made.
    Waiting(ToolCall),
    /// A person had this call made; it comes next.
    Approved {
        /// The call.
        call: ToolCall,
        /// The key of its earlier attempt, where there was one.
        idempotency_key: Option<String>,
    },
    /// A person must say what became of this call.
    Unknown {
        /// The call.
        call: ToolCall,
        /// What repeating it would do.
        class: ToolClass,
        /// The key that it was given.
        idempotency_key: String,
    },
    /// The model gave its answer.
    Answered,
    /// The answer was checked.
    Checked,
    /// Nothing follows.
    Ended,
}

/// An entry that cannot follow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a {entry} cannot follow in phase {phase}: the writer's journal is not the hub's")]
pub struct JournalError {
    entry: &'static str,
    phase: String,
}

impl Classified for JournalError {
    fn code(&self) -> &'static str {
        "journal_conflict"
    }

    fn is_retryable(&self) -> bool {
        false
    }
}

/// The entries of a run, and where they lead.
#[derive(Debug, Clone, PartialEq)]
pub struct Journal {
    entries: Vec<Entry>,
    phase: Phase,
    /// Calls of the last reply that have not begun, in reverse order.
    waiting: Vec<ToolCall>,
}

impl Default for Journal {
    fn default() -> Self {
        Self { entries: Vec::new(), phase: Phase::Model, waiting: Vec::new() }
    }
}

impl Journal {
    /// An empty journal.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A journal read back from a store.
    ///
    /// # Errors
    /// Where the entries could not have been written in this order.
    pub fn replay(entries: impl IntoIterator<Item = Entry>) -> Result<Self, JournalError> {
        let mut journal = Self::new();
        for entry in entries {
            journal.push(entry)?;
        }
        Ok(journal)
    }

    /// The entries so far.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// How many entries there are; also the `seq` of the last.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.entries.len() as u64
    }

    /// Whether nothing has happened yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Where the journal stands.
    #[must_use]
    pub fn phase(&self) -> &Phase {
        &self.phase
    }

    /// Appends an entry.
    ///
    /// # Errors
    /// Where it cannot follow; the journal is then unchanged.
    pub fn push(&mut self, entry: Entry) -> Result<(), JournalError> {
        let (phase, waiting) = self.after(&entry)?;
        self.phase = phase;
        if let Some(waiting) = waiting {
            self.waiting = waiting;
        }
        self.entries.push(entry);
        Ok(())
    }

    /// The phase that `entry` leads to and, where it changes, which calls wait.
    fn after(&self, entry: &Entry) -> Result<(Phase, Option<Vec<ToolCall>>), JournalError> {
        match (&self.phase, entry) {
            (Phase::Ended, _) => Err(self.refuse(entry)),
            (_, Entry::Failed { .. } | Entry::Cancelled { .. }) => Ok((Phase::Ended, None)),
            (Phase::Model | Phase::Checked, Entry::ModelReply { tool_calls, .. }) => {
                let mut waiting: Vec<_> = tool_calls.iter().rev().cloned().collect();
                let phase = waiting.pop().map_or(Phase::Answered, Phase::Call);
                Ok((phase, Some(waiting)))
            }
            (Phase::Call(next), Entry::ToolIntent { call, class, idempotency_key })
                if next == call =>
            {
                let (call, class) = (call.clone(), *class);
                let idempotency_key = idempotency_key.clone();
                Ok((Phase::Effect { call, class, idempotency_key }, None))
            }
            (
                Phase::Approved { call: next, idempotency_key: earlier },
                Entry::ToolIntent { call, class, idempotency_key },
            ) if next == call && earlier.as_ref().is_none_or(|key| key == idempotency_key) => {
                let (call, class) = (call.clone(), *class);
                let idempotency_key = idempotency_key.clone();
                Ok((Phase::Effect { call, class, idempotency_key }, None))
            }
            (Phase::Call(next), Entry::ApprovalAsked { call, .. }) if next == call => {
                Ok((Phase::Waiting(call.clone()), None))
            }
            (
                Phase::Call(next) | Phase::Approved { call: next, .. },
                Entry::ToolRefused { call_id, .. },
            ) if next.id == *call_id => Ok(self.next_call()),
            // Who only reads changes nothing.
            (Phase::Effect { call, class, .. }, Entry::ToolResult { call_id, changes, .. })
                if call.id == *call_id && (*class != ToolClass::Read || changes.is_empty()) =>
            {
                Ok(self.next_call())
            }
            (
                Phase::Waiting(call) | Phase::Unknown { call, .. },
                Entry::Decided { call_id, decision, .. },
            ) if call.id == *call_id => self.decided(decision).ok_or_else(|| self.refuse(entry)),
            (Phase::Effect { call, class, .. }, Entry::ToolRetry { call_id })
                if call.id == *call_id && *class != ToolClass::Once =>
            {
                Ok((self.phase.clone(), None))
            }
            (
                Phase::Effect { call, class: class @ ToolClass::Once, idempotency_key },
                Entry::ToolUnknown { call_id },
            ) if call.id == *call_id => {
                let (call, class) = (call.clone(), *class);
                let idempotency_key = idempotency_key.clone();
                Ok((Phase::Unknown { call, class, idempotency_key }, None))
            }
            (Phase::Answered, Entry::AnswerChecked { .. }) => Ok((Phase::Checked, None)),
            (Phase::Answered | Phase::Checked, Entry::Finished { .. }) => Ok((Phase::Ended, None)),
            _ => Err(self.refuse(entry)),
        }
    }

    /// Where a decision leads, if it is one that can be taken here.
    fn decided(&self, decision: &Decision) -> Option<(Phase, Option<Vec<ToolCall>>)> {
        match (&self.phase, decision) {
            (Phase::Waiting(call), Decision::Approve { .. }) => {
                Some((Phase::Approved { call: call.clone(), idempotency_key: None }, None))
            }
            (Phase::Waiting(_), Decision::Reject { .. } | Decision::Expire)
            | (Phase::Unknown { .. }, Decision::Done { .. }) => Some(self.next_call()),
            (Phase::Unknown { call, idempotency_key, .. }, Decision::Retry) => {
                let (call, key) = (call.clone(), idempotency_key.clone());
                Some((Phase::Approved { call, idempotency_key: Some(key) }, None))
            }
            _ => None,
        }
    }

    fn next_call(&self) -> (Phase, Option<Vec<ToolCall>>) {
        let mut waiting = self.waiting.clone();
        let phase = waiting.pop().map_or(Phase::Model, Phase::Call);
        (phase, Some(waiting))
    }

    fn refuse(&self, entry: &Entry) -> JournalError {
        let phase = match &self.phase {
            Phase::Model => "model".to_owned(),
            Phase::Call(call) => format!("call of {}", call.name),
            Phase::Effect { call, .. } => format!("effect of {}", call.name),
            Phase::Unknown { call, .. } => format!("unknown outcome of {}", call.name),
            Phase::Waiting(call) => format!("waiting for {} to be confirmed", call.name),
            Phase::Approved { call, .. } => format!("confirmed call of {}", call.name),
            Phase::Answered => "answered".to_owned(),
            Phase::Checked => "answer checked".to_owned(),
            Phase::Ended => "ended".to_owned(),
        };
        JournalError { entry: entry.kind(), phase }
    }
}

#[cfg(test)]
mod tests;
