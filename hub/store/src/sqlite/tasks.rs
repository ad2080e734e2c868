//! Tasks as rows: accepting, reading, updating.

use std::time::Duration;

use agentos_domain::{
    AttemptId, ErrorInfo, Fence, NewTask, Step, Task, TaskId, TaskStatus, Timestamp, WorkspaceId,
};
use rusqlite::{Connection, OptionalExtension, params};

use super::fault::Fault;
use super::queue;
use super::rows::{self, int};
use crate::{Created, RunScope, StoreError, TaskFilter, TaskLoad};

/// How long an idempotency key stands for its task.
const KEY_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// A task with what only the store knows of it.
pub(super) struct Stored {
    pub(super) task: Task,
    /// The number of the last lease.
    pub(super) fence: Fence,
    pub(super) last_attempt: Option<AttemptId>,
}

pub(super) fn create(
    conn: &Connection,
    id: &TaskId,
    new: &NewTask,
    request_hash: &[u8; 32],
    queue_limit: u32,
    now: Timestamp,
) -> Result<Created, Fault> {
    if let Some(key) = &new.idempotency_key
        && let Some(task) = earlier(conn, &new.workspace_id, key, request_hash, now)?
    {
        return Ok(Created { task, replayed: true });
    }
    queue::refuse_full(conn, &new.workspace_id, queue_limit)?;
    conn.prepare_cached(
        "INSERT INTO tasks (task_id, workspace_id, user_input, status, agent_name, agent,
             first_tool, session_id, idempotency_key, request_id, priority, tier, key_id,
             on_edge_lost, privacy, created_at)
         VALUES (?1, ?2, ?3, 'pending', ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
    )?
    .execute(params![
        id.to_string(),
        new.workspace_id.as_str(),
        new.user_input,
        new.agent.name.as_str(),
        serde_json::to_string(&new.agent)?,
        new.first_tool.as_ref().map(|tool| tool.as_str()),
        new.session.as_ref().map(ToString::to_string),
        new.idempotency_key,
        new.request_id.as_ref().map(ToString::to_string),
        new.priority.rank(),
        new.agent.model_tier.as_str(),
        new.key_id,
        new.on_edge_lost.as_str(),
        new.privacy.as_str(),
        now.millis(),
    ])?;
    if let Some(key) = &new.idempotency_key {
        // Replaces a key whose time is over.
        conn.prepare_cached(
            "INSERT OR REPLACE INTO idempotency
                 (workspace_id, key, task_id, request_hash, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            new.workspace_id.as_str(),
            key,
            id.to_string(),
            request_hash,
            now.millis()
        ])?;
    }
    let task = existing(conn, id)?.task;
    Ok(Created { task, replayed: false })
}

