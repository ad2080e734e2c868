//! Drives one run: asks the state machine what is next, does it, reports it.

use std::sync::Arc;
use std::time::Duration;

use agentos_domain::Classified as _;
use agentos_domain::{
    Clock, Entry, ErrorInfo, Journal, Manifest, ToolCall, ToolClass, ToolOutcome,
};
use agentos_inference::{
    Completion, Engine, EngineError, GenerateEvent, GenerateRequest, ToolChoice,
};
use agentos_proto::v1::run_event::Event;
use agentos_proto::v1::{ModelStarted, TokenEvent, ToolStarted};
use agentos_run::{Action, RunConfig, conversation, next};
use agentos_tools::{Registry, ToolContext};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::attempts::Attempt;
use crate::error::WorkerError;
use crate::files::{RunFiles, RunFolder};
use crate::hub::Hub;
use crate::spans;
use crate::spool::Spool;

/// Before a full model queue is tried again.
const BUSY_PAUSE: Duration = Duration::from_millis(250);

/// What a run needs from this edge.
pub(crate) struct Bench {
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) tools: Arc<Registry>,
    pub(crate) files: RunFiles,
    pub(crate) spool: Spool,
    pub(crate) hub: Arc<dyn Hub>,
    pub(crate) clock: Arc<dyn Clock>,
    /// Cancelled where this edge cannot go on.
    pub(crate) fatal: CancellationToken,
}

/// A run as it was handed over.
pub(crate) struct Assignment {
    pub(crate) config: RunConfig,
    pub(crate) journal: Journal,
    /// How many entries of the journal the hub has for certain.
    pub(crate) durable: u64,
    pub(crate) manifest: Manifest,
    pub(crate) timeout: Duration,
    /// Whether the attempt is in the spool.
    pub(crate) spooled: bool,
}

/// What an action came to.
enum Outcome {
    /// An entry for the journal.
    Entry(Entry),
    /// The run's time is over.
    TimedOut,
}

pub(crate) struct Runner {
    bench: Arc<Bench>,
    attempt: Arc<Attempt>,
    config: RunConfig,
    journal: Journal,
    /// Entries that the hub has.
    durable: u64,
    /// Whether a restart of this edge would find the attempt.
    spooled: bool,
    /// On the bench's clock that never goes back.
    deadline: Duration,
}

impl Runner {
    /// Runs an attempt to its end, or to the loss of its lease.
    pub(crate) async fn run(
        bench: Arc<Bench>,
        attempt: Arc<Attempt>,
        assignment: Assignment,
    ) -> Result<(), WorkerError> {
        let deadline = bench.clock.monotonic() + assignment.timeout;
        let Assignment { config, journal, durable, manifest, spooled, .. } = assignment;
        let mut runner = Self { bench, attempt, config, journal, durable, spooled, deadline };
        let result = runner.run_to_end(manifest).await;
        let result = match result {
            Err(error @ (WorkerError::Files(_) | WorkerError::Malformed(_))) => {
                runner.give_up(&error).await
            }
            other => other,
        };
        runner.bench.engine.end_conversation(&runner.attempt.id.to_string()).await;
        result
    }

    async fn run_to_end(&mut self, manifest: Manifest) -> Result<(), WorkerError> {
        self.deliver().await?;
        if matches!(next(&self.journal, &self.config), Action::Done | Action::Suspend) {
            return Ok(());
        }
        match self.lay_out(manifest).await? {
            Some(folder) => self.steps(&folder).await,
            None => self.report_outcome(Outcome::TimedOut).await,
        }
    }

    /// The run's files; `None` where its time is over before they are there.
    async fn lay_out(&self, manifest: Manifest) -> Result<Option<RunFolder>, WorkerError> {
        let Bench { files, hub, .. } = self.bench.as_ref();
        let work = files.lay_out(&self.attempt, manifest, hub.as_ref());
        let work = tokio::time::timeout(self.time_left(), work);
        match self.attempt.cancel.run_until_cancelled(work).await {
            None => Err(WorkerError::Cancelled),
            Some(Err(_)) => Ok(None),
            Some(Ok(folder)) => folder.map(Some),
        }
    }

    /// Ends the task where this edge cannot go on and no other could.
    async fn give_up(&mut self, error: &WorkerError) -> Result<(), WorkerError> {
        let entry = Entry::Failed { error: ErrorInfo::new(error.code(), error.to_string()) };
        let first_seq = self.durable + 1;
        self.bench.hub.append(&self.attempt, first_seq, &[entry]).await
    }

