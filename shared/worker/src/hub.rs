//! What the edge asks of its hub, through whatever link there is at the time.

use std::sync::Arc;
use std::time::Duration;

use agentos_domain::{BlobHash, Clock, Entry, RelPath};
use agentos_generation::{EngineError, GenerateRequest, Generation, wire};
use agentos_link::{EdgeLinkHandle, LinkChannel};
use agentos_proto::v1::models_client::ModelsClient;
use agentos_proto::v1::runs_client::RunsClient;
use agentos_proto::v1::{
    AppendObstacle, AppendReply, AppendRequest, BlobChunk, EdgeLoad, FetchBlobRequest,
    HeartbeatRequest, HeldAttempt, PutBlobHeader, PutBlobRequest, ReleaseRequest,
    RunGenerateRequest,
};
use async_trait::async_trait;
use futures::StreamExt;
use tokio::io::AsyncRead;
use tokio_util::io::{ReaderStream, StreamReader};
use tokio_util::task::TaskTracker;
use tonic::Code;

use crate::attempts::Attempt;
use crate::error::WorkerError;

/// How long one try of a call to the hub may take.
const CALL_DEADLINE: Duration = Duration::from_secs(10);
/// How long giving a run back may take.
const RELEASE_DEADLINE: Duration = Duration::from_secs(2);
/// Between two tries while the hub cannot take a report.
const RETRY_PAUSE: Duration = Duration::from_millis(200);
/// How long to wait for a link before looking again whether the run still goes on.
const LINK_WAIT: Duration = Duration::from_secs(5);

/// Size of a chunk of a blob on the link.
const CHUNK_BYTES: usize = 256 * 1024;
/// Slower than this an upload is begun again.
const SLOWEST_BYTES_PER_SECOND: u64 = 64 * 1024;

/// What became of an append.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Taken {
    /// It is durable.
    Durable,
    /// The hub needs these contents first.
    Missing(Vec<BlobHash>),
    /// The run has to give way to others' changes of these files.
    Conflicts(Vec<RelPath>),
}

/// Opens content, for each try anew.
pub(crate) type Open<'a> = dyn Fn() -> Result<std::fs::File, WorkerError> + Send + Sync + 'a;

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
    ) -> Result<Taken, WorkerError>;

    /// Brings the content of a file that a call wrote. Tries until the hub has
    /// it, as with entries.
    async fn put(
        &self,
        attempt: &Attempt,
        hash: &BlobHash,
        size: u64,
        open: &Open<'_>,
    ) -> Result<(), WorkerError>;

    /// Gives a run back, between two of its steps.
    ///
    /// # Errors
    /// Where the hub does not hear of it: the next process of this edge takes
    /// the run up, or its lease expires.
    async fn release(&self, attempt: &Attempt) -> Result<(), WorkerError>;

    /// The content of a file of a run's snapshot. Waits for a link where there
    /// is none: the run's own deadline bounds it.
    async fn fetch(&self, attempt: &Attempt, hash: &BlobHash) -> Result<Content, WorkerError>;

    /// Has a model answer that is not on this machine. Dropping the receiver
    /// ends the call.
    ///
    /// # Errors
    /// Where the hub cannot be asked, or refuses; other errors arrive on the
    /// receiver.
    async fn generate(
        &self,
        attempt: &Attempt,
        request: &GenerateRequest,
    ) -> Result<Generation, EngineError>;
}

/// The hub at the other end of the link.
pub(crate) struct LinkedHub {
    link: EdgeLinkHandle,
    clock: Arc<dyn Clock>,
    /// Owns the answers of models that are on their way.
    answers: TaskTracker,
}

impl LinkedHub {
    pub(crate) fn new(link: EdgeLinkHandle, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self { link, clock, answers: TaskTracker::new() })
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

    async fn try_append(&self, request: AppendRequest) -> Result<AppendReply, tonic::Status> {
        let Some(mut client) = self.client().await else {
            return Err(tonic::Status::unavailable("no link to the hub"));
        };
        agentos_faults::crash_point("edge.append.sending");
        let call = client.append(request);
        match tokio::time::timeout(CALL_DEADLINE, call).await {
            Ok(reply) => reply.map(|reply| {
                agentos_faults::crash_point("edge.append.answered");
                reply.into_inner()
            }),
            Err(_) => Err(tonic::Status::unavailable("the hub did not answer in time")),
        }
    }

