//! What edges bring, and what is refused.

use agentos_domain::{
    AttemptId, Change, FinishReason, SessionEpoch, ToolCall, ToolClass, ToolOutcome,
};
use agentos_domain::{Timestamp, Usage, WorkspaceId};
use agentos_proto::v1::runs_client::RunsClient;
use agentos_proto::v1::runs_server::RunsServer;
use agentos_store::{Claim, ClaimLimits, Claimed, Placement};
use tonic::Code;

use super::*;
use crate::testing::{TestEngine, engine};
use crate::tests::submission;

const TTL: Duration = Duration::from_secs(60);
const TEXT: &[u8] = b"what the call wrote";

struct Scene {
    _dir: tempfile::TempDir,
    engine: TestEngine,
    run: Claimed,
}

/// A run in the middle of a call that may write.
async fn scene() -> Scene {
    let dir = tempfile::tempdir().unwrap();
    let engine = engine(dir.path()).await.unwrap();
    engine.handle.submit(submission()).await.unwrap();
    let store = &engine.handle.shared.store;
    let (edge, attempt) = (EdgeId::generate(), AttemptId::generate());
    let (limits, now) = (ClaimLimits::default(), engine.handle.shared.clock.now());
    let claim = Claim {
        edge,
        epoch: SessionEpoch(0),
        attempt,
        now,
        ttl: TTL,
        limits,
        placement: Placement::Edge,
    };
    let run = store.claim_next(claim).await.unwrap().unwrap();
    let scene = Scene { _dir: dir, engine, run };
    let call = ToolCall { id: "1".into(), name: "edit".parse().unwrap(), arguments: 1.into() };
    let reply = Entry::ModelReply {
        model: "m".into(),
        text: String::new(),
        tool_calls: vec![call.clone()],
        finish: FinishReason::ToolCalls,
        usage: Usage::default(),
        confidence: None,
        duration_ms: 1,
    };
    let class = ToolClass::Idempotent;
    let intent = Entry::ToolIntent { call, class, idempotency_key: "k".into() };
    let reply = scene.append(1, &[reply, intent]).await.unwrap();
    assert_eq!(reply.durable_seq, 2);
    scene
}

impl Scene {
    fn header(&self) -> PutBlobHeader {
        PutBlobHeader {
            task_id: self.run.task.task_id.to_string(),
            attempt_id: self.run.attempt.to_string(),
            fence: self.run.fence.0,
            hash: BlobHash::of(TEXT).to_string(),
            size: TEXT.len() as u64,
        }
    }

    /// The service, as this edge reaches it.
    async fn put(&self, edge: &EdgeId, header: Option<PutBlobHeader>, text: &[u8]) -> Code {
        let peer = Peer { edge: edge.clone(), epoch: SessionEpoch(0) };
        let service = RunsService::new(Arc::clone(&self.engine.handle.shared));
        let server = RunsServer::with_interceptor(service, move |mut request: Request<()>| {
            request.extensions_mut().insert(peer.clone());
            Ok(request)
        });
        let part = |data: &[u8]| PutBlobRequest { header: None, data: data.to_vec() };
        let first = PutBlobRequest { header, data: Vec::new() };
        let parts: Vec<_> = std::iter::once(first).chain(text.chunks(7).map(part)).collect();
        let put = RunsClient::new(server).put_blob(futures::stream::iter(parts)).await;
        put.map_or_else(|status| status.code(), |_| Code::Ok)
    }

    async fn append(&self, first_seq: u64, entries: &[Entry]) -> Result<AppendReply, Status> {
        let entries = entries.iter().map(|entry| serde_json::to_string(entry).unwrap());
        let mut request = Request::new(AppendRequest {
            task_id: self.run.task.task_id.to_string(),
            attempt_id: self.run.attempt.to_string(),
            fence: self.run.fence.0,
            first_seq,
            entries: entries.collect(),
        });
        let peer = Peer { edge: self.run.edge.clone(), epoch: SessionEpoch(0) };
        request.extensions_mut().insert(peer);
        let service = RunsService::new(Arc::clone(&self.engine.handle.shared));
        service.append(request).await.map(Response::into_inner)
    }

    /// The call has made the file `a`.
    fn result(&self) -> Entry {
        let (hash, size, modified) = (BlobHash::of(TEXT), TEXT.len() as u64, Timestamp::default());
        let files = [("a".parse().unwrap(), Change::Put { hash, size, modified, base: None })];
        let changes = Changeset { files: files.into(), ..Changeset::default() };
        let outcome = ToolOutcome::Ok(1.into());
        Entry::ToolResult { call_id: "1".into(), outcome, duration_ms: 1, changes }
    }
}

#[tokio::test]
async fn content_is_brought_first_and_then_what_refers_to_it() {
    let scene = scene().await;
    let hash = BlobHash::of(TEXT).to_string();
    let refused = scene.append(3, &[scene.result()]).await.unwrap().obstacle.unwrap();
    assert_eq!((refused.missing_blobs, refused.conflicts), (vec![hash], vec![]));
    let edge = scene.run.edge.clone();
    for _ in 0..2 {
        assert_eq!(scene.put(&edge, Some(scene.header()), TEXT).await, Code::Ok);
    }
    let handle = &scene.engine.handle;
    let (workspace, path) = (WorkspaceId::default(), "a".parse().unwrap());
    let theirs = std::io::Cursor::new(b"theirs");
    handle.put_file(&workspace, "a".parse().unwrap(), None, theirs).await.unwrap();
    let refused = scene.append(3, &[scene.result()]).await.unwrap().obstacle.unwrap();
    assert_eq!((refused.missing_blobs, refused.conflicts), (vec![], vec!["a".to_owned()]));
    handle.delete_file(&workspace, &path).await.unwrap();
    let taken = scene.append(3, &[scene.result()]).await.unwrap();
    assert_eq!((taken.durable_seq, taken.obstacle), (3, None));
    let (_, mut file) = handle.open_file(&workspace, &path).await.unwrap();
    let mut text = Vec::new();
    file.read_to_end(&mut text).await.unwrap();
    assert_eq!(text, TEXT);
}

#[tokio::test]
async fn content_that_is_not_what_was_announced_is_refused() {
    let scene = scene().await;
    let (edge, header) = (scene.run.edge.clone(), scene.header());
    let longer = [TEXT, b"!"].concat();
    for (header, text) in [
        (None, TEXT),
        (Some(header.clone()), &TEXT[1..]),
        (Some(header.clone()), &longer[..]),
        (Some(PutBlobHeader { size: 3, ..header.clone() }), TEXT),
        (Some(PutBlobHeader { size: header.size + 1, ..header.clone() }), TEXT),
        (Some(PutBlobHeader { size: Changeset::MAX_BYTES + 1, ..header.clone() }), TEXT),
        (Some(PutBlobHeader { hash: "../x".into(), ..header.clone() }), TEXT),
    ] {
        let code = scene.put(&edge, header.clone(), text).await;
        assert_eq!(code, Code::InvalidArgument, "{header:?}");
    }
    let fenced = PutBlobHeader { fence: 7, ..header.clone() };
    assert_eq!(scene.put(&edge, Some(fenced), TEXT).await, Code::FailedPrecondition);
    let stranger = EdgeId::generate();
    assert_eq!(scene.put(&stranger, Some(header), TEXT).await, Code::FailedPrecondition);
    let obstacle = scene.append(3, &[scene.result()]).await.unwrap().obstacle.unwrap();
    assert_eq!(obstacle.missing_blobs.len(), 1, "nothing of it counts");
}
