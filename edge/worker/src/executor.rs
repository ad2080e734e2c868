//! The gRPC service `Executor`: runs that the hub hands over.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use agentos_domain::{AgentConfig, Entry, Fence, Journal, RequestId};
use agentos_proto::v1::executor_server::Executor;
use agentos_proto::v1::{
    AttachRequest, CancelReply, CancelRequest, ExecuteReply, ExecuteRequest, RunEvent,
};
use agentos_run::RunConfig;
use futures::{Stream, StreamExt};
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::{Request, Response, Status};
use tracing::Instrument as _;

use crate::attempts::{Attempt, Attempts};
use crate::error::WorkerError;
use crate::events::EventLog;
use crate::runner::{Assignment, Bench, Runner};
use crate::spans;

pub(crate) struct ExecutorService {
    attempts: Arc<Attempts>,
    /// Filled when the worker starts: it needs the link, the link needs this.
    bench: Arc<OnceCell<Arc<Bench>>>,
    tracker: TaskTracker,
    cancel: CancellationToken,
}

impl ExecutorService {
    pub(crate) fn new(
        attempts: Arc<Attempts>,
        bench: Arc<OnceCell<Arc<Bench>>>,
        tracker: TaskTracker,
        cancel: CancellationToken,
    ) -> Self {
        Self { attempts, bench, tracker, cancel }
    }
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

fn assignment(bench: &Bench, request: &ExecuteRequest) -> Result<Assignment, Status> {
    let agent: AgentConfig = json("agent", &request.agent)?;
    let entries = request
        .journal
        .iter()
        .map(|entry| json::<Entry>("journal", entry))
        .collect::<Result<Vec<_>, _>>()?;
    let journal = Journal::replay(entries)
        .map_err(|error| Status::invalid_argument(format!("journal: {error}")))?;
    let first_tool = match request.first_tool.as_str() {
        "" => None,
        name => Some(parse("first_tool", name)?),
    };
    let tools = bench.tools.specs_for(&agent.tools);
    let config = RunConfig {
        task_id: parse("task_id", &request.task_id)?,
        user_input: request.user_input.clone(),
        agent,
        tools,
        first_tool,
        granted: request
            .granted
            .iter()
            .map(|tool| parse("granted", tool))
            .collect::<Result<_, _>>()?,
    };
    Ok(Assignment {
        config,
        journal,
        manifest: json("manifest", &request.manifest)?,
        timeout: Duration::from_millis(request.timeout_ms),
    })
}

#[tonic::async_trait]
impl Executor for ExecutorService {
    async fn execute(
        &self,
        request: Request<ExecuteRequest>,
    ) -> Result<Response<ExecuteReply>, Status> {
        let request = request.into_inner();
        let bench = self.bench.get().ok_or_else(|| Status::unavailable("the edge is starting"))?;
        let assignment = assignment(bench, &request)?;
        let request_id = match request.request_id.as_str() {
            "" => None,
            id => Some(parse::<RequestId>("request_id", id)?),
        };
        let attempt = Arc::new(Attempt {
            task: assignment.config.task_id.clone(),
            id: parse("attempt_id", &request.attempt_id)?,
            fence: Fence(request.fence),
            events: Arc::new(EventLog::new(assignment.journal.len())),
            cancel: self.cancel.child_token(),
        });
        if !self.attempts.insert(&attempt) {
            return Ok(Response::new(ExecuteReply {}));
        }
        agentos_faults::crash_point("edge.execute.accepted");
        let (bench, attempts) = (Arc::clone(bench), Arc::clone(&self.attempts));
        let span = spans::run(&attempt, &assignment.config, request_id.as_ref());
        let run = async move {
            tracing::info!(steps = assignment.journal.len(), "the run begins");
            // Whatever happens in the run, even a panic, the attempt ends.
            let _held = Held { attempts, attempt: Arc::clone(&attempt) };
            match Runner::run(bench, Arc::clone(&attempt), assignment).await {
                Ok(()) => tracing::info!("the run is over"),
                Err(error @ (WorkerError::Fenced | WorkerError::Cancelled)) => {
                    tracing::info!(%error, "the run stopped");
                }
                Err(error) => tracing::warn!(%error, "the run broke off"),
            }
        };
        self.tracker.spawn(run.instrument(span));
        Ok(Response::new(ExecuteReply {}))
    }

    type AttachStream = Pin<Box<dyn Stream<Item = Result<RunEvent, Status>> + Send>>;

    async fn attach(
        &self,
        request: Request<AttachRequest>,
    ) -> Result<Response<Self::AttachStream>, Status> {
        let request = request.into_inner();
        let attempt = self
            .attempts
            .get(&request.attempt_id)
            .ok_or_else(|| Status::not_found("this edge does not hold the attempt"))?;
        let events = Arc::clone(&attempt.events).read(request.from_seq);
        Ok(Response::new(Box::pin(events.map(Ok))))
    }

    async fn cancel(
        &self,
        request: Request<CancelRequest>,
    ) -> Result<Response<CancelReply>, Status> {
        let request = request.into_inner();
        if let Some(attempt) = self.attempts.get(&request.attempt_id) {
            agentos_faults::crash_point("edge.cancel.received");
            attempt.cancel.cancel();
        }
        Ok(Response::new(CancelReply {}))
    }
}