    async fn steps(&mut self, folder: &RunFolder) -> Result<(), WorkerError> {
        loop {
            match next(&self.journal, &self.config) {
                Action::Done | Action::Suspend => return Ok(()),
                Action::Record(entry) => self.report(entry).await?,
                Action::Ask { call, class } => self.ask(call, class).await?,
                Action::CallModel { must_call } => {
                    let outcome = self.call_model(must_call.as_ref()).await?;
                    self.report_outcome(outcome).await?;
                }
                Action::CallTool { announce, call, idempotency_key } => {
                    self.call_tool(folder, announce, call, idempotency_key).await?;
                }
            }
        }
    }

    fn time_left(&self) -> Duration {
        self.deadline.saturating_sub(self.bench.clock.monotonic())
    }

    async fn report_outcome(&mut self, outcome: Outcome) -> Result<(), WorkerError> {
        let entry = match outcome {
            Outcome::Entry(entry) => entry,
            Outcome::TimedOut => {
                let seconds = self.config.agent.timeout_seconds;
                let message = format!(
                    "the run took longer than {seconds} s: ask something smaller, or raise timeout_seconds"
                );
                Entry::Failed { error: ErrorInfo::new("timeout", message) }
            }
        };
        self.report(entry).await
    }

    /// Makes an entry durable, together with the entries that follow from it
    /// without anything happening in the world. Nothing follows from what
    /// announces a call but the call: to a journal that ends there, it looks
    /// as if its executor had been lost.
    async fn report(&mut self, entry: Entry) -> Result<(), WorkerError> {
        let announces = matches!(entry, Entry::ToolIntent { .. } | Entry::ToolRetry { .. });
        let first = self.journal.len();
        self.push(entry)?;
        if announces {
            self.deliver().await?;
            return self.keep_from(first).await;
        }
        while let Action::Record(entry) = next(&self.journal, &self.config) {
            self.push(entry)?;
        }
        self.keep_from(first).await?;
        self.deliver().await
    }

    /// The entries of the journal after the first `count`.
    fn entries_from(&self, count: u64) -> &[Entry] {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        self.journal.entries().get(count..).unwrap_or_default()
    }

    /// Tells the hub what it does not have yet.
    async fn deliver(&mut self) -> Result<(), WorkerError> {
        let new = self.entries_from(self.durable);
        if new.is_empty() {
            return Ok(());
        }
        self.bench.hub.append(&self.attempt, self.durable + 1, new).await?;
        self.durable = self.journal.len();
        self.attempt.events.superseded(self.durable);
        Ok(())
    }

    /// Keeps the entries after the first `count` for a later process. Where
    /// that fails, this process goes on alone: a later one must then not find
    /// the attempt, or it would believe in a journal that has ended earlier.
    async fn keep_from(&mut self, count: u64) -> Result<(), WorkerError> {
        if !self.spooled {
            return Ok(());
        }
        let spool = &self.bench.spool;
        let kept = spool.keep(&self.attempt.id, count + 1, self.entries_from(count)).await;
        let Err(error) = kept else { return Ok(()) };
        tracing::warn!(%error, "a restart of this edge would lose the run");
        spool.forget(&self.attempt.id).await?;
        self.spooled = false;
        Ok(())
    }

    fn push(&mut self, entry: Entry) -> Result<(), WorkerError> {
        self.journal.push(entry).map_err(|error| WorkerError::Malformed(error.to_string()))
    }

    async fn call_model(
        &mut self,
        must_call: Option<&agentos_domain::ToolName>,
    ) -> Result<Outcome, WorkerError> {
        if self.time_left().is_zero() {
            return Ok(Outcome::TimedOut);
        }
        let tool_choice = match must_call {
            Some(tool) => ToolChoice::Required(tool.clone()),
            None if self.config.tools.is_empty() => ToolChoice::None,
            None => ToolChoice::Auto,
        };
        let request = GenerateRequest {
            messages: conversation(self.journal.entries(), &self.config),
            tools: self.config.tools.clone(),
            tool_choice,
            sampling: self.config.agent.sampling.clone(),
            conversation: Some(self.attempt.id.to_string()),
        };
        let status = self.bench.engine.status();
        let (model, demonstration) = (status.model, status.demonstration);
        let span = spans::model_call(&model);
        self.attempt.events.push(Event::ModelStarted(ModelStarted { model, demonstration }));
        let generation = async {
            let answer = self.generate(request).await;
            answer.as_ref().map(spans::note_answer).ok();
            answer
        };
        let generation = generation.instrument(span);
        let completion = match tokio::time::timeout(self.time_left(), generation).await {
            Ok(completion) => completion?,
            Err(_) => return Ok(Outcome::TimedOut),
        };
        Ok(Outcome::Entry(match completion {
            Ok(completion) => completion.into(),
            Err(error) => Entry::Failed { error: ErrorInfo::new(error.code(), error.to_string()) },
        }))
    }

