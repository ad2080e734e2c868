//! Values for tests.

use std::path::Path;
use std::time::Duration;

use agentos_domain::{
    AttemptId, BlobHash, CallId, EdgeId, Entry, FileEntry, FinishReason, NanoUsd, NewTask,
    SessionEpoch, TaskId, Timestamp, TokenCounts, ToolCall, ToolClass, ToolOutcome, Usage,
    WorkspaceId, builtin_file_agent,
};
use agentos_store::{
    Append, Appended, Budget, BudgetScope, CallOutcome, Claim, ClaimLimits, Claimed, HeldLease,
    ModelCall, OnLimit, Placement, Settlement, SqliteConfig, SqliteStore, Store, StoreError,
};

pub(crate) const TTL: Duration = Duration::from_secs(10);
/// How long a person has to confirm a call.
pub(crate) const APPROVAL_TTL: Duration = Duration::from_secs(3600);

pub(crate) async fn sqlite(folder: &Path) -> SqliteStore {
    open(&folder.join("hub.db")).await.unwrap()
}

pub(crate) async fn open(path: &Path) -> Result<SqliteStore, StoreError> {
    SqliteStore::open(SqliteConfig { path: path.to_owned(), readers: 2 }).await
}

/// `seconds` after the beginning of every test.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(1_795_000_000_000 + seconds * 1000)
}

pub(crate) fn ws(name: &str) -> WorkspaceId {
    name.parse().unwrap()
}

pub(crate) fn new_task(workspace: &str) -> NewTask {
    NewTask::new(ws(workspace), "what is in notes.md?".into(), builtin_file_agent())
}

pub(crate) async fn add_task(store: &dyn Store, workspace: &str, now: i64) -> TaskId {
    let id = TaskId::generate();
    store.create_task(id.clone(), new_task(workspace), [0; 32], u32::MAX, at(now)).await.unwrap();
    id
}

pub(crate) async fn try_claim(store: &dyn Store, edge: &EdgeId, now: i64) -> Option<Claimed> {
    claim_within(store, edge, now, ClaimLimits::default()).await
}

pub(crate) async fn claim_within(
    store: &dyn Store,
    edge: &EdgeId,
    now: i64,
    limits: ClaimLimits,
) -> Option<Claimed> {
    claim_as(store, edge, now, limits, Placement::Edge).await
}

pub(crate) async fn claim_at(
    store: &dyn Store,
    executor: &EdgeId,
    now: i64,
    placement: Placement,
) -> Option<Claimed> {
    claim_as(store, executor, now, ClaimLimits::default(), placement).await
}

async fn claim_as(
    store: &dyn Store,
    edge: &EdgeId,
    now: i64,
    limits: ClaimLimits,
    placement: Placement,
) -> Option<Claimed> {
    let attempt = AttemptId::generate();
    let epoch = SessionEpoch(u64::from(u32::MAX));
    let claim =
        Claim { edge: edge.clone(), epoch, attempt, now: at(now), ttl: TTL, limits, placement };
    store.claim_next(claim).await.unwrap()
}

pub(crate) async fn claim(store: &dyn Store, edge: &EdgeId, now: i64) -> Claimed {
    try_claim(store, edge, now).await.unwrap()
}

pub(crate) fn held(claimed: &Claimed) -> HeldLease {
    HeldLease {
        task_id: claimed.task.task_id.clone(),
        attempt: claimed.attempt.clone(),
        fence: claimed.fence,
    }
}

pub(crate) async fn append(
    store: &dyn Store,
    claimed: &Claimed,
    first_seq: u64,
    entries: &[Entry],
    now: i64,
) -> Result<Appended, StoreError> {
    let HeldLease { task_id, attempt, fence } = held(claimed);
    let entries = entries.to_vec();
    let (edge, now) = (claimed.edge.clone(), at(now));
    let approval_ttl = Some(APPROVAL_TTL);
    let ttl = TTL;
    let append =
        Append { edge, task_id, attempt, fence, first_seq, entries, now, ttl, approval_ttl };
    store.append(append).await
}

pub(crate) fn call(id: &str, path: &str) -> ToolCall {
    ToolCall {
        id: id.into(),
        name: "file_read".parse().unwrap(),
        arguments: serde_json::json!({ "path": path }),
    }
}

pub(crate) fn reply(calls: Vec<ToolCall>) -> Entry {
    Entry::ModelReply {
        model: "small".into(),
        text: "text".into(),
        tool_calls: calls,
        finish: FinishReason::Stop,
        usage: Usage { input_tokens: 10, cached_tokens: 4, output_tokens: 3 },
        confidence: Some(0.7),
        duration_ms: 12,
    }
}

pub(crate) fn intent(id: &str, path: &str, class: ToolClass) -> Entry {
    Entry::ToolIntent { call: call(id, path), class, idempotency_key: format!("key-{id}") }
}

pub(crate) fn result(id: &str) -> Entry {
    let outcome = ToolOutcome::Ok(serde_json::json!({ "text": "hello" }));
    Entry::ToolResult {
        call_id: id.into(),
        outcome,
        duration_ms: 1,
        changes: agentos_domain::Changeset::default(),
    }
}

pub(crate) fn finished() -> Entry {
    Entry::Finished { output: "it says hello".into(), truncated: false }
}

pub(crate) fn file(content: &str) -> FileEntry {
    FileEntry {
        hash: BlobHash::of(content.as_bytes()),
        size: content.len() as u64,
        modified: at(-1000),
    }
}

/// A call of a model that may cost `reserve` nano-dollars and ten minutes.
pub(crate) fn model_call(workspace: &str, key: &str, reserve: i64, now: i64) -> ModelCall {
    ModelCall {
        id: CallId::generate(),
        workspace_id: ws(workspace),
        key_id: key.into(),
        task_id: None,
        request_id: None,
        requested: "smart".into(),
        deployment: "opus-eu".into(),
        provider: "anthropic".into(),
        reserved: NanoUsd(reserve),
        created_at: at(now),
        expires_at: at(now + 600),
    }
}

/// What a call came to that cost `cost` nano-dollars.
pub(crate) fn settlement(of: &ModelCall, cost: i64, now: i64) -> Settlement {
    Settlement {
        id: of.id.clone(),
        deployment: of.deployment.clone(),
        provider: of.provider.clone(),
        model: "opus-5.5".into(),
        tokens: TokenCounts { input: 10, output: 3, ..TokenCounts::default() },
        cost: NanoUsd(cost),
        estimated: false,
        outcome: CallOutcome::Completed,
        error_code: None,
        attempts: "[]".into(),
        first_token_ms: Some(200),
        duration_ms: 900,
        now: at(now),
    }
}

pub(crate) fn budget(scope: BudgetScope, limit: i64) -> Budget {
    Budget { scope, limit: NanoUsd(limit), on_limit: OnLimit::Refuse }
}
