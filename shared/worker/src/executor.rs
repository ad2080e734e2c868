//! The gRPC service `Executor`: runs that the hub hands over.

use std::pin::Pin;
use std::sync::Arc;

use agentos_proto::v1::executor_server::Executor;
use agentos_proto::v1::{
    AttachRequest, CancelReply, CancelRequest, ExecuteReply, ExecuteRequest, RunEvent,
};
use futures::{Stream, StreamExt};
use tonic::{Request, Response, Status};

use crate::runs::Runs;

pub(crate) struct ExecutorService {
    runs: Arc<Runs>,
}

impl ExecutorService {
    pub(crate) fn new(runs: Arc<Runs>) -> Self {
        Self { runs }
    }
}

#[tonic::async_trait]
impl Executor for ExecutorService {
    async fn execute(
        &self,
        request: Request<ExecuteRequest>,
    ) -> Result<Response<ExecuteReply>, Status> {
        self.runs.begin(request.into_inner()).await?;
        Ok(Response::new(ExecuteReply {}))
    }

    type AttachStream = Pin<Box<dyn Stream<Item = Result<RunEvent, Status>> + Send>>;

    async fn attach(
        &self,
        request: Request<AttachRequest>,
    ) -> Result<Response<Self::AttachStream>, Status> {
        let request = request.into_inner();
        let attempt = self
            .runs
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
        agentos_faults::crash_point("edge.cancel.received");
        self.runs.attempts.cancel(&request.attempt_id);
        Ok(Response::new(CancelReply {}))
    }
}
