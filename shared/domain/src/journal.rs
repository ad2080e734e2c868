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
//!       │ ToolIntent           │
//!       ▼                      │
//!   ┌────────┐   ToolResult    │
//!   │ Effect │ ────────────────┘
//!   └────────┘ ⟲ ToolRetry (read, idempotent)
//!       │ ToolUnknown (once)
//!       ▼
//!   ┌─────────┐  ToolResult or ToolRetry, decided by a person
//!   │ Unknown │ ────────────────►
//!   └─────────┘
//!   Failed and Cancelled end the journal from every phase.
//! ```
//!
//! A journal is append-only. [`Journal::push`] is the only way to grow one, so
//! a journal that exists is one that can be resumed.

use serde::{Deserialize, Serialize};

use crate::{
    Classified, ErrorInfo, Fence, FinishReason, TaskId, Timestamp, ToolCall, ToolClass, ToolError,
    ToolOutcome, Usage,
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
            (Phase::Model, Entry::ModelReply { tool_calls, .. }) => {
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
            (Phase::Call(next), Entry::ToolRefused { call_id, .. }) if next.id == *call_id => {
                Ok(self.next_call())
            }
            (
                Phase::Effect { call, .. } | Phase::Unknown { call, .. },
                Entry::ToolResult { call_id, .. },
            ) if call.id == *call_id => Ok(self.next_call()),
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
            (Phase::Unknown { call, class, idempotency_key }, Entry::ToolRetry { call_id })
                if call.id == *call_id =>
            {
                let (call, class) = (call.clone(), *class);
                let idempotency_key = idempotency_key.clone();
                Ok((Phase::Effect { call, class, idempotency_key }, None))
            }
            (Phase::Answered, Entry::Finished { .. }) => Ok((Phase::Ended, None)),
            _ => Err(self.refuse(entry)),
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
            Phase::Answered => "answered".to_owned(),
            Phase::Ended => "ended".to_owned(),
        };
        JournalError { entry: entry.kind(), phase }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(id: &str) -> ToolCall {
        ToolCall {
            id: id.into(),
            name: "file_read".parse().unwrap(),
            arguments: serde_json::json!({ "path": "a" }),
        }
    }

    fn reply(calls: Vec<ToolCall>) -> Entry {
        Entry::ModelReply {
            model: "m".into(),
            text: String::new(),
            tool_calls: calls,
            finish: FinishReason::Stop,
            usage: Usage::default(),
            confidence: None,
            duration_ms: 0,
        }
    }

    fn intent(id: &str, class: ToolClass) -> Entry {
        Entry::ToolIntent { call: call(id), class, idempotency_key: "k".into() }
    }

    fn result(id: &str) -> Entry {
        let outcome = ToolOutcome::Ok(serde_json::json!(1));
        Entry::ToolResult { call_id: id.into(), outcome, duration_ms: 0 }
    }

    #[test]
    fn a_whole_run_can_be_written() {
        let entries = [
            reply(vec![call("1"), call("2")]),
            intent("1", ToolClass::Read),
            Entry::ToolRetry { call_id: "1".into() },
            result("1"),
            Entry::ToolRefused { call_id: "2".into(), error: ToolError::new("x", "y") },
            reply(vec![]),
            Entry::Finished { output: String::new(), truncated: false },
        ];
        assert_eq!(Journal::replay(entries).unwrap().phase(), &Phase::Ended);
    }

    #[test]
    fn a_finished_call_cannot_be_written_twice() {
        let mut journal =
            Journal::replay([reply(vec![call("1")]), intent("1", ToolClass::Read), result("1")])
                .unwrap();
        let before = journal.clone();
        assert!(journal.push(result("1")).is_err());
        assert!(journal.push(intent("1", ToolClass::Read)).is_err());
        assert!(journal.push(Entry::ToolRetry { call_id: "1".into() }).is_err());
        assert_eq!(journal, before);
    }

    #[test]
    fn an_effect_that_must_not_repeat_asks_first() {
        let mut journal =
            Journal::replay([reply(vec![call("1")]), intent("1", ToolClass::Once)]).unwrap();
        assert!(journal.push(Entry::ToolRetry { call_id: "1".into() }).is_err());
        journal.push(Entry::ToolUnknown { call_id: "1".into() }).unwrap();
        journal.push(Entry::ToolRetry { call_id: "1".into() }).unwrap();
        journal.push(result("1")).unwrap();
    }

    #[test]
    fn entries_are_tagged_objects() {
        let json = serde_json::to_value(intent("1", ToolClass::Read)).unwrap();
        assert_eq!(json["type"], "tool_intent");
        assert_eq!(json["class"], "read");
    }
}
