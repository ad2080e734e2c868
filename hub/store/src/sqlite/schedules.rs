//! Schedules and their slots.
//!
//! The slots of a schedule are recorded in their order, and with each change
//! the schedule's next slot moves on: whoever read another next slot changes
//! nothing. The task of a slot is made in the transaction that records it.

use agentos_domain::{
    Schedule, ScheduleId, Slot, SlotOutcome, Task, Timestamp, Timing, WorkspaceId,
};
use rusqlite::{Connection, OptionalExtension, params};

use super::fault::Fault;
use super::{rows, tasks};
use crate::{Settle, Settled, SlotAction, SlotRun, StoreError};

pub(super) fn create(conn: &Connection, schedule: &Schedule, limit: u32) -> Result<(), Fault> {
    let ws = schedule.workspace_id.as_str();
    let (same, all): (u32, u32) = conn
        .prepare_cached(
            "SELECT count(*) FILTER (WHERE name = ?2), count(*) FROM schedules
             WHERE workspace_id = ?1 AND deleted = 0",
        )?
        .query_row([ws, schedule.name.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))?;
    if same > 0 {
        return Err(StoreError::ScheduleExists { name: schedule.name.to_string() }.into());
    }
    if all >= limit {
        return Err(StoreError::TooManySchedules { limit }.into());
    }
    let (cron, at) = match &schedule.timing {
        Timing::Cron { cron } => (Some(cron), None),
        Timing::Once { at } => (None, Some(at.millis())),
    };
    conn.prepare_cached(
        "INSERT INTO schedules (schedule_id, workspace_id, name, cron, at, timezone, task, enabled,
             next_slot, due_at, held_up, created_by, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9, ?10, ?11, ?12)",
    )?
    .execute(params![
        schedule.schedule_id.to_string(),
        ws,
        schedule.name.as_str(),
        cron,
        at,
        schedule.timezone,
        serde_json::to_string(&schedule.task)?,
        schedule.enabled,
        schedule.next_slot.map(Timestamp::millis),
        schedule.held_up,
        schedule.created_by,
        schedule.created_at.millis(),
    ])?;
    Ok(())
}

pub(super) fn by_id(
    conn: &Connection,
    ws: &WorkspaceId,
    id: &ScheduleId,
) -> Result<Option<Schedule>, Fault> {
    let mut statement = conn.prepare_cached(
        "SELECT * FROM schedules WHERE schedule_id = ?1 AND workspace_id = ?2 AND deleted = 0",
    )?;
    Ok(statement.query_row([&id.to_string(), ws.as_str()], rows::schedule).optional()?)
}

pub(super) fn list(
    conn: &Connection,
    ws: &WorkspaceId,
    before: Option<&ScheduleId>,
    limit: u32,
) -> Result<Vec<Schedule>, Fault> {
    let before: i64 = match before {
        None => i64::MAX,
        Some(id) => conn
            .prepare_cached(
                "SELECT position FROM schedules
                 WHERE schedule_id = ?1 AND workspace_id = ?2 AND deleted = 0",
            )?
            .query_row([&id.to_string(), ws.as_str()], |row| row.get(0))
            .optional()?
            .ok_or(StoreError::UnknownCursor)?,
    };
    let mut statement = conn.prepare_cached(
        "SELECT * FROM schedules WHERE workspace_id = ?1 AND deleted = 0 AND position < ?2
         ORDER BY position DESC LIMIT ?3",
    )?;
    let page = statement.query_map(params![ws.as_str(), before, limit], rows::schedule)?;
    Ok(page.collect::<Result<_, _>>()?)
}

pub(super) fn delete(conn: &Connection, ws: &WorkspaceId, id: &ScheduleId) -> Result<bool, Fault> {
    let deleted = conn
        .prepare_cached(
            "UPDATE schedules SET deleted = 1, next_slot = NULL, due_at = NULL, held_up = NULL
             WHERE schedule_id = ?1 AND workspace_id = ?2 AND deleted = 0",
        )?
        .execute([&id.to_string(), ws.as_str()])?;
    Ok(deleted == 1)
}

pub(super) fn any_deleted(conn: &Connection) -> Result<bool, Fault> {
    Ok(conn.prepare_cached("SELECT 1 FROM schedules WHERE deleted = 1")?.exists([])?)
}

