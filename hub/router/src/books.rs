//! The costs of calls that reserved nothing, written together.
//!
//! Nothing waits for such a row: no budget counts it. What ends within a moment
//! is one transaction, where each its own would cost more than all else that the
//! hub does for a call. A hub that is killed loses the rows of that moment; one
//! that is stopped writes them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use agentos_store::{Ledger, ModelCall, Settlement};
use tokio_util::task::TaskTracker;

/// How long the first of a group waits for others.
const GATHER: Duration = Duration::from_millis(100);
/// The most that wait. Whoever comes then writes its own, and waits for that.
const MOST: usize = 1024;

/// One call, from its beginning to what it cost.
type Call = (ModelCall, Settlement);

/// Writes the calls. Clones are the same books.
#[derive(Clone)]
pub(crate) struct Books {
    ledger: Arc<dyn Ledger>,
    /// Owns the writing: who waits for it, waits for the books.
    tracker: TaskTracker,
    waiting: Arc<Mutex<Waiting>>,
}

#[derive(Default)]
struct Waiting {
    calls: Vec<Call>,
    /// Whether a task is going to write them.
    cared_for: bool,
}

impl Books {
    pub(crate) fn new(ledger: Arc<dyn Ledger>, tracker: TaskTracker) -> Self {
        Self { ledger, tracker, waiting: Arc::default() }
    }

    /// Has a call written soon.
    pub(crate) async fn note(&self, call: Call) {
        match self.queue(call) {
            Ok(false) => {}
            Ok(true) => drop(self.tracker.spawn(self.clone().write())),
            Err(call) => self.record(vec![*call]).await,
        }
    }

    /// Whether somebody has to begin to write; the call where too many wait.
    fn queue(&self, call: Call) -> Result<bool, Box<Call>> {
        let mut waiting = self.lock();
        if waiting.calls.len() >= MOST {
            return Err(Box::new(call));
        }
        waiting.calls.push(call);
        Ok(!std::mem::replace(&mut waiting.cared_for, true))
    }

    /// Writes until nothing waits.
    async fn write(self) {
        loop {
            tokio::time::sleep(GATHER).await;
            let calls = {
                let mut waiting = self.lock();
                waiting.cared_for = !waiting.calls.is_empty();
                std::mem::take(&mut waiting.calls)
            };
            if calls.is_empty() {
                return;
            }
            self.record(calls).await;
        }
    }

    async fn record(&self, calls: Vec<Call>) {
        let count = calls.len();
        if let Err(error) = self.ledger.record_calls(calls).await {
            tracing::error!(%error, count, "what calls consumed could not be noted");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use agentos_domain::{CallId, NanoUsd, Timestamp, TokenCounts, WorkspaceId};
    use agentos_store::{CallOutcome, SqliteConfig, SqliteStore};

    use super::*;

    fn call(id: &CallId) -> Call {
        let now = Timestamp::from_millis(1_795_000_000_000);
        let new = ModelCall {
            id: id.clone(),
            workspace_id: WorkspaceId::default(),
            key_id: "key".to_owned(),
            task_id: None,
            request_id: None,
            requested: "m".to_owned(),
            deployment: "m/x/y".to_owned(),
            provider: "x".to_owned(),
            reserved: NanoUsd(0),
            created_at: now,
            expires_at: now,
        };
        let settlement = Settlement {
            id: id.clone(),
            deployment: new.deployment.clone(),
            provider: new.provider.clone(),
            model: "y".to_owned(),
            tokens: TokenCounts { input: 3, output: 2, ..TokenCounts::default() },
            cost: NanoUsd(0),
            estimated: false,
            outcome: CallOutcome::Completed,
            error_code: None,
            attempts: "[]".to_owned(),
            first_token_ms: Some(1),
            duration_ms: 2,
            now,
        };
        (new, settlement)
    }

    async fn books(dir: &std::path::Path) -> (Books, Arc<SqliteStore>) {
        let config = SqliteConfig { path: dir.join("db"), readers: 1 };
        let store = Arc::new(SqliteStore::open(config).await.unwrap());
        (Books::new(store.clone(), TaskTracker::new()), store)
    }

    async fn closed(books: &Books) {
        books.tracker.close();
        let limit = Duration::from_secs(30);
        tokio::time::timeout(limit, books.tracker.wait()).await.unwrap();
    }

    #[tokio::test]
    async fn what_ends_together_is_written_together_and_all_of_it() {
        let dir = tempfile::tempdir().unwrap();
        let (books, store) = books(dir.path()).await;
        let before = store.write_stats().operations;
        let ids: Vec<CallId> = (0..50).map(|_| CallId::generate()).collect();
        for id in &ids {
            books.note(call(id)).await;
        }
        assert!(books.lock().cared_for);
        closed(&books).await;
        for id in &ids {
            let row = store.call(&WorkspaceId::default(), id).await.unwrap().unwrap();
            assert_eq!(row.settled.unwrap().tokens.output, 2);
        }
        let written = store.write_stats().operations - before;
        assert!(written < 50, "{written} operations for 50 calls");
    }

    #[tokio::test]
    async fn a_later_call_is_written_too() {
        let dir = tempfile::tempdir().unwrap();
        let (books, store) = books(dir.path()).await;
        for _ in 0..2 {
            let id = CallId::generate();
            books.note(call(&id)).await;
            closed(&books).await;
            assert!(!books.lock().cared_for);
            assert!(store.call(&WorkspaceId::default(), &id).await.unwrap().is_some());
        }
    }

    #[tokio::test]
    async fn whoever_finds_too_many_writes_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let (books, store) = books(dir.path()).await;
        let ids: Vec<CallId> = (0..=MOST).map(|_| CallId::generate()).collect();
        for id in &ids {
            // Without a pause, so that the task does not get to write.
            assert!(books.queue(call(id)).is_ok() || id == &ids[MOST]);
        }
        books.note(call(&ids[MOST])).await;
        assert!(store.call(&WorkspaceId::default(), &ids[MOST]).await.unwrap().is_some());
        assert!(store.call(&WorkspaceId::default(), &ids[0]).await.unwrap().is_none());
    }
}
