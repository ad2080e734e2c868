//! What runs change of files. A run works on its own copy of the workspace:
//! the snapshot that its task began with, and over it what its steps changed
//! (`task_files`). Each step's changes are made in the workspace too, unless
//! somebody else has changed the same file meanwhile.

use agentos_domain::{
    BlobHash, Changeset, FileEntry, Manifest, RelPath, Task, TaskId, Timestamp, WorkspaceId,
};
use rusqlite::{CachedStatement, Connection, OptionalExtension, params};

use super::fault::Fault;
use super::rows::{self, int};
use super::{files, leases, tasks};
use crate::{Append, BlobOffer, StoreError};

/// Makes the changes of a step, in the workspace and in the run's own copy.
pub(super) fn apply(
    conn: &Connection,
    task: &Task,
    changes: &Changeset,
    append: &Append,
) -> Result<(), Fault> {
    if changes.files.is_empty() {
        return Ok(());
    }
    fits_the_run(conn, task, changes)?;
    let hashes = missing(conn, &task.task_id, changes)?;
    if !hashes.is_empty() {
        return Err(StoreError::BlobsMissing { hashes }.into());
    }
    let paths = conflicts(conn, &task.workspace_id, changes)?;
    if !paths.is_empty() {
        return Err(StoreError::FilesChanged { paths }.into());
    }
    change_workspace(conn, &task.workspace_id, changes, append.now)?;
    change_run(conn, task, changes)
}

/// A writer's files are the hub's: else its journal is not, either.
fn fits_the_run(conn: &Connection, task: &Task, changes: &Changeset) -> Result<(), Fault> {
    let no_fit = |error: &dyn std::fmt::Display| StoreError::JournalConflict {
        detail: format!("the changes of files do not fit: {error}"),
    };
    changes.check_size().map_err(|error| no_fit(&error))?;
    let snapshot = tasks::snapshot(conn, &task.task_id)?;
    let mut manifest = manifest(conn, &task.task_id, snapshot)?;
    Ok(manifest.apply(changes).map_err(|error| no_fit(&error))?)
}

/// The contents that nobody brought.
fn missing(conn: &Connection, task: &TaskId, changes: &Changeset) -> Result<Vec<BlobHash>, Fault> {
    let mut known = conn.prepare_cached(
        "SELECT 1 FROM task_blobs WHERE task_id = ?1 AND hash = ?2 AND size = ?3
         UNION ALL
         SELECT 1 FROM tasks JOIN snapshot_files USING (snapshot_id)
             WHERE task_id = ?1 AND hash = ?2 AND snapshot_files.size = ?3",
    )?;
    let mut hashes = Vec::new();
    for (hash, size) in changes.contents() {
        if !known.exists(params![task.to_string(), hash.to_string(), int(size)])? {
            hashes.push(hash);
        }
    }
    Ok(hashes)
}

/// The paths where the workspace is not as the run saw it.
fn conflicts(
    conn: &Connection,
    ws: &WorkspaceId,
    changes: &Changeset,
) -> Result<Vec<RelPath>, Fault> {
    let mut now =
        conn.prepare_cached("SELECT hash FROM files WHERE workspace_id = ?1 AND path = ?2")?;
    let mut paths = Vec::new();
    for (path, change) in &changes.files {
        let there: Option<BlobHash> = hash_at(&mut now, ws, path.as_str())?;
        let wanted = change.entry().map(|entry| entry.hash);
        let changed = there != change.base() && there != wanted;
        if changed || (wanted.is_some() && is_blocked(conn, &mut now, ws, path, changes)?) {
            paths.push(path.clone());
        }
    }
    Ok(paths)
}

fn hash_at(
    statement: &mut CachedStatement<'_>,
    ws: &WorkspaceId,
    path: &str,
) -> Result<Option<BlobHash>, Fault> {
    let found = statement.query_row([ws.as_str(), path], |row| rows::parsed(row, "hash"));
    Ok(found.optional()?)
}