/// Removes slots of deleted schedules, at most `limit`, and the schedules that
/// have none left. True if there may be more.
pub(super) fn purge(conn: &Connection, limit: u32) -> Result<bool, Fault> {
    let slots = conn
        .prepare_cached(
            "DELETE FROM schedule_slots WHERE (schedule_id, slot_at) IN (
                 SELECT schedule_id, slot_at FROM schedules JOIN schedule_slots USING (schedule_id)
                 WHERE deleted = 1 LIMIT ?1)",
        )?
        .execute([limit])?;
    if slots == limit as usize {
        return Ok(true);
    }
    conn.prepare_cached(
        "DELETE FROM schedules WHERE deleted = 1 AND NOT EXISTS (
             SELECT 1 FROM schedule_slots WHERE schedule_slots.schedule_id = schedules.schedule_id)",
    )?
    .execute([])?;
    Ok(false)
}

pub(super) fn pause(
    conn: &Connection,
    ws: &WorkspaceId,
    id: &ScheduleId,
    expected: Option<Timestamp>,
) -> Result<bool, Fault> {
    let paused = conn
        .prepare_cached(
            "UPDATE schedules SET enabled = 0, next_slot = NULL, due_at = NULL, held_up = NULL
             WHERE schedule_id = ?1 AND workspace_id = ?2 AND deleted = 0 AND enabled = 1
                 AND next_slot IS ?3",
        )?
        .execute(params![id.to_string(), ws.as_str(), expected.map(Timestamp::millis)])?;
    Ok(paused == 1)
}

pub(super) fn resume(
    conn: &Connection,
    ws: &WorkspaceId,
    id: &ScheduleId,
    next: Timestamp,
) -> Result<bool, Fault> {
    let resumed = conn
        .prepare_cached(
            "UPDATE schedules SET enabled = 1, next_slot = ?3, due_at = ?3
             WHERE schedule_id = ?1 AND workspace_id = ?2 AND deleted = 0 AND enabled = 0",
        )?
        .execute(params![id.to_string(), ws.as_str(), next.millis()])?;
    Ok(resumed == 1)
}

pub(super) fn due(conn: &Connection, now: Timestamp, limit: u32) -> Result<Vec<Schedule>, Fault> {
    let mut statement = conn.prepare_cached(
        "SELECT * FROM schedules WHERE due_at <= ?1 ORDER BY due_at, position LIMIT ?2",
    )?;
    let due = statement.query_map(params![now.millis(), limit], rows::schedule)?;
    Ok(due.collect::<Result<_, _>>()?)
}

pub(super) fn next_due(conn: &Connection) -> Result<Option<Timestamp>, Fault> {
    let next: Option<i64> = conn
        .prepare_cached("SELECT min(due_at) FROM schedules WHERE due_at IS NOT NULL")?
        .query_row([], |row| row.get(0))?;
    Ok(next.map(Timestamp::from_millis))
}

