//! Leases: who works on what, judged by the hub's clock alone.

use std::time::Duration;

use agentos_domain::{AttemptId, EdgeId, ErrorInfo, Fence, OnEdgeLost, Task, TaskId, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::fault::Fault;
use super::rows::{self, int};
use super::{changes, edges, files, journal, proposals, queue, tasks};
use crate::{Append, Claim, Claimed, HeldLease, Lease, RunScope, StoreError};

pub(super) fn claim_next(conn: &Connection, claim: &Claim) -> Result<Option<Claimed>, Fault> {
    edges::refuse_shut_out(conn, &claim.edge, claim.epoch)?;
    let Some(next) = queue::take(conn, &claim.limits, &claim.placement)? else { return Ok(None) };
    let snapshot = match next.snapshot {
        Some(pinned) => pinned,
        None => files::current_snapshot(conn, &next.workspace)?,
    };
    conn.prepare_cached(
        "UPDATE tasks SET status = 'running', fence = fence + 1, attempt_id = ?2,
             snapshot_id = ?3, started_at = coalesce(started_at, ?4)
         WHERE task_id = ?1",
    )?
    .execute(params![
        next.id.to_string(),
        claim.attempt.to_string(),
        snapshot,
        claim.now.millis()
    ])?;
    let stored = tasks::existing(conn, &next.id)?;
    conn.prepare_cached(
        "INSERT INTO leases
             (task_id, workspace_id, edge_id, attempt_id, fence, acquired_at, expires_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        next.id.to_string(),
        next.workspace.as_str(),
        claim.edge.to_string(),
        claim.attempt.to_string(),
        int(stored.fence.0),
        claim.now.millis(),
        claim.now.plus(claim.ttl).millis(),
    ])?;
    let granted = proposals::granted(conn, &next.workspace, &next.agent.name)?;
    let limit = Duration::from_secs(next.agent.timeout_seconds);
    Ok(Some(Claimed {
        time_left: limit.saturating_sub(worked(conn, &next.id)?),
        edge: claim.edge.clone(),
        journal: journal::entries(conn, &next.id)?,
        manifest: changes::manifest(conn, &next.id, snapshot)?,
        task: stored.task,
        agent: next.agent,
        first_tool: next.first_tool,
        request_id: next.request_id,
        granted,
        attempt: claim.attempt.clone(),
        fence: stored.fence,
    }))
}

/// Whether the writer holds the lease that it names.
pub(super) fn is_held(conn: &Connection, append: &Append) -> Result<bool, Fault> {
    let (task_id, attempt) = (append.task_id.clone(), append.attempt.clone());
    let held = HeldLease { task_id, attempt, fence: append.fence };
    is_held_by(conn, &append.edge, &held, append.now)
}

/// Whether `edge` holds this lease.
pub(super) fn is_held_by(
    conn: &Connection,
    edge: &EdgeId,
    held: &HeldLease,
    now: Timestamp,
) -> Result<bool, Fault> {
    let mut statement = conn.prepare_cached(
        "SELECT 1 FROM leases
         WHERE task_id = ?1 AND edge_id = ?2 AND attempt_id = ?3 AND fence = ?4
             AND expires_at > ?5",
    )?;
    Ok(statement.exists(params![
        held.task_id.to_string(),
        edge.to_string(),
        held.attempt.to_string(),
        int(held.fence.0),
        now.millis(),
    ])?)
}

/// What a model that is called for a run may do, if the caller holds its lease.
pub(super) fn scope(
    conn: &Connection,
    edge: &EdgeId,
    held: &HeldLease,
    now: Timestamp,
) -> Result<RunScope, Fault> {
    if !is_held_by(conn, edge, held, now)? {
        return Err(StoreError::Fenced.into());
    }
    tasks::scope(conn, &held.task_id)
}

pub(super) fn extend(conn: &Connection, append: &Append) -> Result<(), Fault> {
    conn.prepare_cached("UPDATE leases SET expires_at = ?2 WHERE task_id = ?1")?
        .execute(params![append.task_id.to_string(), append.now.plus(append.ttl).millis()])?;
    Ok(())
}

/// How long executors have worked on a task in leases that have ended.
fn worked(conn: &Connection, id: &TaskId) -> Result<Duration, Fault> {
    let mut statement = conn.prepare_cached("SELECT worked_ms FROM tasks WHERE task_id = ?1")?;
    Ok(statement
        .query_row([id.to_string()], |row| rows::uint(row, 0))
        .map(Duration::from_millis)?)
}

/// Adds the time of a task's lease, which ends now, to what was worked before.
/// An executor that was lost counts until its lease would have expired.
fn count_work(conn: &Connection, id: &TaskId, now: Timestamp) -> Result<(), Fault> {
    conn.prepare_cached(
        "UPDATE tasks SET worked_ms = worked_ms + coalesce(
             (SELECT max(0, min(?2, expires_at) - acquired_at) FROM leases
              WHERE leases.task_id = tasks.task_id), 0)
         WHERE task_id = ?1",
    )?
    .execute(params![id.to_string(), now.millis()])?;
    Ok(())
}

