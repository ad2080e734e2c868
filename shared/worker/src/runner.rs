//! Drives one run: asks the state machine what is next, does it, reports it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use agentos_domain::{BlobHash, Classified as _, Clock, Entry, ErrorInfo, Journal, Manifest};
use agentos_generation::Engine;
use agentos_run::{Action, RunConfig, next};
use agentos_tools::Registry;
use agentos_validate::quality::Checker;
use tokio_util::sync::CancellationToken;

use crate::attempts::Attempt;
use crate::error::WorkerError;
use crate::files::{Pinned, RunFiles, RunFolder};
use crate::hub::Hub;
use crate::spool::Spool;

/// What a run needs from this edge.
pub(crate) struct Bench {
    /// The model on this machine, for the local tiers.
    pub(crate) engine: Option<Arc<dyn Engine>>,
    pub(crate) tools: Arc<Registry>,
    /// What says whether code is well made, where that is installed.
    pub(crate) checker: Option<Arc<dyn Checker>>,
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
        if let Some(engine) = &runner.bench.engine {
            engine.end_conversation(&runner.attempt.id.to_string()).await;
        }
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
                Action::Ask { call, class, reasons } => self.ask(call, class, reasons).await?,
                Action::CallModel { must_call } => {
                    let outcome = self.call_model(must_call.as_ref()).await?;
                    self.report_outcome(outcome).await?;
                }
                Action::CheckAnswer { answer } => self.check_answer(answer).await?,
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
}
