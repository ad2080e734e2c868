//! Journals: appending under a lease, and the two ways in which the hub itself
//! ends a task.

use std::collections::HashMap;

use agentos_domain::{
    Entry, ErrorInfo, Fence, Journal, Phase, RelPath, Step, Task, TaskId, TaskStatus, Timestamp,
    ToolClass, ToolOutcome, WorkspaceId,
};
use rusqlite::{Connection, params};

use super::fault::Fault;
use super::rows::{self, int};
use super::tasks::{self, Stored};
use super::writer::Tx;
use super::{changes, files, leases, proposals};
use crate::{Append, Appended, Cancelled, StoreError};

/// The most journals that are kept in memory.
const KEPT: usize = 64;

/// The journals that were written to last, so that an append need not read
/// the rows before it. Never ahead of the database: an operation takes its
/// journal out and puts it back as its last act, and a transaction that fails
/// clears all.
#[derive(Default)]
pub(super) struct Journals {
    open: HashMap<TaskId, Journal>,
}

impl Journals {
    pub(super) fn clear(&mut self) {
        self.open.clear();
    }

    fn take(&mut self, conn: &Connection, task: &Task) -> Result<Journal, Fault> {
        if let Some(journal) = self.open.remove(&task.task_id)
            && journal.len() == task.steps
        {
            return Ok(journal);
        }
        Ok(Journal::replay(entries(conn, &task.task_id)?).map_err(conflict)?)
    }

    fn put(&mut self, id: TaskId, journal: Journal) {
        if self.open.len() >= KEPT
            && let Some(other) = self.open.keys().next().cloned()
        {
            self.open.remove(&other);
        }
        self.open.insert(id, journal);
    }
}

pub(super) fn entries(conn: &Connection, id: &TaskId) -> Result<Vec<Entry>, Fault> {
    let mut statement =
        conn.prepare_cached("SELECT entry FROM steps WHERE task_id = ?1 ORDER BY seq")?;
    let entries = statement
        .query_map([id.to_string()], |row| rows::json(row, "entry"))?
        .collect::<Result<_, _>>()?;
    Ok(entries)
}

/// Whether the journal ends within a call of which nobody knows whether it had
/// its effect, and that must not be made again.
pub(super) fn may_have_happened(conn: &Connection, id: &TaskId) -> Result<bool, Fault> {
    let journal = Journal::replay(entries(conn, id)?).map_err(conflict)?;
    Ok(matches!(journal.phase(), Phase::Effect { class: ToolClass::Once, .. }))
}

pub(super) fn append(tx: &mut Tx<'_>, append: &Append) -> Result<Appended, Fault> {
    let Some(stored) = tasks::stored(tx.conn, &append.task_id)? else {
        return Err(StoreError::Fenced.into());
    };
    let texts = append.entries.iter().map(serde_json::to_string).collect::<Result<Vec<_>, _>>()?;
    if !leases::is_held(tx.conn, append)? {
        return repeated_end(tx.conn, append, &texts, stored);
    }
    let known = compare(tx.conn, append, &texts, stored.task.steps)?;
    let mut task = stored.task;
    let mut journal = tx.journals.take(tx.conn, &task)?;
    let (mut steps, mut proposal) = (Vec::new(), None);
    let new = append.entries.iter().zip(&texts).skip(known);
    for (entry, text) in new {
        if steps.last().is_some_and(|step: &Step| ends_lease(&step.entry)) {
            return Err(mismatch("nothing can follow an entry that ends the lease"));
        }
        let before = journal.phase().clone();
        journal.push(entry.clone()).map_err(conflict)?;
        apply(&mut task, entry, &before, append.now);
        if let Entry::ToolResult { changes, .. } = entry {
            changes::apply(tx.conn, &task, changes, append)?;
        }
        if matches!(before, Phase::Approved { .. }) {
            match entry {
                Entry::ToolIntent { .. } => {
                    proposals::came_about(tx.conn, &append.task_id, append.now)?;
                }
                _ => proposals::void(tx.conn, &append.task_id)?,
            }
        }
        let step = Step {
            task_id: append.task_id.clone(),
            seq: task.steps,
            fence: append.fence,
            recorded_at: append.now,
            entry: entry.clone(),
        };
        insert(tx.conn, &task.workspace_id, &step, text)?;
        steps.push(step);
        proposal = proposals::ask(tx.conn, &task, entry, &before, append)?;
    }
    if !steps.is_empty() {
        tasks::update(tx.conn, &task, append.fence)?;
    }
    if steps.last().is_some_and(|step| ends_lease(&step.entry)) {
        leases::end(tx.conn, &append.task_id, append.now)?;
        forget_files(tx.conn, &task)?;
    } else {
        leases::extend(tx.conn, append)?;
        tx.journals.put(append.task_id.clone(), journal);
    }
    Ok(Appended { durable_seq: task.steps, steps, task, proposal })
}

