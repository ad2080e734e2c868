//! What the system adds to a tool call: its intent and its result, each sent
//! over the link and durable in the hub before the edge goes on.

use std::pin::Pin;
use std::time::Duration;

use agentos_domain::WorkspaceId;
use agentos_engine::Submission;
use agentos_link::{LinkChannel, TransportChoice};
use agentos_proto::v1::executor_server::{Executor, ExecutorServer};
use agentos_proto::v1::runs_client::RunsClient;
use agentos_proto::v1::{
    AppendRequest, AttachRequest, CancelReply, CancelRequest, ExecuteReply, ExecuteRequest,
    RunEvent,
};
use futures::Stream;
use tokio::sync::mpsc;
use tonic::service::Routes;
use tonic::{Request, Response, Status};

use super::disk::Disk;
use super::error::{BenchError, within};
use super::options::Rounds;
use super::stats::Samples;
use super::steps::entry;
use super::system::{Hub, failed_call, no_attempts};

const CALL_LIMIT: Duration = Duration::from_secs(60);
/// The disk and the calls take turns, so that both meet the same disk.
const TURNS: usize = 10;
/// Calls before those that count.
const WARM_UP: usize = 10;

/// Tool calls, in milliseconds.
#[derive(Debug)]
pub(crate) struct ToolCalls {
    /// Of the disk itself, beside them.
    pub(crate) fsync: Samples,
    /// Two appends over QUIC each; nothing happens between them.
    pub(crate) calls: Samples,
}

/// Measures in the database of the hub.
pub(crate) async fn measure(
    hub: &Hub,
    rounds: Rounds,
    disk: &mut Disk,
) -> Result<ToolCalls, BenchError> {
    let (taken, mut runs) = mpsc::channel(1);
    let services = Routes::new(ExecutorServer::new(Taker { taken }));
    let edge = hub.connect(TransportChoice::QuicOnly, services, no_attempts()).await?;
    let submitted = hub.engine.submit(submission()).await;
    submitted.map_err(|error| BenchError::part("engine")(&error))?;
    let run = within(CALL_LIMIT, "the dispatch of a task", runs.recv()).await?;
    let run = run.ok_or_else(|| BenchError::part("engine")(&"it dispatched nothing"))?;

    let mut run = Run { client: RunsClient::new(edge.hub_channel().await?), run, next_seq: 1 };
    for _ in 0..WARM_UP {
        run.tool_call(hub).await?;
    }
    let mut calls = Samples::default();
    for _ in 0..TURNS {
        disk.probe(rounds.fsyncs.div_ceil(TURNS)).await?;
        for _ in 0..rounds.tool_calls.div_ceil(TURNS) {
            calls.push_ms(run.tool_call(hub).await?);
        }
    }
    edge.stop().await?;
    Ok(ToolCalls { fsync: disk.take(), calls })
}

fn submission() -> Submission {
    Submission::new(WorkspaceId::default(), "which notes speak of the harbour?".to_owned())
}

/// A run that the hub handed over.
struct Run {
    client: RunsClient<LinkChannel>,
    run: ExecuteRequest,
    next_seq: u64,
}

impl Run {
    /// Reports a reply of a model, and then measures a tool call.
    async fn tool_call(&mut self, hub: &Hub) -> Result<Duration, BenchError> {
        self.append().await?;
        let start = hub.clock.monotonic();
        self.append().await?;
        self.append().await?;
        Ok(hub.clock.monotonic().saturating_sub(start))
    }

    async fn append(&mut self) -> Result<(), BenchError> {
        let entry = serde_json::to_string(&entry(self.next_seq)?)
            .map_err(|error| BenchError::part("journal")(&error))?;
        let request = AppendRequest {
            task_id: self.run.task_id.clone(),
            attempt_id: self.run.attempt_id.clone(),
            fence: self.run.fence,
            first_seq: self.next_seq,
            entries: vec![entry],
        };
        let reply = within(CALL_LIMIT, "an append over the link", self.client.append(request));
        let reply = reply.await?.map_err(failed_call("append"))?.into_inner();
        if reply.durable_seq != self.next_seq {
            return Err(BenchError::part("append")(&"the hub did not append a step"));
        }
        self.next_seq += 1;
        Ok(())
    }
}

/// An executor that takes a run and leaves it to the benchmark.
struct Taker {
    taken: mpsc::Sender<ExecuteRequest>,
}

#[tonic::async_trait]
impl Executor for Taker {
    async fn execute(
        &self,
        request: Request<ExecuteRequest>,
    ) -> Result<Response<ExecuteReply>, Status> {
        let gone = |_| Status::unavailable("the benchmark is over");
        self.taken.try_send(request.into_inner()).map_err(gone)?;
        Ok(Response::new(ExecuteReply {}))
    }

    type AttachStream = Pin<Box<dyn Stream<Item = Result<RunEvent, Status>> + Send>>;

    /// Without events, and without an end while the link lasts.
    async fn attach(
        &self,
        _: Request<AttachRequest>,
    ) -> Result<Response<Self::AttachStream>, Status> {
        Ok(Response::new(Box::pin(futures::stream::pending())))
    }

    async fn cancel(&self, _: Request<CancelRequest>) -> Result<Response<CancelReply>, Status> {
        Ok(Response::new(CancelReply {}))
    }
}