/// Whether a file of the workspace lies where `path` needs a folder, or below
/// `path`, and stays there.
fn is_blocked(
    conn: &Connection,
    now: &mut CachedStatement<'_>,
    ws: &WorkspaceId,
    path: &RelPath,
    changes: &Changeset,
) -> Result<bool, Fault> {
    let goes =
        |other: &str| matches!(changes.files.get(other), Some(change) if change.entry().is_none());
    for (at, _) in path.as_str().match_indices('/') {
        let folder = path.as_str().get(..at).unwrap_or_default();
        if !goes(folder) && hash_at(now, ws, folder)?.is_some() {
            return Ok(true);
        }
    }
    // `0` comes right after `/`.
    let mut below = conn.prepare_cached(
        "SELECT path FROM files WHERE workspace_id = ?1 AND path > ?2 AND path < ?3",
    )?;
    let mut rows = below.query(params![ws.as_str(), format!("{path}/"), format!("{path}0")])?;
    while let Some(row) = rows.next()? {
        if !goes(&row.get::<_, String>(0)?) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn change_workspace(
    conn: &Connection,
    ws: &WorkspaceId,
    changes: &Changeset,
    now: Timestamp,
) -> Result<(), Fault> {
    for (path, change) in &changes.files {
        match change.entry() {
            Some(entry) => {
                files::put(conn, ws, path, &entry, now)?;
            }
            None => drop(files::delete(conn, ws, path)?),
        }
    }
    Ok(())
}

fn change_run(conn: &Connection, task: &Task, changes: &Changeset) -> Result<(), Fault> {
    let mut statement = conn.prepare_cached(
        "INSERT OR REPLACE INTO task_files
             (task_id, path, workspace_id, hash, size, modified_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for (path, change) in &changes.files {
        let entry = change.entry();
        statement.execute(params![
            task.task_id.to_string(),
            path.as_str(),
            task.workspace_id.as_str(),
            entry.as_ref().map(|entry| entry.hash.to_string()),
            entry.as_ref().map(|entry| int(entry.size)),
            entry.as_ref().map(|entry| entry.modified.millis()),
        ])?;
    }
    Ok(())
}

/// The files of a run as of its last step.
pub(super) fn manifest(conn: &Connection, task: &TaskId, snapshot: i64) -> Result<Manifest, Fault> {
    let mut manifest = files::snapshot(conn, snapshot)?;
    let mut statement = conn.prepare_cached(
        "SELECT path, hash, size, modified_at FROM task_files WHERE task_id = ?1",
    )?;
    let mut changed = statement.query([task.to_string()])?;
    while let Some(row) = changed.next()? {
        let path: RelPath = rows::parsed(row, "path")?;
        match rows::parsed_opt(row, "hash")? {
            Some(hash) => {
                let modified = Timestamp::from_millis(row.get("modified_at")?);
                let entry = FileEntry { hash, size: rows::uint(row, "size")?, modified };
                manifest.files.insert(path, entry);
            }
            None => drop(manifest.files.remove(&path)),
        }
    }
    Ok(manifest)
}

/// Whether the content may be brought: by who holds the lease, and not more
/// than a run may bring.
pub(super) fn admit(conn: &Connection, offer: &BlobOffer) -> Result<(), Fault> {
    let BlobOffer { edge, held, hash, size, limit, now } = offer;
    if !leases::is_held_by(conn, edge, held, *now)? {
        return Err(StoreError::Fenced.into());
    }
    let others: i64 = conn
        .prepare_cached(
            "SELECT coalesce(sum(size), 0) FROM task_blobs WHERE task_id = ?1 AND hash <> ?2",
        )?
        .query_row([held.task_id.to_string(), hash.to_string()], |row| row.get(0))?;
    if others.saturating_add(int(*size)) > int(*limit) {
        return Err(StoreError::TooMuchWritten { limit: *limit }.into());
    }
    Ok(())
}

/// Notes that the content is kept.
pub(super) fn note(conn: &Connection, offer: &BlobOffer) -> Result<(), Fault> {
    admit(conn, offer)?;
    let BlobOffer { held, hash, size, .. } = offer;
    conn.prepare_cached(
        "INSERT OR IGNORE INTO task_blobs (task_id, hash, workspace_id, size)
         SELECT task_id, ?2, workspace_id, ?3 FROM tasks WHERE task_id = ?1",
    )?
    .execute(params![held.task_id.to_string(), hash.to_string(), int(*size)])?;
    Ok(())
}

/// The task has ended: nobody needs its own copy any more.
pub(super) fn forget(conn: &Connection, task: &TaskId) -> Result<(), Fault> {
    for table in ["task_files", "task_blobs"] {
        conn.prepare_cached(&format!("DELETE FROM {table} WHERE task_id = ?1"))?
            .execute([task.to_string()])?;
    }
    Ok(())
}
