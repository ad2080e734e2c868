//! The files of a workspace, and the snapshots that tasks work on.

use agentos_domain::{
    BlobHash, EdgeId, FileEntry, Manifest, RelPath, TaskId, Timestamp, WorkspaceId,
};
use rusqlite::{Connection, OptionalExtension, params};

use super::fault::Fault;
use super::rows::{self, int};

pub(super) fn put(
    conn: &Connection,
    ws: &WorkspaceId,
    path: &RelPath,
    entry: &FileEntry,
    now: Timestamp,
) -> Result<FileEntry, Fault> {
    let known = entry.known_time();
    // The same content again is no change: snapshots stay valid, unless the
    // owner says another time.
    let changed = conn
        .prepare_cached(
            "INSERT INTO files (workspace_id, path, hash, size, updated_at, modified_at)
             VALUES (?1, ?2, ?3, ?4, ?5, coalesce(?6, ?5))
             ON CONFLICT (workspace_id, path) DO UPDATE
             SET hash = excluded.hash, size = excluded.size, updated_at = excluded.updated_at,
                 modified_at = excluded.modified_at
             WHERE hash <> excluded.hash OR size <> excluded.size OR modified_at <> ?6",
        )?
        .execute(params![
            ws.as_str(),
            path.as_str(),
            entry.hash.to_string(),
            int(entry.size),
            now.millis(),
            known.map(Timestamp::millis)
        ])?;
    if changed > 0 {
        new_version(conn, ws)?;
        return Ok(FileEntry { modified: known.unwrap_or(now), ..entry.clone() });
    }
    let modified = conn
        .prepare_cached("SELECT modified_at FROM files WHERE workspace_id = ?1 AND path = ?2")?
        .query_row([ws.as_str(), path.as_str()], |row| row.get(0))?;
    Ok(FileEntry { modified: Timestamp::from_millis(modified), ..entry.clone() })
}

pub(super) fn delete(conn: &Connection, ws: &WorkspaceId, path: &RelPath) -> Result<bool, Fault> {
    let deleted = conn
        .prepare_cached("DELETE FROM files WHERE workspace_id = ?1 AND path = ?2")?
        .execute([ws.as_str(), path.as_str()])?;
    if deleted > 0 {
        new_version(conn, ws)?;
    }
    Ok(deleted > 0)
}

fn new_version(conn: &Connection, ws: &WorkspaceId) -> Result<(), Fault> {
    conn.prepare_cached(
        "INSERT INTO workspaces (workspace_id, files_version) VALUES (?1, 1)
         ON CONFLICT (workspace_id) DO UPDATE SET files_version = files_version + 1",
    )?
    .execute([ws.as_str()])?;
    Ok(())
}

fn version(conn: &Connection, ws: &str) -> Result<i64, Fault> {
    let mut statement =
        conn.prepare_cached("SELECT files_version FROM workspaces WHERE workspace_id = ?1")?;
    Ok(statement.query_row([ws], |row| row.get(0)).optional()?.unwrap_or(0))
}

pub(super) fn manifest(conn: &Connection, ws: &WorkspaceId) -> Result<Manifest, Fault> {
    let mut statement = conn.prepare_cached(
        "SELECT path, hash, size, modified_at FROM files WHERE workspace_id = ?1",
    )?;
    Ok(rows::manifest(&mut statement.query([ws.as_str()])?)?)
}

/// The snapshot of the workspace as it is now, made if there is none yet.
pub(super) fn current_snapshot(conn: &Connection, ws: &WorkspaceId) -> Result<i64, Fault> {
    let version = version(conn, ws.as_str())?;
    let found: Option<i64> = conn
        .prepare_cached(
            "SELECT snapshot_id FROM snapshots WHERE workspace_id = ?1 AND version = ?2",
        )?
        .query_row(params![ws.as_str(), version], |row| row.get(0))
        .optional()?;
    if let Some(id) = found {
        return Ok(id);
    }
    conn.prepare_cached("INSERT INTO snapshots (workspace_id, version) VALUES (?1, ?2)")?
        .execute(params![ws.as_str(), version])?;
    let id = conn.last_insert_rowid();
    conn.prepare_cached(
        "INSERT INTO snapshot_files (snapshot_id, workspace_id, path, hash, size, modified_at)
         SELECT ?1, workspace_id, path, hash, size, modified_at FROM files WHERE workspace_id = ?2",
    )?
    .execute(params![id, ws.as_str()])?;
    Ok(id)
}

pub(super) fn snapshot(conn: &Connection, id: i64) -> Result<Manifest, Fault> {
    let mut statement = conn.prepare_cached(
        "SELECT path, hash, size, modified_at FROM snapshot_files WHERE snapshot_id = ?1",
    )?;
    Ok(rows::manifest(&mut statement.query([id])?)?)
}

/// Removes the snapshots that no task can need again: those of older versions
/// whose tasks have ended.
pub(super) fn drop_old_snapshots(conn: &Connection, ws: &WorkspaceId) -> Result<(), Fault> {
    let version = version(conn, ws.as_str())?;
    conn.prepare_cached(
        "DELETE FROM snapshots WHERE workspace_id = ?1 AND version < ?2 AND NOT EXISTS (
             SELECT 1 FROM tasks WHERE tasks.snapshot_id = snapshots.snapshot_id
             AND status IN ('pending', 'running', 'waiting_approval'))",
    )?
    .execute(params![ws.as_str(), version])?;
    Ok(())
}

pub(super) fn blob_in_lease(
    conn: &Connection,
    edge: &EdgeId,
    task: &TaskId,
    hash: &BlobHash,
) -> Result<bool, Fault> {
    let mut statement = conn.prepare_cached(
        "SELECT 1 FROM leases JOIN tasks USING (task_id) JOIN snapshot_files USING (snapshot_id)
         WHERE task_id = ?1 AND hash = ?2 AND edge_id = ?3
         UNION ALL
         SELECT 1 FROM leases JOIN task_files USING (task_id)
         WHERE task_id = ?1 AND hash = ?2 AND edge_id = ?3",
    )?;
    Ok(statement.exists([task.to_string(), hash.to_string(), edge.to_string()])?)
}