/// The task that was asked for with the same key.
fn earlier(
    conn: &Connection,
    ws: &WorkspaceId,
    key: &str,
    request_hash: &[u8; 32],
    now: Timestamp,
) -> Result<Option<Task>, Fault> {
    let found: Option<(String, [u8; 32], i64)> = conn
        .prepare_cached(
            "SELECT task_id, request_hash, created_at FROM idempotency
             WHERE workspace_id = ?1 AND key = ?2",
        )?
        .query_row([ws.as_str(), key], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let Some((id, hash, created)) = found else { return Ok(None) };
    if now.since(Timestamp::from_millis(created)) >= KEY_LIFETIME {
        return Ok(None);
    }
    if hash != *request_hash {
        return Err(StoreError::IdempotencyConflict.into());
    }
    let id: TaskId = id.parse().map_err(StoreError::internal)?;
    by_id(conn, ws, &id)
}

pub(super) fn by_id(
    conn: &Connection,
    ws: &WorkspaceId,
    id: &TaskId,
) -> Result<Option<Task>, Fault> {
    let mut statement =
        conn.prepare_cached("SELECT * FROM tasks WHERE task_id = ?1 AND workspace_id = ?2")?;
    Ok(statement.query_row([&id.to_string(), ws.as_str()], rows::task).optional()?)
}

/// A task of any workspace, for verbs that are authorised by a lease or are
/// the hub's own.
pub(super) fn stored(conn: &Connection, id: &TaskId) -> Result<Option<Stored>, Fault> {
    let mut statement = conn.prepare_cached("SELECT * FROM tasks WHERE task_id = ?1")?;
    let stored = statement.query_row([id.to_string()], |row| {
        Ok(Stored {
            task: rows::task(row)?,
            fence: Fence(rows::uint(row, "fence")?),
            last_attempt: rows::parsed_opt(row, "attempt_id")?,
        })
    });
    Ok(stored.optional()?)
}

/// A task that must be there.
pub(super) fn existing(conn: &Connection, id: &TaskId) -> Result<Stored, Fault> {
    Ok(stored(conn, id)?.ok_or_else(|| StoreError::internal(format!("{id} is missing")))?)
}

/// What a model that is called for a task may do.
pub(super) fn scope(conn: &Connection, id: &TaskId) -> Result<RunScope, Fault> {
    let mut statement = conn.prepare_cached("SELECT * FROM tasks WHERE task_id = ?1")?;
    Ok(statement.query_row([id.to_string()], |row| {
        Ok(RunScope {
            task_id: rows::parsed(row, "task_id")?,
            workspace_id: rows::parsed(row, "workspace_id")?,
            key_id: row.get("key_id")?,
            request_id: rows::parsed_opt(row, "request_id")?,
            agent: rows::json(row, "agent")?,
            privacy: rows::parsed(row, "privacy")?,
        })
    })?)
}

/// Adds to what the calls of models for a task have cost. The task may be gone.
pub(super) fn add_cost(conn: &Connection, id: &TaskId, cost: i64) -> Result<(), Fault> {
    conn.prepare_cached("UPDATE tasks SET cost_nano_usd = cost_nano_usd + ?2 WHERE task_id = ?1")?
        .execute(params![id.to_string(), cost])?;
    Ok(())
}

/// The snapshot that a task began with, which it must have.
pub(super) fn snapshot(conn: &Connection, id: &TaskId) -> Result<i64, Fault> {
    let snapshot: Option<i64> = conn
        .prepare_cached("SELECT snapshot_id FROM tasks WHERE task_id = ?1")?
        .query_row([id.to_string()], |row| row.get(0))?;
    Ok(snapshot.ok_or_else(|| StoreError::internal(format!("{id} has no snapshot")))?)
}

pub(super) fn list(
    conn: &Connection,
    ws: &WorkspaceId,
    filter: &TaskFilter,
) -> Result<Vec<Task>, Fault> {
    let before: i64 = match &filter.before {
        None => i64::MAX,
        Some(id) => conn
            .prepare_cached("SELECT position FROM tasks WHERE task_id = ?1 AND workspace_id = ?2")?
            .query_row([&id.to_string(), ws.as_str()], |row| row.get(0))
            .optional()?
            .ok_or(StoreError::UnknownCursor)?,
    };
    let mut statement = conn.prepare_cached(
        "SELECT * FROM tasks WHERE workspace_id = ?1 AND position < ?2
             AND (?3 IS NULL OR status = ?3) AND (?4 IS NULL OR agent_name = ?4)
         ORDER BY position DESC LIMIT ?5",
    )?;
    let status = filter.status.map(TaskStatus::as_str);
    let agent = filter.agent.as_ref().map(|agent| agent.as_str());
    let page = params![ws.as_str(), before, status, agent, filter.limit];
    let tasks = statement.query_map(page, rows::task)?.collect::<Result<_, _>>()?;
    Ok(tasks)
}

pub(super) fn steps(
    conn: &Connection,
    ws: &WorkspaceId,
    id: &TaskId,
    after_seq: u64,
    limit: u32,
) -> Result<Vec<Step>, Fault> {
    let mut statement = conn.prepare_cached(
        "SELECT * FROM steps WHERE task_id = ?1 AND workspace_id = ?2 AND seq > ?3
         ORDER BY seq LIMIT ?4",
    )?;
    let page = params![id.to_string(), ws.as_str(), int(after_seq), limit];
    let steps = statement.query_map(page, rows::step)?.collect::<Result<_, _>>()?;
    Ok(steps)
}

/// Writes what a journal entry can change of a task.
pub(super) fn update(conn: &Connection, task: &Task, fence: Fence) -> Result<(), Fault> {
    let error = task.error.as_ref().map(serde_json::to_string::<ErrorInfo>).transpose()?;
    conn.prepare_cached(
        "UPDATE tasks SET status = ?2, model_used = ?3, output = ?4, error = ?5,
             input_tokens = ?6, output_tokens = ?7, tool_calls = ?8, steps = ?9,
             context_sources = ?10, execution_time_ms = ?11, completed_at = ?12, fence = ?13
         WHERE task_id = ?1",
    )?
    .execute(params![
        task.task_id.to_string(),
        task.status.as_str(),
        task.model_used,
        task.output,
        error,
        int(task.input_tokens),
        int(task.output_tokens),
        task.tool_calls,
        int(task.steps),
        serde_json::to_string(&task.context_sources)?,
        task.execution_time_ms.map(int),
        task.completed_at.map(|time| time.millis()),
        int(fence.0),
    ])?;
    Ok(())
}

pub(super) fn count(conn: &Connection) -> Result<u64, Fault> {
    Ok(conn
        .prepare_cached("SELECT count(*) FROM tasks")?
        .query_row([], |row| rows::uint(row, 0))?)
}

/// Every running task has a lease, and no other has one.
pub(super) fn load(conn: &Connection) -> Result<TaskLoad, Fault> {
    Ok(conn
        .prepare_cached(
            "SELECT (SELECT count(*) FROM tasks WHERE status = 'pending'),
                    (SELECT count(*) FROM leases)",
        )?
        .query_row([], |row| {
            Ok(TaskLoad { pending: rows::uint(row, 0)?, running: rows::uint(row, 1)? })
        })?)
}
