//! The runs of this edge: how one begins, is taken up after a restart, and ends.

use std::sync::Arc;
use std::time::Duration;

use agentos_domain::{AgentConfig, Clock, Entry, Fence, Journal, Privacy, RequestId, ToolSpec};
use agentos_proto::v1::ExecuteRequest;
use agentos_run::RunConfig;
use agentos_tools::Registry;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::Status;
use tracing::Instrument as _;

use crate::attempts::{Attempt, Attempts};
use crate::error::WorkerError;
use crate::events::EventLog;
use crate::runner::{Assignment, Bench, Runner};
use crate::spans;
use crate::spool::{Kept, Spool};

/// Each process of an edge numbers an attempt's events from a multiple of this:
/// more than any process makes.
const EVENTS_PER_PROCESS: u64 = 1 << 32;

/// The runs of one edge's process.
pub(crate) struct Runs {
    pub(crate) attempts: Arc<Attempts>,
    pub(crate) tools: Arc<Registry>,
    pub(crate) spool: Spool,
    pub(crate) clock: Arc<dyn Clock>,
    /// Filled when the worker starts: it needs the link, the link needs this.
    pub(crate) bench: OnceCell<Arc<Bench>>,
    pub(crate) tracker: TaskTracker,
    /// The edge stops: runs are given back after the step that they are in.
    pub(crate) draining: CancellationToken,
    /// Their time to do so is over: they end, and the next process of this edge
    /// takes them up.
    pub(crate) stop: CancellationToken,
    /// The worker is gone: runs end wherever they are.
    pub(crate) gone: CancellationToken,
}

/// A run that can begin.
struct Ready {
    attempt: Arc<Attempt>,
    assignment: Assignment,
    request_id: Option<RequestId>,
}

/// An attempt while it runs.
struct Held {
    attempts: Arc<Attempts>,
    attempt: Arc<Attempt>,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.attempts.remove(&self.attempt.id);
        self.attempt.events.end();
    }
}

fn parse<T: std::str::FromStr>(field: &str, text: &str) -> Result<T, Status>
where
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error| Status::invalid_argument(format!("{field}: {error}")))
}

fn json<T: serde::de::DeserializeOwned>(field: &str, text: &str) -> Result<T, Status> {
    serde_json::from_str(text).map_err(|error| {
        let error = WorkerError::Malformed(format!("{field}: {error}"));
        Status::invalid_argument(error.to_string())
    })
}

