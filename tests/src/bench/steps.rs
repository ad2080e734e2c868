//! Journaled steps: the store alone, each append with a transaction that is
//! durable before it returns.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use agentos_domain::{
    AttemptId, Clock, EdgeId, Entry, FinishReason, NewTask, SessionEpoch, TaskId, ToolCall,
    ToolClass, ToolOutcome, Usage, WorkspaceId, builtin_file_agent,
};
use agentos_store::{
    Append, Claim, ClaimLimits, Claimed, Placement, SqliteConfig, SqliteStore, Store,
};
use tokio::task::JoinSet;

use super::disk::Disk;
use super::error::{BenchError, within};
use super::options::Rounds;
use super::stats::Samples;

const LEASE: Duration = Duration::from_secs(3600);
const CLOSE_LIMIT: Duration = Duration::from_secs(15);
/// Longer than the store's own limit.
const APPEND_LIMIT: Duration = Duration::from_secs(90);
/// The disk and the store take turns, so that both meet the same disk.
const TURNS: usize = 10;
/// Appends before those that count.
const WARM_UP: u64 = 10;

/// Appends to journals, in milliseconds.
#[derive(Debug)]
pub(crate) struct Steps {
    /// Of the disk itself, beside the single run.
    pub(crate) fsync: Samples,
    pub(crate) one_run: Samples,
    pub(crate) runs_at_once: Samples,
    /// Durable steps per second of all runs at once.
    pub(crate) per_second: f64,
}

/// Measures in a database of its own.
pub(crate) async fn measure(
    folder: &Path,
    clock: Arc<dyn Clock>,
    rounds: Rounds,
    disk: &mut Disk,
) -> Result<Steps, BenchError> {
    let config = SqliteConfig { path: folder.join("steps.db"), readers: 1 };
    let store = Arc::new(SqliteStore::open(config).await?);
    let writer = Writer { store: Arc::clone(&store), clock, edge: EdgeId::generate() };
    writer.join().await?;
    let one_run = one_run(&writer, rounds, disk).await?;
    let (runs_at_once, per_second) = runs_at_once(&writer, rounds).await?;
    store.close(CLOSE_LIMIT).await;
    Ok(Steps { fsync: disk.take(), one_run, runs_at_once, per_second })
}

async fn one_run(writer: &Writer, rounds: Rounds, disk: &mut Disk) -> Result<Samples, BenchError> {
    let mut run = writer.claim().await?;
    for _ in 0..WARM_UP {
        run.append().await?;
    }
    let mut samples = Samples::default();
    for _ in 0..TURNS {
        disk.probe(rounds.fsyncs.div_ceil(TURNS)).await?;
        for _ in 0..rounds.steps.div_ceil(TURNS) {
            samples.push_ms(run.append().await?);
        }
    }
    Ok(samples)
}

async fn runs_at_once(writer: &Writer, rounds: Rounds) -> Result<(Samples, f64), BenchError> {
    let mut runs = Vec::new();
    for _ in 0..rounds.runs {
        runs.push(writer.claim().await?);
    }
    let start = writer.clock.monotonic();
    let mut tasks = JoinSet::new();
    for mut run in runs {
        tasks.spawn(async move {
            let mut samples = Samples::default();
            for _ in 0..rounds.steps_of_each {
                samples.push_ms(run.append().await?);
            }
            Ok::<_, BenchError>(samples)
        });
    }
    let mut samples = Samples::default();
    while let Some(ended) = tasks.join_next().await {
        samples.extend(&ended.map_err(|error| BenchError::part("steps")(&error))??);
    }
    let seconds = writer.clock.monotonic().saturating_sub(start).as_secs_f64();
    let steps = u32::try_from(samples.len()).unwrap_or(u32::MAX);
    Ok((samples, f64::from(steps) / seconds))
}

/// An edge that writes to the store.
#[derive(Clone)]
struct Writer {
    store: Arc<SqliteStore>,
    clock: Arc<dyn Clock>,
    edge: EdgeId,
}

