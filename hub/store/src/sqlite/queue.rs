//! Whose task is next.
//!
//! Workspaces share the executors: the one with the fewest runs is next, and of
//! several the one that has waited longest for its turn. So a workspace with
//! ten thousand tasks keeps nobody else waiting, and priorities order the tasks
//! of one workspace only.

use agentos_domain::{TaskId, Tier, WorkspaceId};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::fault::Fault;
use super::rows;
use crate::{ClaimLimits, Placement, StoreError};

/// What is read of a pending task before it is handed out.
pub(super) struct Next {
    pub(super) id: TaskId,
    pub(super) agent: agentos_domain::AgentConfig,
    pub(super) first_tool: Option<agentos_domain::ToolName>,
    pub(super) request_id: Option<agentos_domain::RequestId>,
    pub(super) snapshot: Option<i64>,
    pub(super) workspace: WorkspaceId,
}

fn next(row: &Row<'_>) -> rusqlite::Result<Next> {
    Ok(Next {
        id: rows::parsed(row, "task_id")?,
        agent: rows::json(row, "agent")?,
        first_tool: rows::parsed_opt(row, "first_tool")?,
        request_id: rows::parsed_opt(row, "request_id")?,
        snapshot: row.get("snapshot_id")?,
        workspace: rows::parsed(row, "workspace_id")?,
    })
}

/// Takes the next task's turn; it is still pending.
pub(super) fn take(
    conn: &Connection,
    limits: &ClaimLimits,
    placement: &Placement,
) -> Result<Option<Next>, Fault> {
    let full = full_tiers(conn, &limits.runs_per_tier)?;
    for (workspace, running) in in_turn(conn)? {
        if limits.runs_per_workspace.is_some_and(|most| running >= u64::from(most)) {
            continue;
        }
        let first = match placement {
            Placement::Edge => first_of(conn, &workspace, &full)?,
            Placement::Hub { any, local_only } => {
                first_elsewhere(conn, &workspace, &full, (any, local_only))?
            }
        };
        if let Some(next) = first {
            conn.prepare_cached(
                "INSERT INTO turns (workspace_id, turn)
                 VALUES (?1, (SELECT coalesce(max(turn), 0) + 1 FROM turns))
                 ON CONFLICT (workspace_id) DO UPDATE SET turn = excluded.turn",
            )?
            .execute([workspace])?;
            return Ok(Some(next));
        }
    }
    Ok(None)
}

/// The workspaces that have pending tasks, with how many runs they have.
fn in_turn(conn: &Connection) -> Result<Vec<(String, u64)>, Fault> {
    // One step of the recursion for each workspace, whatever it has waiting.
    let mut statement = conn.prepare_cached(
        "WITH RECURSIVE waiting (id) AS (
             SELECT min(workspace_id) FROM tasks WHERE status = 'pending'
             UNION ALL
             SELECT (SELECT min(workspace_id) FROM tasks
                     WHERE status = 'pending' AND workspace_id > waiting.id)
             FROM waiting WHERE waiting.id IS NOT NULL)
         SELECT id, (SELECT count(*) FROM leases WHERE leases.workspace_id = id) AS running,
             (SELECT position FROM tasks WHERE status = 'pending' AND workspace_id = id
              ORDER BY priority DESC, position LIMIT 1) AS first
         FROM waiting LEFT JOIN turns ON turns.workspace_id = id
         WHERE id IS NOT NULL ORDER BY running, coalesce(turn, 0), first",
    )?;
    let workspaces = statement.query_map([], |row| Ok((row.get(0)?, rows::uint(row, 1)?)))?;
    Ok(workspaces.collect::<Result<_, _>>()?)
}

/// The tiers of which as many run as may.
fn full_tiers(conn: &Connection, limits: &[(Tier, u32)]) -> Result<Vec<Tier>, Fault> {
    let mut full = Vec::new();
    for (tier, most) in limits {
        let running = conn
            .prepare_cached(
                "SELECT count(*) FROM leases JOIN tasks USING (task_id) WHERE tasks.tier = ?1",
            )?
            .query_row([tier.as_str()], |row| rows::uint(row, 0))?;
        if running >= u64::from(*most) {
            full.push(*tier);
        }
    }
    Ok(full)
}

/// The first task of a workspace whose tier has room.
fn first_of(conn: &Connection, workspace: &str, full: &[Tier]) -> Result<Option<Next>, Fault> {
    let full = serde_json::to_string(full)?;
    Ok(conn
        .prepare_cached(
            "SELECT * FROM tasks WHERE status = 'pending' AND workspace_id = ?1
                 AND tier NOT IN (SELECT value FROM json_each(?2))
             ORDER BY priority DESC, position LIMIT 1",
        )?
        .query_row([workspace, &full], next)
        .optional()?)
}

/// The first task of a workspace that the hub may work on, of a tier that its
/// models can answer for: those that any task may ask, and those that a task
/// may ask that is to stay at home.
fn first_elsewhere(
    conn: &Connection,
    workspace: &str,
    full: &[Tier],
    (any, local_only): (&[Tier], &[Tier]),
) -> Result<Option<Next>, Fault> {
    let list = |tiers: &[Tier]| serde_json::to_string(tiers);
    Ok(conn
        .prepare_cached(
            "SELECT * FROM tasks WHERE status = 'pending' AND on_edge_lost = 'elsewhere'
                 AND workspace_id = ?1
                 AND tier NOT IN (SELECT value FROM json_each(?2))
                 AND tier IN (SELECT value FROM json_each(
                     CASE privacy WHEN 'any' THEN ?3 ELSE ?4 END))
             ORDER BY priority DESC, position LIMIT 1",
        )?
        .query_row(params![workspace, list(full)?, list(any)?, list(local_only)?], next)
        .optional()?)
}

/// Refuses a task for which there is no room.
pub(super) fn refuse_full(conn: &Connection, ws: &WorkspaceId, limit: u32) -> Result<(), Fault> {
    let waiting: u32 = conn
        .prepare_cached(
            "SELECT count(*) FROM (SELECT 1 FROM tasks
             WHERE status = 'pending' AND workspace_id = ?1 LIMIT ?2)",
        )?
        .query_row(params![ws.as_str(), limit], |row| row.get(0))?;
    if waiting < limit {
        return Ok(());
    }
    Err(StoreError::QueueFull { limit }.into())
}

/// The place of a pending task among those of its workspace; 1 is the next.
pub(super) fn position(
    conn: &Connection,
    ws: &WorkspaceId,
    id: &TaskId,
) -> Result<Option<u64>, Fault> {
    let mut statement = conn.prepare_cached(
        "SELECT (SELECT count(*) FROM tasks AS other
                 WHERE other.status = 'pending' AND other.workspace_id = own.workspace_id
                     AND (other.priority > own.priority
                          OR other.priority = own.priority AND other.position <= own.position))
         FROM tasks AS own
         WHERE own.task_id = ?1 AND own.workspace_id = ?2 AND own.status = 'pending'",
    )?;
    Ok(statement.query_row([&id.to_string(), ws.as_str()], |row| rows::uint(row, 0)).optional()?)
}
