//! The gRPC service `Runs`: what edges report.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use agentos_domain::{BlobHash, Changeset, Classified, EdgeId, Entry, Fence, TaskId, TaskStatus};
use agentos_link::Peer;
use agentos_proto::v1::runs_server::Runs;
use agentos_proto::v1::{
    AppendObstacle, AppendReply, AppendRequest, BlobChunk, FetchBlobRequest, HeartbeatReply,
    HeartbeatRequest, HeldAttempt, PutBlobHeader, PutBlobReply, PutBlobRequest, ReleaseReply,
    ReleaseRequest,
};
use agentos_snapshot::SnapshotError;
use agentos_store::{Append, BlobOffer, HeldLease, StoreError};
use futures::{Stream, StreamExt};
use tokio::io::AsyncReadExt;
use tokio_util::io::{StreamReader, SyncIoBridge};
use tonic::{Request, Response, Status, Streaming};

use crate::engine::Shared;
use crate::types::{DeviceLoad, EdgeLoad, ModelLoad};

/// Size of a chunk of a blob on the link.
const CHUNK_BYTES: usize = 256 * 1024;
/// How long an edge that brings a blob may say nothing.
const SILENCE: Duration = Duration::from_secs(10);
/// How many bytes the steps of one run may write, all together.
const WRITTEN_LIMIT: u64 = 16 << 30;

pub(crate) struct RunsService {
    shared: Arc<Shared>,
}

impl RunsService {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }
}

/// Who calls: the link has checked the certificate.
pub(crate) fn caller<T>(request: &Request<T>) -> Result<EdgeId, Status> {
    let peer = request.extensions().get::<Peer>();
    peer.map(|peer| peer.edge.clone())
        .ok_or_else(|| Status::unauthenticated("this service is for edges in session"))
}

pub(crate) fn status_of(error: &StoreError) -> Status {
    let message = format!("{}: {error}", error.code());
    match error {
        StoreError::Fenced | StoreError::JournalConflict { .. } => {
            Status::failed_precondition(message)
        }
        StoreError::TooMuchWritten { .. } => Status::invalid_argument(message),
        // The disk or another program is in the way; that can pass.
        StoreError::DiskFailed { .. } | StoreError::InUse { .. } | StoreError::Open { .. } => {
            Status::unavailable(message)
        }
        error if error.is_retryable() => Status::unavailable(message),
        _ => Status::internal(message),
    }
}

fn parse<T: std::str::FromStr>(field: &str, text: &str) -> Result<T, Status>
where
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error| Status::invalid_argument(format!("{field}: {error}")))
}

/// The lease that an edge names.
pub(crate) fn lease_of(held: &HeldAttempt) -> Result<HeldLease, Status> {
    Ok(HeldLease {
        task_id: parse("task_id", &held.task_id)?,
        attempt: parse("attempt_id", &held.attempt_id)?,
        fence: Fence(held.fence),
    })
}

#[tonic::async_trait]
impl Runs for RunsService {
    async fn append(
        &self,
        request: Request<AppendRequest>,
    ) -> Result<Response<AppendReply>, Status> {
        let edge = caller(&request)?;
        let request = request.into_inner();
        let entries: Vec<Entry> = request
            .entries
            .iter()
            .map(|entry| serde_json::from_str(entry))
            .collect::<Result<_, _>>()
            .map_err(|error| Status::invalid_argument(format!("entries: {error}")))?;
        let task_id: TaskId = parse("task_id", &request.task_id)?;
        let append = Append {
            edge,
            task_id,
            attempt: parse("attempt_id", &request.attempt_id)?,
            fence: Fence(request.fence),
            first_seq: request.first_seq,
            entries,
            now: self.shared.clock.now(),
            ttl: self.shared.config.lease_ttl,
            approval_ttl: self.shared.config.approval_ttl,
        };
        let shared = Arc::clone(&self.shared);
        let (attempt, fence) = (append.attempt.clone(), append.fence);
        let work = async move {
            agentos_faults::crash_point("hub.append.received");
            let appended = shared.store.append(append).await?;
            agentos_faults::crash_point("hub.append.durable");
            shared.events.publish_steps(&appended.steps);
            shared.metrics.observe(&appended.task, &appended.steps);
            if appended.task.status != TaskStatus::Running {
                shared.events.publish_status(&appended.task);
                shared.events.close_unwatched(&appended.task.task_id, fence);
                shared.active.end(&attempt);
                shared.wake.notify_one();
            }
            if let Some(proposal) = &appended.proposal {
                tracing::info!(proposal = %proposal.proposal_id, task = %proposal.task_id,
                    kind = proposal.kind.as_str(), "a person has to decide");
                shared.to_tell.notify_one();
            }
            agentos_faults::crash_point("hub.append.told");
            Ok(appended)
        };
        let obstacle = match self.shared.to_the_end(work).await {
            Ok(appended) => {
                let durable_seq = appended.durable_seq;
                return Ok(Response::new(AppendReply { durable_seq, obstacle: None }));
            }
            Err(StoreError::BlobsMissing { hashes }) => {
                let missing_blobs = hashes.iter().map(ToString::to_string).collect();
                AppendObstacle { missing_blobs, ..AppendObstacle::default() }
            }
            Err(StoreError::FilesChanged { paths }) => {
                let conflicts = paths.into_iter().map(String::from).collect();
                AppendObstacle { conflicts, ..AppendObstacle::default() }
            }
            Err(error) => return Err(status_of(&error)),
        };
        Ok(Response::new(AppendReply { durable_seq: 0, obstacle: Some(obstacle) }))
    }