impl Writer {
    async fn join(&self) -> Result<(), BenchError> {
        let (now, token) = (self.clock.now(), [1; 32]);
        self.store.add_join_token(token, None, now, now.plus(LEASE)).await?;
        self.store.redeem_join_token(token, &self.edge, "bench", now).await?;
        Ok(())
    }

    /// A new task, leased.
    async fn claim(&self) -> Result<Run, BenchError> {
        let input = "which notes speak of the harbour?".to_owned();
        let new = NewTask::new(WorkspaceId::default(), input, builtin_file_agent());
        let now = self.clock.now();
        self.store.create_task(TaskId::generate(), new, [0; 32], u32::MAX, now).await?;
        let attempt = AttemptId::generate();
        let epoch = SessionEpoch(0);
        let claim = Claim {
            edge: self.edge.clone(),
            epoch,
            attempt,
            now,
            ttl: LEASE,
            limits: ClaimLimits::default(),
            placement: Placement::Edge,
        };
        let claimed = self.store.claim_next(claim).await?;
        let claimed = claimed.ok_or_else(|| BenchError::part("store")(&"it gave no task"))?;
        Ok(Run { writer: self.clone(), claimed, next_seq: 1 })
    }
}

/// A run that only journals.
struct Run {
    writer: Writer,
    claimed: Claimed,
    next_seq: u64,
}

impl Run {
    /// Appends the next step and returns how long it took to be durable.
    async fn append(&mut self) -> Result<Duration, BenchError> {
        let writer = &self.writer;
        let append = Append {
            edge: writer.edge.clone(),
            task_id: self.claimed.task.task_id.clone(),
            attempt: self.claimed.attempt.clone(),
            fence: self.claimed.fence,
            first_seq: self.next_seq,
            entries: vec![entry(self.next_seq)?],
            now: writer.clock.now(),
            ttl: LEASE,
            approval_ttl: None,
        };
        let start = writer.clock.monotonic();
        let appended =
            within(APPEND_LIMIT, "an append to a journal", writer.store.append(append)).await??;
        let took = writer.clock.monotonic().saturating_sub(start);
        if appended.durable_seq != self.next_seq {
            return Err(BenchError::part("store")(&"it did not append a step"));
        }
        self.next_seq += 1;
        Ok(took)
    }
}

/// The step at `seq` of a run that calls tools for ever: reply, intent, result.
pub(crate) fn entry(seq: u64) -> Result<Entry, BenchError> {
    let id = format!("call_{:016x}", seq.div_ceil(3));
    let name = "file_read".parse();
    let name = name.map_err(|error: agentos_domain::IdError| BenchError::part("tool")(&error))?;
    let call = ToolCall {
        id: id.clone(),
        name,
        arguments: serde_json::json!({ "path": "notes/2026/harbour.md", "offset": 0 }),
    };
    Ok(match seq % 3 {
        1 => Entry::ModelReply {
            model: "bench".to_owned(),
            text: String::new(),
            tool_calls: vec![call],
            finish: FinishReason::ToolCalls,
            usage: Usage { input_tokens: 812, cached_tokens: 640, output_tokens: 31 },
            confidence: Some(0.83),
            duration_ms: 412,
        },
        2 => Entry::ToolIntent {
            call,
            class: ToolClass::Read,
            idempotency_key: format!("{seq:032x}"),
        },
        _ => Entry::ToolResult {
            call_id: id,
            outcome: ToolOutcome::Ok(serde_json::json!({
                "path": "notes/2026/harbour.md",
                "text": "The harbour opens at six. ".repeat(8),
                "truncated": false,
            })),
            duration_ms: 3,
            changes: agentos_domain::Changeset::default(),
        },
    })
}

#[cfg(test)]
mod tests {
    use agentos_domain::Journal;

    use super::*;

    #[test]
    fn the_steps_make_a_journal_that_can_be_written() {
        let entries = (1..=30).map(|seq| entry(seq).unwrap());
        assert_eq!(Journal::replay(entries).unwrap().len(), 30);
    }
}