/// A task that has ended needs no files of its own any more.
fn forget_files(conn: &Connection, task: &Task) -> Result<(), Fault> {
    if task.status.is_final() {
        changes::forget(conn, &task.task_id)?;
        files::drop_old_snapshots(conn, &task.workspace_id)?;
    }
    Ok(())
}

/// Whether the lease ends with this entry: the run is over, or waits for a
/// person.
fn ends_lease(entry: &Entry) -> bool {
    entry.is_final() || entry.asks_a_person()
}

/// A writer whose last append ended its lease, and whose reply was lost, is
/// told once more that it has ended. No other append without a lease is
/// accepted, not even an identical one: the writer would go on to an effect.
fn repeated_end(
    conn: &Connection,
    append: &Append,
    texts: &[String],
    stored: Stored,
) -> Result<Appended, Fault> {
    let last_seq = append.first_seq.saturating_add(texts.len() as u64).saturating_sub(1);
    let same_writer =
        stored.fence == append.fence && stored.last_attempt.as_ref() == Some(&append.attempt);
    let ended = append.entries.last().is_some_and(ends_lease);
    if !same_writer || !ended || last_seq != stored.task.steps {
        return Err(StoreError::Fenced.into());
    }
    match compare(conn, append, texts, stored.task.steps) {
        Ok(_) => {
            let task = stored.task;
            Ok(Appended { durable_seq: task.steps, steps: Vec::new(), task, proposal: None })
        }
        Err(Fault::Store(_)) => Err(StoreError::Fenced.into()),
        Err(fault) => Err(fault),
    }
}

/// How many of the entries are in the journal already, which ends at `last`.
/// They must be the same there, and there must be no gap.
fn compare(
    conn: &Connection,
    append: &Append,
    texts: &[String],
    last: u64,
) -> Result<usize, Fault> {
    if append.first_seq == 0 || append.first_seq > last.saturating_add(1) {
        let first = append.first_seq;
        return Err(mismatch(format!("it ends at {last}, the first new entry is for {first}")));
    }
    // Texts and not values are compared: a number's text may read back as its
    // neighbour, but the same entry always has the same text.
    let mut statement = conn.prepare_cached(
        "SELECT seq, entry FROM steps WHERE task_id = ?1 AND seq >= ?2 ORDER BY seq LIMIT ?3",
    )?;
    let range = params![append.task_id.to_string(), int(append.first_seq), int(texts.len() as u64)];
    let mut rows = statement.query(range)?;
    let mut known = 0;
    while let Some(row) = rows.next()? {
        let there: String = row.get("entry")?;
        if texts.get(known) != Some(&there) {
            let seq = rows::uint(row, "seq")?;
            return Err(mismatch(format!("entry {seq} is there with another content")));
        }
        known += 1;
    }
    Ok(known)
}

fn mismatch(detail: impl Into<String>) -> Fault {
    StoreError::JournalConflict { detail: detail.into() }.into()
}

pub(super) fn conflict(error: agentos_domain::JournalError) -> StoreError {
    StoreError::JournalConflict { detail: error.to_string() }
}

