//! What the edge asks of its hub, through whatever link there is at the time.

use std::sync::Arc;
use std::time::Duration;

use agentos_domain::{BlobHash, Entry};
use agentos_link::{EdgeLinkHandle, LinkChannel};
use agentos_proto::v1::runs_client::RunsClient;
use agentos_proto::v1::{
    AppendRequest, BlobChunk, EdgeLoad, FetchBlobRequest, HeartbeatRequest, HeldAttempt,
};
use async_trait::async_trait;
use futures::StreamExt;
use tokio::io::AsyncRead;
use tokio_util::io::StreamReader;
use tonic::Code;

use crate::attempts::Attempt;
use crate::error::WorkerError;

/// How long one try of a call to the hub may take.
const CALL_DEADLINE: Duration = Duration::from_secs(10);
/// Between two tries while the hub cannot take a report.
const RETRY_PAUSE: Duration = Duration::from_millis(200);
/// How long to wait for a link before looking again whether the run still goes on.
const LINK_WAIT: Duration = Duration::from_secs(5);

/// Content of a file on its way.
pub(crate) type Content = Box<dyn AsyncRead + Send + Unpin>;

/// The hub, as runs need it.
#[async_trait]
pub(crate) trait Hub: Send + Sync + 'static {
    /// Makes entries durable. Tries until the hub has answered: a report is
    /// never dropped while its run is alive.
    async fn append(
        &self,
        attempt: &Attempt,
        first_seq: u64,
        entries: &[Entry],
    ) -> Result<(), WorkerError>;

    /// The content of a file of a run's snapshot. Waits for a link where there
    /// is none: the run's own deadline bounds it.
    async fn fetch(&self, attempt: &Attempt, hash: &BlobHash) -> Result<Content, WorkerError>;
}

/// The hub at the other end of the link.
pub(crate) struct LinkedHub {
    link: EdgeLinkHandle,
}

impl LinkedHub {
    pub(crate) fn new(link: EdgeLinkHandle) -> Arc<Self> {
        Arc::new(Self { link })
    }

    async fn client(&self) -> Option<RunsClient<LinkChannel>> {
        self.link.connected(LINK_WAIT).await.ok().map(RunsClient::new)
    }

    /// Keeps leases alive; returns the attempts that are lost, or `None` where
    /// the hub could not be asked.
    pub(crate) async fn heartbeat(
        &self,
        attempts: Vec<HeldAttempt>,
        load: EdgeLoad,
    ) -> Option<Vec<String>> {
        let mut client = RunsClient::new(self.link.channel()?);
        let request = HeartbeatRequest { attempts, load: Some(load) };
        let reply = tokio::time::timeout(CALL_DEADLINE, client.heartbeat(request)).await.ok()?;
        agentos_faults::crash_point("edge.heartbeat.answered");
        match reply {
            Ok(reply) => Some(reply.into_inner().lost_attempts),
            Err(status) => {
                tracing::debug!(message = status.message(), "heartbeat failed");
                None
            }
        }
    }

    async fn try_append(&self, request: AppendRequest) -> Result<(), tonic::Status> {
        let Some(mut client) = self.client().await else {
            return Err(tonic::Status::unavailable("no link to the hub"));
        };
        agentos_faults::crash_point("edge.append.sending");
        let call = client.append(request);
        match tokio::time::timeout(CALL_DEADLINE, call).await {
            Ok(reply) => reply.map(|_| agentos_faults::crash_point("edge.append.answered")),
            Err(_) => Err(tonic::Status::unavailable("the hub did not answer in time")),
        }
    }

    async fn try_fetch(
        &self,
        request: FetchBlobRequest,
    ) -> Result<tonic::Streaming<BlobChunk>, tonic::Status> {
        let Some(mut client) = self.client().await else {
            return Err(tonic::Status::unavailable("no link to the hub"));
        };
        match tokio::time::timeout(CALL_DEADLINE, client.fetch_blob(request)).await {
            Ok(reply) => reply.map(tonic::Response::into_inner),
            Err(_) => Err(tonic::Status::unavailable("the hub did not answer in time")),
        }
    }
}

#[async_trait]
impl Hub for LinkedHub {
    async fn append(
        &self,
        attempt: &Attempt,
        first_seq: u64,
        entries: &[Entry],
    ) -> Result<(), WorkerError> {
        let entries = entries
            .iter()
            .map(serde_json::to_string)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| WorkerError::Malformed(error.to_string()))?;
        let request = AppendRequest {
            task_id: attempt.task.to_string(),
            attempt_id: attempt.id.to_string(),
            fence: attempt.fence.0,
            first_seq,
            entries,
        };
        let tries = async {
            loop {
                let status = match self.try_append(request.clone()).await {
                    Ok(()) => return Ok(()),
                    Err(status) => status,
                };
                match status.code() {
                    Code::FailedPrecondition if status.message().starts_with("fenced") => {
                        return Err(WorkerError::Fenced);
                    }
                    Code::FailedPrecondition
                    | Code::InvalidArgument
                    | Code::OutOfRange
                    | Code::Unimplemented => {
                        return Err(WorkerError::Refused(status.message().to_owned()));
                    }
                    // Anything else can pass: a result is not thrown away.
                    _ => {
                        tracing::debug!(task = %attempt.task, message = status.message(),
                            "the hub has not taken a report yet");
                        tokio::time::sleep(RETRY_PAUSE).await;
                    }
                }
            }
        };
        attempt.cancel.run_until_cancelled(tries).await.unwrap_or(Err(WorkerError::Cancelled))
    }

    async fn fetch(&self, attempt: &Attempt, hash: &BlobHash) -> Result<Content, WorkerError> {
        let request =
            FetchBlobRequest { task_id: attempt.task.to_string(), hash: hash.to_string() };
        let chunks = loop {
            match self.try_fetch(request.clone()).await {
                Ok(chunks) => break chunks,
                Err(status) if status.code() == Code::NotFound => {
                    let message = format!("blob {hash}: {}", status.message());
                    return Err(WorkerError::Files(message));
                }
                Err(status) => {
                    tracing::debug!(task = %attempt.task, message = status.message(),
                        "the hub has not sent a file yet");
                    tokio::time::sleep(RETRY_PAUSE).await;
                }
            }
        };
        let chunks = tokio_stream::StreamExt::timeout(chunks, CALL_DEADLINE);
        let chunks = chunks.map(|chunk| match chunk {
            Ok(Ok(chunk)) => Ok(std::io::Cursor::new(chunk.data)),
            Ok(Err(status)) => Err(std::io::Error::other(status.message().to_owned())),
            Err(_) => Err(std::io::Error::other("the hub stopped sending")),
        });
        Ok(Box::new(StreamReader::new(Box::pin(chunks))))
    }
}
