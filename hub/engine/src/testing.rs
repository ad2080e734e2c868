//! An engine without a link, for the tests of the crates above.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use agentos_domain::{
    AttemptId, Clock, EdgeId, Entry, FinishReason, Proposal, SessionEpoch, SystemClock, Task,
    TaskId, Timestamp, ToolCall, ToolClass, Usage, WorkspaceId,
};
use agentos_snapshot::BlobStore;
use agentos_store::{
    Append, Appended, Claim, ClaimLimits, Placement, SqliteConfig, SqliteStore, Store,
};
use sha2::{Digest, Sha256};

use crate::config::EngineConfig;
use crate::engine::{Engine, Shared};
use crate::handle::EngineHandle;
use crate::keys::{KeyInfo, KeyRequest};
use crate::schedules::turn;
use crate::vault::MasterKeySource;

/// An engine with a real store in a folder, and three keys: `test-admin-key`
/// and `test-read-key` in the workspace `default`, `test-other-key` in `other`.
pub struct TestEngine {
    /// The engine's verbs.
    pub handle: EngineHandle,
    shared: Arc<Shared>,
}

/// What a test's set-up can fail with.
pub type TestError = Box<dyn std::error::Error + Send + Sync>;

/// Makes a [`TestEngine`] in `dir`.
///
/// # Errors
/// Where the folder cannot be used.
pub async fn engine(dir: &Path) -> Result<TestEngine, TestError> {
    engine_with_clock(dir, Arc::new(SystemClock)).await
}

/// As [`engine`], with a clock of the test's own.
///
/// # Errors
/// Where the folder cannot be used.
pub async fn engine_with_clock(dir: &Path, clock: Arc<dyn Clock>) -> Result<TestEngine, TestError> {
    let look_again = Duration::from_millis(100);
    engine_with(dir, clock, EngineConfig { look_again, ..EngineConfig::default() }).await
}

/// As [`engine_with_clock`], with settings of the test's own.
///
/// # Errors
/// Where the folder cannot be used.
pub async fn engine_with(
    dir: &Path,
    clock: Arc<dyn Clock>,
    config: EngineConfig,
) -> Result<TestEngine, TestError> {
    let store = SqliteStore::open(SqliteConfig { path: dir.join("test.db"), readers: 1 }).await?;
    let blobs = BlobStore::open(&dir.join("blobs"))?;
    let store: Arc<dyn Store> = Arc::new(store);
    let master_key = Some(MasterKeySource::File(dir.join("secrets.key")));
    let config = EngineConfig { master_key, ..config };
    let engine = Engine::new(config, store, Arc::new(blobs), clock);
    let handle = engine.handle();
    let shared = Arc::clone(&handle.shared);
    let everything = ["read", "run", "approve", "admin"];
    let other: WorkspaceId = "other".parse()?;
    let test = TestEngine { handle, shared };
    let own = WorkspaceId::default();
    test.add_key("test-admin-key", "admin", &own, &everything, None).await?;
    test.add_key("test-read-key", "reader", &own, &["read"], None).await?;
    test.add_key("test-other-key", "other", &other, &everything, None).await?;
    Ok(test)
}

impl TestEngine {
    /// Makes the tasks of the slots that are due.
    ///
    /// # Errors
    /// Where the store refuses.
    pub async fn keep_schedules(&self) -> Result<(), TestError> {
        Ok(turn(&self.shared).await.map(drop)?)
    }

    /// Adds a key that is `token`, also one whose time is over.
    ///
    /// # Errors
    /// Where the store refuses.
    pub async fn add_key(
        &self,
        token: &str,
        name: &str,
        workspace_id: &WorkspaceId,
        scopes: &[&str],
        expires_at: Option<Timestamp>,
    ) -> Result<KeyInfo, TestError> {
        let request = KeyRequest {
            name: name.to_owned(),
            workspace_id: workspace_id.clone(),
            scopes: scopes.iter().map(ToString::to_string).collect(),
            expires_at,
        };
        Ok(self.handle.keep_key(token, request).await?)
    }

