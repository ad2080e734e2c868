//! Drives one run: asks the state machine what is next, does it, reports it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use agentos_domain::{BlobHash, Classified as _};
use agentos_domain::{Clock, Entry, ErrorInfo, Journal, Manifest};
use agentos_inference::{
    Completion, Engine, EngineError, GenerateEvent, GenerateRequest, ToolChoice,
};
use agentos_proto::v1::run_event::Event;
use agentos_proto::v1::{ModelStarted, TokenEvent};
use agentos_run::{Action, RunConfig, conversation, next};
use agentos_tools::Registry;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::attempts::Attempt;
use crate::error::WorkerError;
use crate::files::{Pinned, RunFiles, RunFolder};
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
    /// Cancelled where this edge stops: no run begins another step.
    pub(crate) draining: CancellationToken,
}

/// A run as it was handed over.
pub(crate) struct Assignment {
    pub(crate) config: RunConfig,
    pub(crate) journal: Journal,
    /// How many entries of the journal the hub has for certain.
    pub(crate) durable: u64,
    /// The files as of the last of these.
    pub(crate) manifest: Manifest,
    /// What the entries after these wrote.
    pub(crate) pinned: Vec<Pinned>,
    /// How long the attempt may be worked on.
    pub(crate) limit: Duration,
    /// How long earlier processes worked on it.
    pub(crate) worked: Duration,
    /// Whether the attempt is in the spool.
    pub(crate) spooled: bool,
}

/// What an action came to.
pub(crate) enum Outcome {
    /// An entry for the journal.
    Entry(Entry),
    /// The run's time is over.
    TimedOut,
}

pub(crate) struct Runner {
    pub(crate) bench: Arc<Bench>,
    pub(crate) attempt: Arc<Attempt>,
    pub(crate) config: RunConfig,
    pub(crate) journal: Journal,
    /// Entries that the hub has.
    pub(crate) durable: u64,
    /// The run's files as of these entries.
    pub(crate) manifest: Arc<Manifest>,
    /// The files where calls find them, laid out where they are.
    pub(crate) folder: Option<RunFolder>,
    /// Contents that the next report needs and the hub does not have.
    pub(crate) to_upload: BTreeMap<BlobHash, u64>,
    /// Contents that the hub may not have.
    pub(crate) pinned: Vec<Pinned>,
    /// Whether a restart of this edge would find the attempt.
    pub(crate) spooled: bool,
    /// How long the attempt may be worked on.
    limit: Duration,
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
        let limit = assignment.limit;
        let deadline = bench.clock.monotonic() + limit.saturating_sub(assignment.worked);
        let Assignment { config, journal, durable, manifest, pinned, spooled, .. } = assignment;
        let (manifest, folder, to_upload) = (Arc::new(manifest), None, BTreeMap::new());
        let mut runner = Self {
            bench,
            attempt,
            config,
            journal,
            durable,
            manifest,
            folder,
            to_upload,
            pinned,
            spooled,
            limit,
            deadline,
        };
        let result = runner.run_to_end().await;
        let result = match result {
            // With something that the hub has not been told, the task is not
            // ended: whoever takes it over finds out what became of it.
            Err(error @ (WorkerError::Files(_) | WorkerError::Malformed(_)))
                if runner.durable == runner.journal.len() =>
            {
                runner.give_up(&error).await
            }
            other => other,
        };
        agentos_faults::crash_point("edge.run.over");
        runner.bench.engine.end_conversation(&runner.attempt.id.to_string()).await;
        result
    }

    async fn run_to_end(&mut self) -> Result<(), WorkerError> {
        self.deliver().await?;
        if matches!(next(&self.journal, &self.config), Action::Done | Action::Suspend) {
            return Ok(());
        }
        self.folder = self.lay_out().await?;
        match self.folder {
            Some(_) => {
                agentos_faults::crash_point("edge.files.laid_out");
                self.steps().await
            }
            None => self.report_outcome(Outcome::TimedOut).await,
        }
    }

    /// The run's files; `None` where its time is over before they are there.
    pub(crate) async fn lay_out(&self) -> Result<Option<RunFolder>, WorkerError> {
        let Bench { files, hub, .. } = self.bench.as_ref();
        let work = files.lay_out(&self.attempt, &self.manifest, hub.as_ref());
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
        self.bench.hub.append(&self.attempt, first_seq, &[entry]).await.map(drop)
    }

    async fn steps(&mut self) -> Result<(), WorkerError> {
        loop {
            let action = next(&self.journal, &self.config);
            let over = matches!(action, Action::Done | Action::Suspend);
            if !over && self.bench.draining.is_cancelled() {
                return Err(WorkerError::HandedOver);
            }
            match action {
                Action::Done | Action::Suspend => return Ok(()),
                Action::Record(entry) => self.report(entry).await?,
                Action::Ask { call, class } => self.ask(call, class).await?,
                Action::CallModel { must_call } => {
                    let outcome = self.call_model(must_call.as_ref()).await?;
                    self.report_outcome(outcome).await?;
                }
                Action::CallTool { announce, call, idempotency_key } => {
                    self.call_tool(announce, call, idempotency_key).await?;
                }
            }
        }
    }

    pub(crate) fn time_left(&self) -> Duration {
        self.deadline.saturating_sub(self.bench.clock.monotonic())
    }

    /// How long the attempt has been worked on, by earlier processes too.
    pub(crate) fn worked(&self) -> Duration {
        self.limit.saturating_sub(self.time_left())
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
            output_schema: None,
            conversation: Some(self.attempt.id.to_string()),
        };
        let status = self.bench.engine.status();
        let (model, demonstration) = (status.model, status.demonstration);
        let span = spans::model_call(&model);
        self.attempt.events.push(Event::ModelStarted(ModelStarted { model, demonstration }));
        agentos_faults::crash_point("edge.model.before");
        let generation = async {
            let answer = self.generate(request).await;
            agentos_faults::crash_point("edge.model.replied");
            answer.as_ref().map(spans::note_answer).ok();
            answer
        };
        let generation = generation.instrument(span);
        let step = Duration::from_secs(self.config.agent.step_timeout_seconds);
        let completion = match tokio::time::timeout(self.time_left().min(step), generation).await {
            Ok(completion) => completion?,
            Err(_) if self.time_left().is_zero() => return Ok(Outcome::TimedOut),
            Err(_) => return Ok(Outcome::Entry(step_timed_out(step))),
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
}

fn step_timed_out(limit: Duration) -> Entry {
    let message = format!(
        "a model call took longer than {} s: ask something smaller, or raise step_timeout_seconds",
        limit.as_secs()
    );
    Entry::Failed { error: ErrorInfo::new("step_timeout", message) }
}
