//! Fills a real store: with tasks that wait, and with tasks that have ended.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use agentos_domain::{
    AttemptId, Clock, EdgeId, Entry, FinishReason, NewTask, SessionEpoch, SystemClock, TaskId,
    Usage, WorkspaceId, builtin_file_agent,
};
use agentos_store::{
    Append, Claim, ClaimLimits, Claimed, HeldLease, Placement, SqliteConfig, SqliteStore,
    Store as _,
};
use anyhow::{Context as _, Result};
use futures::future::try_join_all;

use crate::bench::steps::entry;

const LEASE: Duration = Duration::from_secs(3600);
const CLOSE_LIMIT: Duration = Duration::from_secs(60);
/// How many operations are under way at once: the store commits them together.
const AT_ONCE: usize = 64;
/// Rows of the journal of a task that has ended: six tool calls and an answer.
pub(super) const ROWS_OF_A_TASK: usize = 20;

/// A store, and an edge that has joined it.
pub(super) struct Filler {
    pub(super) store: SqliteStore,
    pub(super) clock: SystemClock,
    edge: EdgeId,
}

impl Filler {
    pub(super) async fn open(database: &Path) -> Result<Self> {
        let config = SqliteConfig { path: database.to_owned(), readers: 1 };
        let (store, clock) = (SqliteStore::open(config).await?, SystemClock);
        let (edge, now, token) = (EdgeId::generate(), clock.now(), [1; 32]);
        store.add_join_token(token, None, now, now.plus(LEASE)).await?;
        store.redeem_join_token(token, &edge, "filler", now).await?;
        Ok(Self { store, clock, edge })
    }

    pub(super) async fn close(self) {
        self.store.close(CLOSE_LIMIT).await;
    }

    /// Adds tasks that wait, in so many workspaces by turns.
    pub(super) async fn queue(&self, tasks: usize, workspaces: usize) -> Result<()> {
        let numbers: Vec<usize> = (0..tasks).collect();
        for some in numbers.chunks(AT_ONCE) {
            try_join_all(some.iter().map(|number| self.create(number % workspaces))).await?;
        }
        Ok(())
    }

    /// Adds tasks that have ended, with `rows` rows of journal in all.
    pub(super) async fn history(&self, rows: usize) -> Result<()> {
        let numbers: Vec<usize> = (0..rows.div_ceil(ROWS_OF_A_TASK)).collect();
        for some in numbers.chunks(AT_ONCE) {
            try_join_all(some.iter().map(|_| self.create(0))).await?;
            try_join_all(some.iter().map(|_| self.complete_next())).await?;
        }
        Ok(())
    }

    async fn create(&self, workspace: usize) -> Result<()> {
        let workspace_id = match workspace {
            0 => WorkspaceId::default(),
            number => format!("workspace-{number}").parse()?,
        };
        let input = "which notes speak of the harbour?".to_owned();
        let new = NewTask::new(workspace_id, input, builtin_file_agent());
        let now = self.clock.now();
        self.store.create_task(TaskId::generate(), new, [0; 32], u32::MAX, now).await?;
        Ok(())
    }

    /// Leases the next task.
    pub(super) async fn claim(&self) -> Result<Claimed> {
        let claim = Claim {
            edge: self.edge.clone(),
            epoch: SessionEpoch(0),
            attempt: AttemptId::generate(),
            now: self.clock.now(),
            ttl: LEASE,
            limits: ClaimLimits::default(),
            placement: Placement::Edge,
        };
        self.store.claim_next(claim).await?.context("no task waits")
    }

    /// Gives a task back to its place in the queue.
    pub(super) async fn release(&self, claimed: &Claimed) -> Result<()> {
        let held = HeldLease {
            task_id: claimed.task.task_id.clone(),
            attempt: claimed.attempt.clone(),
            fence: claimed.fence,
        };
        self.store.release(&held, self.clock.now()).await?;
        Ok(())
    }

    async fn complete_next(&self) -> Result<()> {
        let claimed = self.claim().await?;
        let append = Append {
            edge: self.edge.clone(),
            task_id: claimed.task.task_id,
            attempt: claimed.attempt,
            fence: claimed.fence,
            first_seq: 1,
            entries: whole_journal()?,
            now: self.clock.now(),
            ttl: LEASE,
            approval_ttl: None,
        };
        self.store.append(append).await?;
        Ok(())
    }
}

fn whole_journal() -> Result<Vec<Entry>> {
    let before_answer = (ROWS_OF_A_TASK - 2) as u64;
    let mut entries = (1..=before_answer).map(entry).collect::<Result<Vec<_>, _>>()?;
    let output = "The harbour opens at six, and the market closes at noon.".to_owned();
    entries.push(Entry::ModelReply {
        model: "bench".to_owned(),
        text: output.clone(),
        tool_calls: Vec::new(),
        finish: FinishReason::Stop,
        usage: Usage { input_tokens: 1812, cached_tokens: 1640, output_tokens: 18 },
        confidence: None,
        duration_ms: 212,
    });
    entries.push(Entry::Finished { output, truncated: false });
    Ok(entries)
}

/// The clock that everything here is timed by.
pub(super) fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}

#[cfg(test)]
mod tests {
    use agentos_domain::Journal;

    use super::*;

    #[test]
    fn the_journal_of_a_task_is_one() {
        let journal = Journal::replay(whole_journal().unwrap()).unwrap();
        assert_eq!(journal.len(), ROWS_OF_A_TASK as u64);
    }
}