/// What an entry changes of its task. `before` is the phase that it met.
fn apply(task: &mut Task, entry: &Entry, before: &Phase, now: Timestamp) {
    task.steps += 1;
    match entry {
        Entry::ModelReply { model, usage, .. } => {
            task.model_used = Some(model.clone());
            task.input_tokens = task.input_tokens.saturating_add(usage.input_tokens);
            task.output_tokens = task.output_tokens.saturating_add(usage.output_tokens);
        }
        Entry::ToolResult { outcome, .. } => {
            task.tool_calls = task.tool_calls.saturating_add(1);
            if let (ToolOutcome::Ok(_), Phase::Effect { call, .. }) = (outcome, before) {
                add_source(task, call.arguments.get("path"));
            }
        }
        Entry::ToolUnknown { .. } | Entry::ApprovalAsked { .. } => {
            task.status = TaskStatus::WaitingApproval;
        }
        Entry::Decided { .. } => task.status = TaskStatus::Pending,
        Entry::Finished { output, .. } => {
            task.output = Some(output.clone());
            end(task, TaskStatus::Completed, now);
        }
        Entry::Failed { error } => {
            task.error = Some(error.clone());
            end(task, TaskStatus::Failed, now);
        }
        Entry::Cancelled { .. } => end(task, TaskStatus::Cancelled, now),
        Entry::ToolIntent { .. }
        | Entry::ToolRetry { .. }
        | Entry::ToolRefused { .. }
        | Entry::AnswerChecked { .. } => {}
    }
}

fn add_source(task: &mut Task, path: Option<&serde_json::Value>) {
    let Some(path) = path.and_then(serde_json::Value::as_str) else { return };
    // One file, one spelling.
    let path = path.parse::<RelPath>().map_or_else(|_| path.to_owned(), String::from);
    if !task.context_sources.contains(&path) {
        task.context_sources.push(path);
    }
}

fn end(task: &mut Task, status: TaskStatus, now: Timestamp) {
    task.status = status;
    task.completed_at = Some(now);
    task.execution_time_ms = task
        .started_at
        .map(|started| u64::try_from(now.since(started).as_millis()).unwrap_or(u64::MAX));
}

fn insert(conn: &Connection, ws: &WorkspaceId, step: &Step, text: &str) -> Result<(), Fault> {
    conn.prepare_cached(
        "INSERT INTO steps (task_id, seq, workspace_id, kind, fence, recorded_at, entry)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        step.task_id.to_string(),
        int(step.seq),
        ws.as_str(),
        step.entry.kind(),
        int(step.fence.0),
        step.recorded_at.millis(),
        text,
    ])?;
    Ok(())
}

pub(super) fn cancel(
    conn: &Connection,
    ws: &WorkspaceId,
    id: &TaskId,
    reason: &str,
    now: Timestamp,
) -> Result<Option<Cancelled>, Fault> {
    let Some(task) = tasks::by_id(conn, ws, id)? else { return Ok(None) };
    if task.status.is_final() {
        return Ok(Some(Cancelled { task, lease: None, step: None }));
    }
    let lease = leases::end(conn, id, now)?;
    let entry = Entry::Cancelled { reason: reason.to_owned() };
    let (task, step) = end_by_hub(conn, id, entry, now)?;
    Ok(Some(Cancelled { task, lease, step: Some(step) }))
}

pub(super) fn fail(
    conn: &Connection,
    id: &TaskId,
    error: ErrorInfo,
    now: Timestamp,
) -> Result<Option<(Task, Step)>, Fault> {
    match tasks::stored(conn, id)? {
        Some(stored) if !stored.task.status.is_final() => {}
        _ => return Ok(None),
    }
    leases::end(conn, id, now)?;
    end_by_hub(conn, id, Entry::Failed { error }, now).map(Some)
}

/// Writes the last entry of a task that has not ended. These entries may
/// follow any other, so the journal need not be read; the number of the lease
/// grows, so that its late holder is recognised.
fn end_by_hub(
    conn: &Connection,
    id: &TaskId,
    entry: Entry,
    now: Timestamp,
) -> Result<(Task, Step), Fault> {
    let Stored { task, fence, .. } = tasks::existing(conn, id)?;
    let fence = Fence(fence.0.saturating_add(1));
    proposals::withdraw(conn, id, now)?;
    write_by_hub(conn, task, fence, entry, now)
}

/// Writes an entry of the hub's own, which must be able to follow.
pub(super) fn write_by_hub(
    conn: &Connection,
    mut task: Task,
    fence: Fence,
    entry: Entry,
    now: Timestamp,
) -> Result<(Task, Step), Fault> {
    apply(&mut task, &entry, &Phase::Ended, now);
    let text = serde_json::to_string(&entry)?;
    let task_id = task.task_id.clone();
    let step = Step { task_id, seq: task.steps, fence, recorded_at: now, entry };
    insert(conn, &task.workspace_id, &step, &text)?;
    tasks::update(conn, &task, fence)?;
    forget_files(conn, &task)?;
    Ok((task, step))
}