    async fn try_put(
        &self,
        header: PutBlobHeader,
        content: std::fs::File,
    ) -> Result<(), tonic::Status> {
        let Some(mut client) = self.client().await else {
            return Err(tonic::Status::unavailable("no link to the hub"));
        };
        let deadline = Duration::from_secs(header.size / SLOWEST_BYTES_PER_SECOND) + CALL_DEADLINE;
        let first = PutBlobRequest { header: Some(header), data: Vec::new() };
        let content = ReaderStream::with_capacity(tokio::fs::File::from_std(content), CHUNK_BYTES);
        // Where it cannot be read it is cut, and the hub refuses it.
        let parts = tokio_stream::StreamExt::map_while(content, Result::ok)
            .map(|data| PutBlobRequest { header: None, data: data.to_vec() });
        let parts = futures::stream::iter([first]).chain(parts);
        match tokio::time::timeout(deadline, client.put_blob(parts)).await {
            Ok(reply) => reply.map(|_| ()),
            Err(_) => Err(tonic::Status::unavailable("the hub did not take it in time")),
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

/// Waits before the next try, unless none would help.
async fn pause_after(attempt: &Attempt, status: &tonic::Status) -> Result<(), WorkerError> {
    match status.code() {
        Code::FailedPrecondition if status.message().starts_with("fenced") => {
            Err(WorkerError::Fenced)
        }
        Code::FailedPrecondition
        | Code::InvalidArgument
        | Code::OutOfRange
        | Code::Unimplemented => Err(WorkerError::Refused(status.message().to_owned())),
        // Anything else can pass: a result is not thrown away.
        _ => {
            tracing::debug!(task = %attempt.task, message = status.message(),
                "the hub has not taken a report yet");
            tokio::time::sleep(RETRY_PAUSE).await;
            Ok(())
        }
    }
}

fn parse<T: std::str::FromStr>(texts: &[String]) -> Result<Vec<T>, WorkerError>
where
    T::Err: std::fmt::Display,
{
    let malformed = |error: T::Err| WorkerError::Malformed(error.to_string());
    texts.iter().map(|text| text.parse().map_err(malformed)).collect()
}

fn taken(reply: &AppendReply) -> Result<Taken, WorkerError> {
    match &reply.obstacle {
        None => Ok(Taken::Durable),
        Some(AppendObstacle { missing_blobs, .. }) if !missing_blobs.is_empty() => {
            parse(missing_blobs).map(Taken::Missing)
        }
        Some(AppendObstacle { conflicts, .. }) => parse(conflicts).map(Taken::Conflicts),
    }
}

#[async_trait]
impl Hub for LinkedHub {
    async fn append(
        &self,
        attempt: &Attempt,
        first_seq: u64,
        entries: &[Entry],
    ) -> Result<Taken, WorkerError> {
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
                match self.try_append(request.clone()).await {
                    Ok(reply) => return taken(&reply),
                    Err(status) => pause_after(attempt, &status).await?,
                }
            }
        };
        attempt.cancel.run_until_cancelled(tries).await.unwrap_or(Err(WorkerError::Cancelled))
    }

    async fn put(
        &self,
        attempt: &Attempt,
        hash: &BlobHash,
        size: u64,
        open: &Open<'_>,
    ) -> Result<(), WorkerError> {
        let header = PutBlobHeader {
            task_id: attempt.task.to_string(),
            attempt_id: attempt.id.to_string(),
            fence: attempt.fence.0,
            hash: hash.to_string(),
            size,
        };
        let tries = async {
            loop {
                match self.try_put(header.clone(), open()?).await {
                    Ok(()) => return Ok(()),
                    Err(status) => pause_after(attempt, &status).await?,
                }
            }
        };
        attempt.cancel.run_until_cancelled(tries).await.unwrap_or(Err(WorkerError::Cancelled))
    }

    async fn release(&self, attempt: &Attempt) -> Result<(), WorkerError> {
        let request = ReleaseRequest { attempt: Some(attempt.held()) };
        let call = async {
            let Some(mut client) = self.client().await else {
                return Err(tonic::Status::unavailable("no link to the hub"));
            };
            client.release(request).await.map(drop)
        };
        let released = tokio::time::timeout(RELEASE_DEADLINE, call).await;
        let late = |_| tonic::Status::unavailable("the hub did not answer in time");
        released
            .unwrap_or_else(|_| Err(late(())))
            .map_err(|status| WorkerError::Refused(status.message().to_owned()))
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

    async fn generate(
        &self,
        attempt: &Attempt,
        request: &GenerateRequest,
    ) -> Result<Generation, EngineError> {
        let request = RunGenerateRequest {
            attempt: Some(attempt.held()),
            request: Some(wire::request(request)?),
        };
        let no_link = || tonic::Status::unavailable("no link to the hub");
        let channel = self.link.connected(LINK_WAIT).await;
        let channel = channel.map_err(|_| wire::error_of(&no_link()))?;
        let began = self.clock.monotonic();
        // The hub answers when a model begins to: the step's own limit bounds it.
        let messages = ModelsClient::new(channel).generate(request).await;
        let messages = messages.map_err(|status| wire::error_of(&status))?.into_inner();
        let (events, answer) = wire::channel();
        let clock = Arc::clone(&self.clock);
        let elapsed = move || clock.monotonic().saturating_sub(began);
        self.answers.spawn(wire::answer(messages, events, elapsed));
        Ok(answer)
    }
}