    /// One answer of the model; the outer error ends the attempt, the inner
    /// one the task.
    async fn generate(
        &self,
        request: GenerateRequest,
    ) -> Result<Result<Completion, EngineError>, WorkerError> {
        // Dropping this future (at the run's deadline) drops the receiver,
        // which stops the engine as well.
        let cancel = self.attempt.cancel.child_token();
        let mut events = loop {
            match self.bench.engine.generate(request.clone(), cancel.clone()).await {
                Ok(events) => break events,
                Err(EngineError::Busy { .. }) => {
                    let pause = tokio::time::sleep(BUSY_PAUSE);
                    if cancel.run_until_cancelled(pause).await.is_none() {
                        return Err(WorkerError::Cancelled);
                    }
                }
                Err(EngineError::Stopped) => return Err(self.engine_stopped()),
                Err(error) => return Ok(Err(error)),
            }
        };
        while let Some(event) = events.recv().await {
            match event {
                Ok(GenerateEvent::Token { text, logprob }) => {
                    self.attempt.events.push(Event::Token(TokenEvent { text, logprob }));
                }
                Ok(GenerateEvent::Done(_)) if cancel.is_cancelled() => break,
                Ok(GenerateEvent::Done(completion)) => return Ok(Ok(completion)),
                Err(EngineError::Stopped) => return Err(self.engine_stopped()),
                Err(error) => return Ok(Err(error)),
            }
        }
        if cancel.is_cancelled() {
            return Err(WorkerError::Cancelled);
        }
        Err(self.engine_stopped())
    }

    /// Without its engine the edge is of no use: it ends, and whoever started
    /// it starts it again.
    fn engine_stopped(&self) -> WorkerError {
        self.bench.fatal.cancel();
        WorkerError::EngineStopped
    }

    /// Asks a person to confirm a call, unless it could not be made at all.
    async fn ask(&mut self, call: ToolCall, class: ToolClass) -> Result<(), WorkerError> {
        let entry = match self.bench.tools.validate(&self.config.agent.tools, &call) {
            Ok(_) => Entry::ApprovalAsked { call, class },
            Err(error) => Entry::ToolRefused { call_id: call.id, error },
        };
        self.report(entry).await
    }

    async fn call_tool(
        &mut self,
        folder: &RunFolder,
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
                    duration_ms: 0, changes: agentos_domain::Changeset::default(),
},
                _ => Entry::ToolRefused { call_id: call.id, error },
            };
            return self.report(entry).await;
        }
        let span = spans::tool_call(&call);
        self.run_tool(folder, announce, call, idempotency_key).instrument(span).await
    }

    async fn run_tool(
        &mut self,
        folder: &RunFolder,
        announce: Entry,
        call: ToolCall,
        idempotency_key: String,
    ) -> Result<(), WorkerError> {
        let once = matches!(announce, Entry::ToolIntent { class: ToolClass::Once, .. });
        self.report(announce).await?;
        let started = ToolStarted { call_id: call.id.clone(), name: call.name.to_string() };
        self.attempt.events.push(Event::ToolStarted(started));
        let context = ToolContext {
            root: Arc::clone(&folder.root),
            idempotency_key,
            cancel: self.attempt.cancel.child_token(),
        };
        let begun = self.bench.clock.monotonic();
        let work = self.bench.tools.call(&call, &context);
        let work = tokio::time::timeout(self.time_left(), work);
        let outcome: ToolOutcome = match self.attempt.cancel.run_until_cancelled(work).await {
            None => return Err(WorkerError::Cancelled),
            Some(Err(_)) => {
                context.cancel.cancel();
                if once {
                    // It may have had its effect: a person has to look.
                    return self.report(Entry::ToolUnknown { call_id: call.id }).await;
                }
                return self.report_outcome(Outcome::TimedOut).await;
            }
            Some(Ok(outcome)) => outcome,
        };
        let duration_ms = millis(self.bench.clock.monotonic().saturating_sub(begun));
        spans::note_result(&outcome, duration_ms);
        self.report(Entry::ToolResult { call_id: call.id, outcome, duration_ms, changes: agentos_domain::Changeset::default() }).await
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
