//! The calls of tools that a run makes.

use std::sync::Arc;
use std::time::Duration;

use agentos_domain::{
    AskReason, Changeset, Classified as _, Entry, Phase, ToolCall, ToolClass, ToolError,
    ToolOutcome,
};
use agentos_proto::v1::ToolStarted;
use agentos_proto::v1::run_event::Event;
use agentos_tools::ToolContext;
use tracing::Instrument as _;

use crate::error::WorkerError;
use crate::files::RunFolder;
use crate::runner::{Outcome, Runner};
use crate::spans;

impl Runner {
    /// Asks a person to confirm a call, unless it could not be made at all.
    pub(crate) async fn ask(
        &mut self,
        call: ToolCall,
        class: ToolClass,
        reasons: Vec<AskReason>,
    ) -> Result<(), WorkerError> {
        let entry = match self.bench.tools.validate(&self.config.agent.tools, &call) {
            Ok(_) => Entry::ApprovalAsked { call, class, reasons },
            Err(error) => Entry::ToolRefused { call_id: call.id, error },
        };
        self.report(entry).await?;
        agentos_faults::crash_point("edge.ask.durable");
        Ok(())
    }

    pub(crate) async fn call_tool(
        &mut self,
        announce: Entry,
        call: ToolCall,
        idempotency_key: String,
    ) -> Result<(), WorkerError> {
        if let Err(error) = self.bench.tools.validate(&self.config.agent.tools, &call) {
            let entry = match announce {
                // It was accepted once, by an edge with other tools.
                Entry::ToolRetry { .. } => Entry::ToolResult {
                    call_id: call.id,
                    outcome: ToolOutcome::Err(error),
                    duration_ms: 0,
                    changes: Changeset::default(),
                },
                _ => Entry::ToolRefused { call_id: call.id, error },
            };
            return self.report(entry).await;
        }
        let span = spans::tool_call(&call);
        self.run_tool(announce, call, idempotency_key).instrument(span).await
    }

    async fn run_tool(
        &mut self,
        announce: Entry,
        call: ToolCall,
        idempotency_key: String,
    ) -> Result<(), WorkerError> {
        let class = self.class_of(&announce);
        // Before it is announced: a call that was announced may have been made.
        let Some(folder) = self.folder_for(class).await? else {
            return self.report_outcome(Outcome::TimedOut).await;
        };
        agentos_faults::crash_point("edge.intent.before");
        self.report(announce).await?;
        agentos_faults::crash_point("edge.intent.durable");
        let started = ToolStarted { call_id: call.id.clone(), name: call.name.to_string() };
        self.attempt.events.push(Event::ToolStarted(started));
        let context = ToolContext {
            root: Arc::clone(&folder.root),
            idempotency_key,
            cancel: self.attempt.cancel.child_token(),
        };
        let begun = self.bench.clock.monotonic();
        let work = self.bench.tools.call(&call, &context);
        let limit = Duration::from_secs(self.config.agent.tool_timeout_seconds);
        let work = tokio::time::timeout(self.time_left().min(limit), work);
        // However else it ends, what it did in the folder goes with the folder.
        let outcome: ToolOutcome = match self.attempt.cancel.run_until_cancelled(work).await {
            None => return Err(WorkerError::Cancelled),
            Some(Err(_)) => {
                context.cancel.cancel();
                if class == ToolClass::Once {
                    // It may have had its effect: a person has to look.
                    return self.report(Entry::ToolUnknown { call_id: call.id }).await;
                }
                if self.time_left().is_zero() {
                    return self.report_outcome(Outcome::TimedOut).await;
                }
                tool_timed_out(limit)
            }
            Some(Ok(outcome)) => outcome,
        };
        agentos_faults::crash_point("edge.effect.done");
        let (outcome, changes) = self.settle(folder, class, outcome).await?;
        let duration_ms = millis(self.bench.clock.monotonic().saturating_sub(begun));
        spans::note_result(&outcome, duration_ms);
        self.report(Entry::ToolResult { call_id: call.id, outcome, duration_ms, changes }).await?;
        agentos_faults::crash_point("edge.result.durable");
        Ok(())
    }

    /// What repeating the call that `announce` announces would do.
    fn class_of(&self, announce: &Entry) -> ToolClass {
        match (announce, self.journal.phase()) {
            (Entry::ToolIntent { class, .. }, _) | (_, Phase::Effect { class, .. }) => *class,
            _ => ToolClass::Once,
        }
    }

    /// The run's files as of its last step, for a call of this class; `None`
    /// where its time is over before they are there.
    pub(crate) async fn folder_for(
        &mut self,
        class: ToolClass,
    ) -> Result<Option<RunFolder>, WorkerError> {
        let folder = match self.folder.take() {
            Some(folder) => folder,
            None => match self.lay_out().await? {
                Some(folder) => folder,
                None => return Ok(None),
            },
        };
        if class != ToolClass::Read {
            self.bench.files.make_writable(&folder, &self.manifest).await?;
        }
        Ok(Some(folder))
    }

    /// Takes what a call changed from its folder. A call that failed changed
    /// nothing, and one whose changes cannot be taken has failed.
    async fn settle(
        &mut self,
        folder: RunFolder,
        class: ToolClass,
        outcome: ToolOutcome,
    ) -> Result<(ToolOutcome, Changeset), WorkerError> {
        if class == ToolClass::Read {
            self.folder = Some(folder);
            return Ok((outcome, Changeset::default()));
        }
        if matches!(outcome, ToolOutcome::Err(_)) {
            return Ok((outcome, Changeset::default()));
        }
        match self.bench.files.take_changes(folder, &self.manifest).await? {
            Ok((changes, pinned)) => {
                self.to_upload = changes.contents();
                self.pinned.push(pinned);
                Ok((outcome, changes))
            }
            Err(error) => {
                let message = format!(
                    "the call was made, but what it changed of the files was undone: {error}"
                );
                let error = ToolError::new(error.code(), message);
                Ok((ToolOutcome::Err(error), Changeset::default()))
            }
        }
    }
}

/// For the model, which can try something else.
fn tool_timed_out(limit: Duration) -> ToolOutcome {
    let message = format!("the call took longer than {} s; ask for less", limit.as_secs());
    ToolOutcome::Err(ToolError::new("timeout", message))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