    async fn heartbeat(
        &self,
        request: Request<HeartbeatRequest>,
    ) -> Result<Response<HeartbeatReply>, Status> {
        let edge = caller(&request)?;
        let request = request.into_inner();
        if let Some(load) = request.load {
            self.shared.loads().insert(edge.clone(), load_of(load));
        }
        let held: Vec<HeldLease> =
            request.attempts.iter().map(lease_of).collect::<Result<_, _>>()?;
        if held.is_empty() {
            return Ok(Response::new(HeartbeatReply::default()));
        }
        let (now, ttl) = (self.shared.clock.now(), self.shared.config.lease_ttl);
        let lost = self
            .shared
            .store
            .renew(&edge, &held, now, ttl)
            .await
            .map_err(|error| status_of(&error))?;
        agentos_faults::crash_point("hub.heartbeat.renewed");
        let lost_attempts = lost.iter().map(ToString::to_string).collect();
        Ok(Response::new(HeartbeatReply { lost_attempts }))
    }

    async fn release(
        &self,
        request: Request<ReleaseRequest>,
    ) -> Result<Response<ReleaseReply>, Status> {
        let edge = caller(&request)?;
        // Who gives runs back takes none: it would be given the same again.
        if let Some(peer) = request.extensions().get::<Peer>() {
            self.shared.stopping().insert(peer.epoch);
        }
        let held = request.into_inner().attempt.unwrap_or_default();
        let held = lease_of(&held)?;
        let (now, ttl) = (self.shared.clock.now(), self.shared.config.lease_ttl);
        let shared = Arc::clone(&self.shared);
        let work = async move {
            // Only who holds a lease can give it back.
            let own = std::slice::from_ref(&held);
            if shared.store.renew(&edge, own, now, ttl).await?.is_empty() {
                shared.requeue(&held).await?;
            }
            Ok(())
        };
        self.shared.to_the_end(work).await.map_err(|error| status_of(&error))?;
        Ok(Response::new(ReleaseReply {}))
    }

    type FetchBlobStream = Pin<Box<dyn Stream<Item = Result<BlobChunk, Status>> + Send>>;

    async fn fetch_blob(
        &self,
        request: Request<FetchBlobRequest>,
    ) -> Result<Response<Self::FetchBlobStream>, Status> {
        let edge = caller(&request)?;
        let request = request.into_inner();
        let task: TaskId = parse("task_id", &request.task_id)?;
        let hash: BlobHash = parse("hash", &request.hash)?;
        let store = &self.shared.store;
        let known = store.blob_in_lease(&edge, &task, &hash).await.map_err(|e| status_of(&e))?;
        if !known {
            return Err(Status::not_found("no such file in a run that this edge holds"));
        }
        let blobs = Arc::clone(&self.shared.blobs);
        let file = tokio::task::spawn_blocking(move || blobs.open_blob(&hash))
            .await
            .map_err(|error| Status::internal(error.to_string()))?
            .map_err(|error| Status::internal(error.to_string()))?;
        let file = tokio::fs::File::from_std(file);
        Ok(Response::new(Box::pin(futures::stream::try_unfold(file, next_chunk))))
    }

