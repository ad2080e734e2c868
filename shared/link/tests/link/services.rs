//! Services for the tests: one of the edge, one of the hub.

use std::pin::Pin;

use agentos_link::Peer;
use agentos_proto::v1::executor_server::{Executor, ExecutorServer};
use agentos_proto::v1::run_event::Event;
use agentos_proto::v1::runs_server::{Runs, RunsServer};
use agentos_proto::v1::{
    AppendReply, AppendRequest, AttachRequest, BlobChunk, CancelReply, CancelRequest, ExecuteReply,
    ExecuteRequest, FetchBlobRequest, HeartbeatReply, HeartbeatRequest, PutBlobReply,
    PutBlobRequest, ReleaseReply, ReleaseRequest, RunEvent, TokenEvent,
};
use tokio_stream::Stream;
use tonic::service::Routes;
use tonic::{Request, Response, Status, Streaming};

type Events<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

pub(crate) const MESSAGES: u64 = 1000;
/// An attempt whose events never end.
pub(crate) const ENDLESS: &str = "endless";

pub(crate) struct EdgeService;

fn event(seq: u64) -> Result<RunEvent, Status> {
    let token = TokenEvent { text: format!("token {seq}"), ..Default::default() };
    Ok(RunEvent { seq, event: Some(Event::Token(token)), ..Default::default() })
}

#[tonic::async_trait]
impl Executor for EdgeService {
    type AttachStream = Events<RunEvent>;

    async fn execute(&self, _: Request<ExecuteRequest>) -> Result<Response<ExecuteReply>, Status> {
        Ok(Response::new(ExecuteReply::default()))
    }

    async fn attach(
        &self,
        request: Request<AttachRequest>,
    ) -> Result<Response<Events<RunEvent>>, Status> {
        let request = request.into_inner();
        let numbered = tokio_stream::iter((request.from_seq..=MESSAGES).map(event));
        if request.attempt_id == ENDLESS {
            let endless = tokio_stream::StreamExt::chain(numbered, tokio_stream::pending());
            return Ok(Response::new(Box::pin(endless)));
        }
        Ok(Response::new(Box::pin(numbered)))
    }

    async fn cancel(&self, _: Request<CancelRequest>) -> Result<Response<CancelReply>, Status> {
        Ok(Response::new(CancelReply::default()))
    }
}

pub(crate) struct HubService;

#[tonic::async_trait]
impl Runs for HubService {
    async fn release(&self, _: Request<ReleaseRequest>) -> Result<Response<ReleaseReply>, Status> {
        Err(Status::unimplemented("not part of these tests"))
    }

    type FetchBlobStream = Events<BlobChunk>;

    /// Answers with the session of the caller.
    async fn append(
        &self,
        request: Request<AppendRequest>,
    ) -> Result<Response<AppendReply>, Status> {
        let peer = request.extensions().get::<Peer>().ok_or_else(|| Status::internal("no peer"))?;
        if peer.edge.to_string() != request.get_ref().attempt_id {
            return Err(Status::internal("another peer"));
        }
        Ok(Response::new(AppendReply { durable_seq: peer.epoch.0, obstacle: None }))
    }

    async fn heartbeat(
        &self,
        _: Request<HeartbeatRequest>,
    ) -> Result<Response<HeartbeatReply>, Status> {
        Ok(Response::new(HeartbeatReply::default()))
    }

    /// Takes what comes, if it is as much as was announced.
    async fn put_blob(
        &self,
        request: Request<Streaming<PutBlobRequest>>,
    ) -> Result<Response<PutBlobReply>, Status> {
        let mut parts = request.into_inner();
        let (mut announced, mut came) = (0, 0);
        while let Some(part) = parts.message().await? {
            announced += part.header.map_or(0, |header| header.size);
            came += part.data.len() as u64;
        }
        if came != announced {
            return Err(Status::invalid_argument("another size"));
        }
        Ok(Response::new(PutBlobReply {}))
    }

    async fn fetch_blob(
        &self,
        _: Request<FetchBlobRequest>,
    ) -> Result<Response<Events<BlobChunk>>, Status> {
        let chunk = |_| Ok(BlobChunk { data: vec![7; 256 << 10] });
        Ok(Response::new(Box::pin(tokio_stream::iter((0..40).map(chunk)))))
    }
}

pub(crate) fn edge_routes() -> Routes {
    Routes::new(ExecutorServer::new(EdgeService))
}

pub(crate) fn hub_routes() -> Routes {
    Routes::new(RunsServer::new(HubService))
}