    /// Ends the next pending task, which must be `id`, with `output`.
    ///
    /// # Errors
    /// Where another task is next, or the store refuses.
    pub async fn complete(&self, id: &TaskId, output: &str) -> Result<Task, TestError> {
        Ok(self.write(Some(id), |_| answer(output)).await?.task)
    }

    /// Ends the next pending task with what `output` makes of it.
    ///
    /// # Errors
    /// Where no task waits, or the store refuses.
    pub async fn complete_next(
        &self,
        output: impl FnOnce(&Task) -> String,
    ) -> Result<Task, TestError> {
        Ok(self.write(None, |task| answer(&output(task))).await?.task)
    }

    /// Has the next pending task, which must be `id`, ask a person whether it
    /// may read the file `path`.
    ///
    /// # Errors
    /// As of [`Self::complete`].
    pub async fn ask(&self, id: &TaskId, path: &str) -> Result<Proposal, TestError> {
        let call = ToolCall {
            id: "call_1".into(),
            name: "file_read".parse()?,
            arguments: serde_json::json!({ "path": path }),
        };
        let asked =
            Entry::ApprovalAsked { call: call.clone(), class: ToolClass::Once, reasons: vec![] };
        let appended = self.write(Some(id), |_| vec![reply(path, vec![call]), asked]).await?;
        appended.proposal.ok_or_else(|| "nobody was asked".into())
    }

    /// Leases the next pending task, which must be `id` if one is given, and
    /// writes the first entries of its journal.
    async fn write(
        &self,
        id: Option<&TaskId>,
        entries: impl FnOnce(&Task) -> Vec<Entry>,
    ) -> Result<Appended, TestError> {
        let (now, ttl) = (self.shared.clock.now(), Duration::from_secs(60));
        let (edge, attempt) = (EdgeId::generate(), AttemptId::generate());
        let token: [u8; 32] = Sha256::digest(edge.to_string()).into();
        self.shared.store.add_join_token(token, None, now, now.plus(ttl)).await?;
        self.shared.store.redeem_join_token(token, &edge, "test", now).await?;
        let epoch = SessionEpoch(0);
        let claim = Claim {
            edge: edge.clone(),
            epoch,
            attempt: attempt.clone(),
            now,
            ttl,
            limits: ClaimLimits::default(),
            placement: Placement::Edge,
        };
        let claimed = self.shared.store.claim_next(claim).await?.ok_or("no pending task")?;
        let task = &claimed.task;
        if id.is_some_and(|id| *id != task.task_id) {
            return Err(format!("the next task is {}", task.task_id).into());
        }
        self.shared.metrics.leased(&task.task_id, claimed.agent.model_tier);
        let append = Append {
            edge,
            task_id: task.task_id.clone(),
            attempt,
            fence: claimed.fence,
            first_seq: 1,
            entries: entries(task),
            now,
            ttl,
            approval_ttl: None,
        };
        let appended = self.shared.store.append(append).await?;
        self.shared.events.publish_steps(&appended.steps);
        self.shared.events.publish_status(&appended.task);
        self.shared.metrics.observe(&appended.task, &appended.steps);
        Ok(appended)
    }
}

fn answer(output: &str) -> Vec<Entry> {
    let finished = Entry::Finished { output: output.into(), truncated: false };
    vec![reply(output, vec![]), finished]
}

fn reply(text: &str, tool_calls: Vec<ToolCall>) -> Entry {
    Entry::ModelReply {
        model: "test-model".into(),
        text: text.into(),
        finish: if tool_calls.is_empty() { FinishReason::Stop } else { FinishReason::ToolCalls },
        tool_calls,
        usage: Usage { input_tokens: 3, cached_tokens: 0, output_tokens: 2 },
        confidence: None,
        duration_ms: 1,
    }
}