    async fn put_blob(
        &self,
        request: Request<Streaming<PutBlobRequest>>,
    ) -> Result<Response<PutBlobReply>, Status> {
        let edge = caller(&request)?;
        let mut parts = request.into_inner();
        let first = tokio::time::timeout(SILENCE, parts.message());
        let first = first.await.map_err(|_| Status::deadline_exceeded("nothing came"))??;
        let header = first.and_then(|part| part.header);
        let header = header.ok_or_else(|| Status::invalid_argument("the header is missing"))?;
        let offer = self.offer(edge, &header)?;
        let store = &self.shared.store;
        store.admit_blob(&offer).await.map_err(|error| status_of(&error))?;
        self.keep_blob(&offer, parts).await?;
        // A slow way here may have cost the lease.
        let offer = BlobOffer { now: self.shared.clock.now(), ..offer };
        store.note_blob(offer).await.map_err(|error| status_of(&error))?;
        Ok(Response::new(PutBlobReply {}))
    }
}

impl RunsService {
    fn offer(&self, edge: EdgeId, header: &PutBlobHeader) -> Result<BlobOffer, Status> {
        if header.size > Changeset::MAX_BYTES {
            let most = Changeset::MAX_BYTES;
            return Err(Status::invalid_argument(format!("a file may have {most} bytes at most")));
        }
        let held = HeldLease {
            task_id: parse("task_id", &header.task_id)?,
            attempt: parse("attempt_id", &header.attempt_id)?,
            fence: Fence(header.fence),
        };
        let (hash, now) = (parse("hash", &header.hash)?, self.shared.clock.now());
        Ok(BlobOffer { edge, held, hash, size: header.size, limit: WRITTEN_LIMIT, now })
    }

    /// Stores what comes if it is what was announced.
    async fn keep_blob(
        &self,
        offer: &BlobOffer,
        parts: Streaming<PutBlobRequest>,
    ) -> Result<(), Status> {
        let parts = tokio_stream::StreamExt::timeout(parts, SILENCE);
        let parts = parts.map(|part| match part {
            Ok(Ok(part)) => Ok(std::io::Cursor::new(part.data)),
            Ok(Err(status)) => Err(std::io::Error::other(status.message().to_owned())),
            Err(_) => Err(std::io::Error::other("the edge stopped sending")),
        });
        // One byte more shows that it is not what was announced.
        let content = StreamReader::new(Box::pin(parts)).take(offer.size.saturating_add(1));
        let (blobs, hash) = (Arc::clone(&self.shared.blobs), offer.hash);
        let content = SyncIoBridge::new(content);
        let kept = tokio::task::spawn_blocking(move || blobs.put_expected(&hash, content))
            .await
            .map_err(|error| Status::internal(error.to_string()))?;
        match kept {
            Ok(size) if size == offer.size => Ok(()),
            Ok(_) => Err(Status::invalid_argument("size: it is not what was announced")),
            Err(error @ SnapshotError::HashMismatch { .. }) => {
                Err(Status::invalid_argument(format!("{}: {error}", error.code())))
            }
            Err(error) => Err(Status::unavailable(format!("{}: {error}", error.code()))),
        }
    }
}

async fn next_chunk(
    mut file: tokio::fs::File,
) -> Result<Option<(BlobChunk, tokio::fs::File)>, Status> {
    let mut data = Vec::with_capacity(CHUNK_BYTES);
    let read = (&mut file)
        .take(CHUNK_BYTES as u64)
        .read_to_end(&mut data)
        .await
        .map_err(|error| Status::internal(format!("could not read a stored file: {error}")))?;
    Ok((read > 0).then_some((BlobChunk { data }, file)))
}

fn load_of(load: agentos_proto::v1::EdgeLoad) -> EdgeLoad {
    let device = |device: agentos_proto::v1::edge_load::Device| DeviceLoad {
        name: device.name,
        memory_total_bytes: device.memory_total_bytes,
        memory_free_bytes: device.memory_free_bytes,
    };
    let model = |model: agentos_proto::v1::edge_load::LoadedModel| ModelLoad {
        name: model.name,
        size_bytes: model.size_bytes,
        demonstration: model.demonstration,
        tokens_per_second: model.tokens_per_second,
    };
    EdgeLoad {
        cpu_percent: load.cpu_percent,
        memory_used_bytes: load.memory_used_bytes,
        memory_total_bytes: load.memory_total_bytes,
        queued_model_calls: load.queued_model_calls,
        running_attempts: load.running_attempts,
        devices: load.devices.into_iter().map(device).collect(),
        models: load.models.into_iter().map(model).collect(),
    }
}

#[cfg(test)]
mod tests;