impl Runs {
    /// Begins a run that the hub hands over; one that is here already goes on.
    pub(crate) async fn begin(&self, request: ExecuteRequest) -> Result<(), Status> {
        let bench = self.bench.get().ok_or_else(|| Status::unavailable("the edge is starting"))?;
        if self.draining.is_cancelled() {
            return Err(Status::aborted("the edge stops"));
        }
        let mut ready = self.ready(&request, Vec::new(), 0)?;
        if !self.attempts.insert(&ready.attempt) {
            return Ok(());
        }
        let held = self.hold(&ready.attempt);
        ready.assignment.spooled = match self.spool.accept(&request).await {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(%error, "a restart of this edge would lose the run");
                false
            }
        };
        agentos_faults::crash_point("edge.execute.accepted");
        self.spawn(Arc::clone(bench), ready, held);
        Ok(())
    }

    /// Reads the runs that an earlier process left: from now on this edge holds
    /// them. Each goes on once it is spawned.
    pub(crate) fn recover(&self) -> Result<Vec<Recovered>, WorkerError> {
        let mut recovered = Vec::new();
        for kept in self.spool.load()? {
            let Kept { request, entries, worked, recoveries } = kept;
            let last = recoveries.saturating_mul(EVENTS_PER_PROCESS);
            match self.ready(&request, entries, last) {
                Ok(mut ready) if self.attempts.insert(&ready.attempt) => {
                    ready.assignment.spooled = true;
                    ready.assignment.worked = worked;
                    let held = self.hold(&ready.attempt);
                    recovered.push(Recovered { ready, held });
                }
                Ok(_) => {}
                Err(status) => {
                    let message = status.message();
                    let attempt = &request.attempt_id;
                    tracing::warn!(attempt, message, "a kept run cannot go on here");
                    self.spool.leave(attempt)?;
                }
            }
        }
        Ok(recovered)
    }

    /// Has the runs of an earlier process go on.
    pub(crate) fn resume(&self, bench: &Arc<Bench>, mut recovered: Vec<Recovered>) {
        // Of all, before any begins and makes room for its own files.
        for Recovered { ready, .. } in &mut recovered {
            let Assignment { journal, durable, pinned, .. } = &mut ready.assignment;
            let durable = usize::try_from(*durable).unwrap_or(usize::MAX);
            for entry in journal.entries().iter().skip(durable) {
                if let Entry::ToolResult { changes, .. } = entry {
                    pinned.push(bench.files.pin(changes));
                }
            }
        }
        for Recovered { ready, held } in recovered {
            tracing::info!(task = %ready.attempt.task, "a run of before the restart goes on");
            agentos_faults::crash_point("edge.run.recovered");
            self.spawn(Arc::clone(bench), ready, held);
        }
    }

    fn hold(&self, attempt: &Arc<Attempt>) -> Held {
        Held { attempts: Arc::clone(&self.attempts), attempt: Arc::clone(attempt) }
    }

    /// What a request asks for. `kept` is what an earlier process added to its
    /// journal, `last_event` the number after which events are numbered.
    fn ready(
        &self,
        request: &ExecuteRequest,
        kept: Vec<Entry>,
        last_event: u64,
    ) -> Result<Ready, Status> {
        let entries = request.journal.iter().map(|entry| json::<Entry>("journal", entry));
        let entries = entries.collect::<Result<Vec<_>, _>>()?;
        let durable = entries.len() as u64;
        let journal = Journal::replay(entries.into_iter().chain(kept))
            .map_err(|error| Status::invalid_argument(format!("journal: {error}")))?;
        let attempt = Attempt {
            task: parse("task_id", &request.task_id)?,
            id: parse("attempt_id", &request.attempt_id)?,
            fence: Fence(request.fence),
            events: Arc::new(EventLog::new(durable, last_event)),
            cancel: self.stop.child_token(),
        };
        let request_id = match request.request_id.as_str() {
            "" => None,
            id => Some(parse::<RequestId>("request_id", id)?),
        };
        let assignment = Assignment {
            config: run_config(request, &self.tools)?,
            journal,
            durable,
            manifest: json("manifest", &request.manifest)?,
            pinned: Vec::new(),
            limit: Duration::from_millis(request.timeout_ms),
            worked: Duration::ZERO,
            spooled: false,
        };
        Ok(Ready { attempt: Arc::new(attempt), assignment, request_id })
    }

    fn spawn(&self, bench: Arc<Bench>, ready: Ready, held: Held) {
        let Ready { attempt, assignment, request_id } = ready;
        let span = spans::run(&attempt, &assignment.config, request_id.as_ref());
        let (spool, stop, gone) = (self.spool.clone(), self.stop.clone(), self.gone.clone());
        let run = async move {
            // Whatever happens in the run, even a panic, the attempt ends.
            let _held = held;
            tracing::info!(steps = assignment.journal.len(), "the run begins");
            let result = Runner::run(Arc::clone(&bench), Arc::clone(&attempt), assignment).await;
            report(&result);
            let mut goes_on =
                stop.is_cancelled() || matches!(result, Err(WorkerError::EngineStopped));
            if matches!(result, Err(WorkerError::HandedOver))
                && let Err(error) = bench.hub.release(&attempt).await
            {
                tracing::warn!(%error, "could not give a run back; the next process has it");
                goes_on = true;
            }
            if !goes_on && let Err(error) = spool.forget(&attempt.id).await {
                tracing::warn!(%error, "an ended run stays in the spool");
            }
        };
        let run = async move {
            // Boxed: the future of a whole run is large.
            gone.run_until_cancelled_owned(Box::pin(run)).await;
        };
        self.tracker.spawn(run.instrument(span));
    }
}

/// A run of an earlier process that this edge holds and that has not gone on.
pub(crate) struct Recovered {
    ready: Ready,
    held: Held,
}

fn report(result: &Result<(), WorkerError>) {
    match result {
        Ok(()) => tracing::info!("the run is over"),
        Err(error @ (WorkerError::Fenced | WorkerError::Cancelled | WorkerError::HandedOver)) => {
            tracing::info!(%error, "the run stopped");
        }
        Err(error) => tracing::warn!(%error, "the run broke off"),
    }
}

/// What a run is about. A task that stays in the home network has no tools that
/// use the network: neither is its model told of them, nor are they called.
fn run_config(request: &ExecuteRequest, tools: &Registry) -> Result<RunConfig, Status> {
    let mut agent: AgentConfig = json("agent", &request.agent)?;
    let first_tool = match request.first_tool.as_str() {
        "" => None,
        name => Some(parse("first_tool", name)?),
    };
    let missing = tools.missing(&agent.tools);
    if !missing.is_empty() {
        let missing: Vec<_> = missing.iter().map(|tool| tool.as_str()).collect();
        let (agent, missing) = (agent.name.as_str(), missing.join(", "));
        tracing::warn!(agent, missing, "the agent works without tools that are not installed here");
    }
    if agent.privacy == Some(Privacy::LocalOnly) {
        agent.tools.retain(|name| !tools.spec(name).is_some_and(uses_network));
    }
    let first_tool = first_tool.filter(|name| agent.tools.contains(name));
    let granted = request.granted.iter().map(|tool| parse("granted", tool));
    Ok(RunConfig {
        task_id: parse("task_id", &request.task_id)?,
        user_input: request.user_input.clone(),
        tools: tools.specs_for(&agent.tools),
        agent,
        first_tool,
        granted: granted.collect::<Result<_, _>>()?,
    })
}

fn uses_network(spec: &ToolSpec) -> bool {
    spec.permissions.iter().any(|needed| needed.starts_with("network."))
}