/// Ends the lease of a task, whoever holds it.
pub(super) fn end(conn: &Connection, id: &TaskId, now: Timestamp) -> Result<Option<Lease>, Fault> {
    count_work(conn, id, now)?;
    let mut statement = conn.prepare_cached(
        "DELETE FROM leases WHERE task_id = ?1 RETURNING edge_id, attempt_id, fence",
    )?;
    let lease = statement.query_row([id.to_string()], |row| {
        Ok(Lease {
            edge: rows::parsed(row, "edge_id")?,
            attempt: rows::parsed(row, "attempt_id")?,
            fence: Fence(rows::uint(row, "fence")?),
        })
    });
    Ok(lease.optional()?)
}

pub(super) fn renew(
    conn: &Connection,
    edge: &EdgeId,
    held: &[HeldLease],
    now: Timestamp,
    ttl: Duration,
) -> Result<Vec<AttemptId>, Fault> {
    edges::seen(conn, edge, now)?;
    let mut statement = conn.prepare_cached(
        "UPDATE leases SET expires_at = ?6
         WHERE task_id = ?1 AND edge_id = ?2 AND attempt_id = ?3 AND fence = ?4
             AND expires_at > ?5",
    )?;
    let mut lost = Vec::new();
    for lease in held {
        let renewed = statement.execute(params![
            lease.task_id.to_string(),
            edge.to_string(),
            lease.attempt.to_string(),
            int(lease.fence.0),
            now.millis(),
            now.plus(ttl).millis(),
        ])?;
        if renewed == 0 {
            lost.push(lease.attempt.clone());
        }
    }
    Ok(lost)
}

pub(super) fn release(
    conn: &Connection,
    held: &HeldLease,
    now: Timestamp,
) -> Result<Option<Task>, Fault> {
    let held_now = conn
        .prepare_cached(
            "SELECT 1 FROM leases WHERE task_id = ?1 AND attempt_id = ?2 AND fence = ?3",
        )?
        .exists(params![held.task_id.to_string(), held.attempt.to_string(), int(held.fence.0)])?;
    if !held_now {
        return Ok(None);
    }
    end(conn, &held.task_id, now)?;
    make_pending(conn, &held.task_id)?;
    Ok(Some(tasks::existing(conn, &held.task_id)?.task))
}

pub(super) fn release_lost(
    conn: &Connection,
    edge: &EdgeId,
    kept: &[AttemptId],
    now: Timestamp,
) -> Result<Vec<Task>, Fault> {
    let held = conn
        .prepare_cached(
            "SELECT task_id, attempt_id, fence FROM leases WHERE edge_id = ?1 ORDER BY task_id",
        )?
        .query_map([edge.to_string()], held_lease)?
        .collect::<Result<Vec<_>, _>>()?;
    lost(conn, held.into_iter().filter(|lease| !kept.contains(&lease.attempt)), now)
}

pub(super) fn expire(conn: &Connection, now: Timestamp) -> Result<Vec<Task>, Fault> {
    let expired = conn
        .prepare_cached(
            "SELECT task_id, attempt_id, fence FROM leases WHERE expires_at <= ?1
             ORDER BY task_id",
        )?
        .query_map([now.millis()], held_lease)?
        .collect::<Result<Vec<_>, _>>()?;
    lost(conn, expired.into_iter(), now)
}

pub(super) fn extend_all(conn: &Connection, now: Timestamp, ttl: Duration) -> Result<u64, Fault> {
    // The time in which nobody could renew is no time of work.
    conn.prepare_cached(
        "UPDATE tasks SET worked_ms = worked_ms + coalesce(
             (SELECT max(0, min(?1, expires_at) - acquired_at) FROM leases
              WHERE leases.task_id = tasks.task_id), 0)
         WHERE task_id IN (SELECT task_id FROM leases)",
    )?
    .execute([now.millis()])?;
    let extended = conn
        .prepare_cached("UPDATE leases SET acquired_at = ?1, expires_at = ?2")?
        .execute([now.millis(), now.plus(ttl).millis()])?;
    Ok(extended as u64)
}

fn held_lease(row: &Row<'_>) -> rusqlite::Result<HeldLease> {
    Ok(HeldLease {
        task_id: rows::parsed(row, "task_id")?,
        attempt: rows::parsed(row, "attempt_id")?,
        fence: Fence(rows::uint(row, "fence")?),
    })
}

/// Takes leases back whose executor is lost. A task that is not to wait for
/// another fails, unless somebody has to look at its last call first: whoever
/// takes it up next asks.
fn lost(
    conn: &Connection,
    leases: impl Iterator<Item = HeldLease>,
    now: Timestamp,
) -> Result<Vec<Task>, Fault> {
    let mut tasks = Vec::new();
    for lease in leases {
        let Some(task) = release(conn, &lease, now)? else { continue };
        if task.on_edge_lost != OnEdgeLost::Fail
            || journal::may_have_happened(conn, &lease.task_id)?
        {
            tasks.push(task);
            continue;
        }
        let message = "its edge was lost while it worked on the task: ask again, or let tasks \
                       of this agent wait (on_edge_lost)";
        let error = ErrorInfo::new("edge_lost", message);
        tasks.extend(journal::fail(conn, &lease.task_id, error, now)?.map(|(task, _)| task));
    }
    Ok(tasks)
}

fn make_pending(conn: &Connection, id: &TaskId) -> Result<(), Fault> {
    let changed = conn
        .prepare_cached(
            "UPDATE tasks SET status = 'pending' WHERE task_id = ?1 AND status = 'running'",
        )?
        .execute([id.to_string()])?;
    if changed == 1 {
        return Ok(());
    }
    Err(StoreError::internal(format!("{id} had a lease and was not running")).into())
}
