//! An edge without a model: every run that it gets asks a person at once.

use std::collections::HashMap;
use std::path::Path;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use agentos_domain::{Entry, FinishReason, ToolCall, ToolClass, Usage};
use agentos_link::{EdgeLink, EdgeLinkConfig, EdgeLinkHandle, JoinToken, LinkChannel};
use agentos_proto::v1::executor_server::{Executor, ExecutorServer};
use agentos_proto::v1::runs_client::RunsClient;
use agentos_proto::v1::{
    AppendRequest, AttachRequest, CancelReply, CancelRequest, ExecuteReply, ExecuteRequest,
    RunEvent,
};
use anyhow::{Context as _, Result, anyhow};
use futures::{Stream, StreamExt as _};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic::{Request, Response, Status};

use super::filler::clock;

const START_LIMIT: Duration = Duration::from_secs(15);
const STOP_LIMIT: Duration = Duration::from_secs(15);
/// More than a hub gives to one edge at once.
const ROOM: usize = 256;

/// The edge, connected.
pub(super) struct Asker {
    asked: Arc<AtomicUsize>,
    parts: JoinSet<()>,
    cancel: CancellationToken,
}

impl Asker {
    /// Joins a hub and connects.
    pub(super) async fn start(hub: &str, token: &str, folder: &Path) -> Result<Self> {
        let token: JoinToken = token.parse().map_err(|error| anyhow!("{error}"))?;
        agentos_link::join(hub, &token, "asker", folder).await?;
        let (taken, runs) = mpsc::channel(ROOM);
        let ends = Ends::default();
        let services = Routes::new(ExecutorServer::new(Taker { taken, ends: ends.clone() }));
        let config = EdgeLinkConfig::new(hub, folder.to_owned(), env!("CARGO_PKG_VERSION"));
        let link = EdgeLink::new(config, services, Arc::new(Vec::new), clock())?;
        let handle = link.handle();
        let (mut parts, cancel) = (JoinSet::new(), CancellationToken::new());
        let (stop, asked) = (cancel.clone(), Arc::new(AtomicUsize::new(0)));
        parts.spawn(async move { link.run(stop).await });
        handle.connected(START_LIMIT).await?;
        parts.spawn(ask_all(handle, runs, ends, Arc::clone(&asked), cancel.clone()));
        Ok(Self { asked, parts, cancel })
    }

    /// How many runs have asked.
    pub(super) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    pub(super) async fn stop(mut self) -> Result<()> {
        self.cancel.cancel();
        let ended = async { while self.parts.join_next().await.is_some() {} };
        tokio::time::timeout(STOP_LIMIT, ended).await.context("the asking edge does not stop")
    }
}

/// Attempts that are at work, each with what is cancelled at its end.
#[derive(Clone, Default)]
struct Ends(Arc<Mutex<HashMap<String, CancellationToken>>>);

impl Ends {
    fn begin(&self, attempt: &str) {
        let mut ends = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ends.insert(attempt.to_owned(), CancellationToken::new());
    }

    fn of(&self, attempt: &str) -> Option<CancellationToken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(attempt).cloned()
    }

    fn end(&self, attempt: &str) {
        let end = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(attempt);
        if let Some(end) = end {
            end.cancel();
        }
    }
}

async fn ask_all(
    handle: EdgeLinkHandle,
    mut runs: mpsc::Receiver<ExecuteRequest>,
    ends: Ends,
    asked: Arc<AtomicUsize>,
    cancel: CancellationToken,
) {
    let mut asking = JoinSet::new();
    while let Some(Some(run)) = cancel.run_until_cancelled(runs.recv()).await {
        let (handle, ends, asked) = (handle.clone(), ends.clone(), Arc::clone(&asked));
        asking.spawn(async move {
            let result = async { ask(handle.connected(START_LIMIT).await?, &run).await };
            match result.await {
                Ok(()) => {
                    asked.fetch_add(1, Ordering::SeqCst);
                }
                Err(error) => tracing::warn!(%error, "a run could not ask"),
            }
            ends.end(&run.attempt_id);
        });
        while asking.try_join_next().is_some() {}
    }
}

async fn ask(hub: LinkChannel, run: &ExecuteRequest) -> Result<()> {
    let call = ToolCall {
        id: "call_1".to_owned(),
        name: "file_list".parse()?,
        arguments: serde_json::json!({ "path": "notes" }),
    };
    let reply = Entry::ModelReply {
        model: "bench".to_owned(),
        text: "I would like to see which notes there are.".to_owned(),
        tool_calls: vec![call.clone()],
        finish: FinishReason::ToolCalls,
        usage: Usage { input_tokens: 812, cached_tokens: 640, output_tokens: 31 },
        confidence: None,
        duration_ms: 412,
    };
    let asked = Entry::ApprovalAsked { call, class: ToolClass::Once, reasons: vec![] };
    let request = AppendRequest {
        task_id: run.task_id.clone(),
        attempt_id: run.attempt_id.clone(),
        fence: run.fence,
        first_seq: 1,
        entries: vec![serde_json::to_string(&reply)?, serde_json::to_string(&asked)?],
    };
    RunsClient::new(hub).append(request).await?;
    Ok(())
}

struct Taker {
    taken: mpsc::Sender<ExecuteRequest>,
    ends: Ends,
}

#[tonic::async_trait]
impl Executor for Taker {
    async fn execute(
        &self,
        request: Request<ExecuteRequest>,
    ) -> Result<Response<ExecuteReply>, Status> {
        let run = request.into_inner();
        self.ends.begin(&run.attempt_id);
        let full = |_| Status::resource_exhausted("too many runs at once");
        self.taken.try_send(run).map_err(full)?;
        Ok(Response::new(ExecuteReply {}))
    }

    type AttachStream = Pin<Box<dyn Stream<Item = Result<RunEvent, Status>> + Send>>;

    /// Without events; ends with the run.
    async fn attach(
        &self,
        request: Request<AttachRequest>,
    ) -> Result<Response<Self::AttachStream>, Status> {
        let attempt = request.into_inner().attempt_id;
        let end = self.ends.of(&attempt).ok_or_else(|| Status::not_found("it has ended"))?;
        let events = futures::stream::once(end.cancelled_owned());
        Ok(Response::new(Box::pin(events.filter_map(|()| std::future::ready(None)))))
    }

    async fn cancel(&self, _: Request<CancelRequest>) -> Result<Response<CancelReply>, Status> {
        Ok(Response::new(CancelReply {}))
    }
}