pub(super) fn settle(conn: &Connection, settle: &Settle) -> Result<Settled, Fault> {
    let id = settle.schedule_id.to_string();
    let found: Option<(String, Option<String>)> = conn
        .prepare_cached(
            "SELECT workspace_id, held_up FROM schedules WHERE schedule_id = ?1 AND next_slot = ?2",
        )?
        .query_row(params![id, settle.expected.millis()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((ws, held_up)) = found else { return Ok(Settled::Moved) };
    let record =
        |at: Timestamp, outcome: &SlotOutcome| record(conn, (&id, &ws), at, outcome, settle.now);
    for at in &settle.missed {
        let reason = held_up.clone().filter(|_| *at == settle.expected);
        let outcome = reason.map_or(SlotOutcome::Missed, |reason| SlotOutcome::Failed { reason });
        record(*at, &outcome)?;
    }
    let mut settled = Settled::Recorded;
    if let Some((at, action)) = &settle.newest {
        match outcome(conn, (&id, *at), action, settle.now)? {
            Outcome::Of(outcome) => record(*at, &outcome)?,
            Outcome::Ran(task) => {
                record(*at, &SlotOutcome::Run { task_id: task.task_id.clone() })?;
                settled = Settled::Ran(task);
            }
            Outcome::HeldUp { reason, retry_at } => {
                move_on(conn, &id, Some((*at, retry_at)), Some(&reason))?;
                return Ok(Settled::HeldUp { reason });
            }
            Outcome::Known => {}
        }
    }
    move_on(conn, &id, settle.next.map(|next| (next, next)), None)?;
    Ok(settled)
}

/// What becomes of the newest slot that is due.
enum Outcome {
    Ran(Box<Task>),
    Of(SlotOutcome),
    /// It has a row from before the clock was put back.
    Known,
    HeldUp {
        reason: String,
        retry_at: Timestamp,
    },
}

fn outcome(
    conn: &Connection,
    (id, at): (&str, Timestamp),
    action: &SlotAction,
    now: Timestamp,
) -> Result<Outcome, Fault> {
    let known = conn
        .prepare_cached("SELECT 1 FROM schedule_slots WHERE schedule_id = ?1 AND slot_at = ?2")?
        .exists(params![id, at.millis()])?;
    if known {
        return Ok(Outcome::Known);
    }
    let SlotRun { task_id, task, request_hash, queue_limit, retry_at } = match action {
        SlotAction::Run(run) => run.as_ref(),
        SlotAction::Fail { reason } => {
            return Ok(Outcome::Of(SlotOutcome::Failed { reason: reason.clone() }));
        }
    };
    match tasks::create(conn, task_id, task, request_hash, *queue_limit, now) {
        Ok(created) => Ok(Outcome::Ran(Box::new(created.task))),
        // Both are found before anything is written.
        Err(Fault::Store(error @ StoreError::QueueFull { .. })) => {
            Ok(Outcome::HeldUp { reason: error.to_string(), retry_at: *retry_at })
        }
        Err(Fault::Store(error @ StoreError::IdempotencyConflict)) => {
            Ok(Outcome::Of(SlotOutcome::Failed { reason: error.to_string() }))
        }
        Err(fault) => Err(fault),
    }
}

/// Writes what became of a slot, unless that was written before.
fn record(
    conn: &Connection,
    (id, ws): (&str, &str),
    at: Timestamp,
    outcome: &SlotOutcome,
    now: Timestamp,
) -> Result<(), Fault> {
    let (task, reason) = match outcome {
        SlotOutcome::Run { task_id } => (Some(task_id.to_string()), None),
        SlotOutcome::Missed => (None, None),
        SlotOutcome::Failed { reason } => (None, Some(reason)),
    };
    conn.prepare_cached(
        "INSERT INTO schedule_slots
             (schedule_id, slot_at, workspace_id, status, task_id, reason, recorded_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (schedule_id, slot_at) DO NOTHING",
    )?
    .execute(params![id, at.millis(), ws, outcome.as_str(), task, reason, now.millis()])?;
    Ok(())
}

/// Sets the next slot, and when to look at it.
fn move_on(
    conn: &Connection,
    id: &str,
    next: Option<(Timestamp, Timestamp)>,
    held_up: Option<&str>,
) -> Result<(), Fault> {
    let (slot, due) = next.map(|(slot, due)| (slot.millis(), due.millis())).unzip();
    conn.prepare_cached(
        "UPDATE schedules SET next_slot = ?2, due_at = ?3, held_up = ?4 WHERE schedule_id = ?1",
    )?
    .execute(params![id, slot, due, held_up])?;
    Ok(())
}

pub(super) fn slots(
    conn: &Connection,
    ws: &WorkspaceId,
    id: &ScheduleId,
    before: Option<Timestamp>,
    limit: u32,
) -> Result<Vec<Slot>, Fault> {
    let mut statement = conn.prepare_cached(
        "SELECT schedule_slots.* FROM schedule_slots JOIN schedules USING (schedule_id)
         WHERE schedule_id = ?1 AND schedule_slots.workspace_id = ?2 AND deleted = 0
             AND slot_at < ?3
         ORDER BY slot_at DESC LIMIT ?4",
    )?;
    let before = before.map_or(i64::MAX, Timestamp::millis);
    let page = params![id.to_string(), ws.as_str(), before, limit];
    Ok(statement.query_map(page, rows::slot)?.collect::<Result<_, _>>()?)
}
