//! Runs of plugins.

use agentos_domain::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::Value;

use super::fault::Fault;
use super::rows;
use crate::{KernelCounts, RunEnd, RunFilter, RunId, RunRecord, RunStatus, StoreError};

pub(super) fn begin(
    conn: &Connection,
    id: RunId,
    plugin_name: &str,
    now: Timestamp,
) -> Result<(), Fault> {
    conn.prepare_cached(
        "INSERT INTO runs (id, plugin_name, status, started_at) VALUES (?1, ?2, 'running', ?3)",
    )?
    .execute(params![id.to_string(), plugin_name, now.millis()])?;
    Ok(())
}

pub(super) fn end(conn: &Connection, id: RunId, end: &RunEnd) -> Result<bool, Fault> {
    let status = match end.status {
        RunStatus::Running => RunStatus::Failed,
        other => other,
    };
    let data = match &end.data {
        Value::Null => None,
        data => Some(serde_json::to_string(data)?),
    };
    let closed = conn
        .prepare_cached(
            "UPDATE runs SET status = ?2, finished_at = ?3, error = ?4, data = ?5, metadata = ?6
             WHERE id = ?1 AND status = 'running'",
        )?
        .execute(params![
            id.to_string(),
            status.as_str(),
            end.now.millis(),
            end.error,
            data,
            serde_json::to_string(&end.metadata)?,
        ])?;
    Ok(closed == 1)
}

pub(super) fn close_open(conn: &Connection, error: &str, now: Timestamp) -> Result<u64, Fault> {
    let closed = conn
        .prepare_cached(
            "UPDATE runs SET status = 'failed', finished_at = max(?1, started_at), error = ?2
             WHERE status = 'running'",
        )?
        .execute(params![now.millis(), error])?;
    Ok(closed as u64)
}

/// Whether a run is under way.
pub(super) fn is_open(conn: &Connection, id: RunId) -> Result<bool, Fault> {
    let mut statement =
        conn.prepare_cached("SELECT 1 FROM runs WHERE id = ?1 AND status = 'running'")?;
    Ok(statement.exists([id.to_string()])?)
}

pub(super) fn by_id(conn: &Connection, id: RunId) -> Result<Option<RunRecord>, Fault> {
    let mut statement = conn.prepare_cached("SELECT * FROM runs WHERE id = ?1")?;
    Ok(statement.query_row([id.to_string()], record).optional()?)
}

pub(super) fn list(conn: &Connection, filter: &RunFilter) -> Result<Vec<RunRecord>, Fault> {
    let before: i64 = match filter.before {
        None => i64::MAX,
        Some(id) => conn
            .prepare_cached("SELECT position FROM runs WHERE id = ?1")?
            .query_row([id.to_string()], |row| row.get(0))
            .optional()?
            .ok_or(StoreError::UnknownCursor)?,
    };
    let mut statement = conn.prepare_cached(
        "SELECT * FROM runs
         WHERE position < ?1 AND (?2 IS NULL OR status = ?2) AND (?3 IS NULL OR plugin_name = ?3)
         ORDER BY position DESC LIMIT ?4",
    )?;
    let status = filter.status.map(RunStatus::as_str);
    let page =
        statement.query_map(params![before, status, filter.plugin_name, filter.limit], record)?;
    Ok(page.collect::<Result<_, _>>()?)
}

pub(super) fn counts(conn: &Connection) -> Result<KernelCounts, Fault> {
    let mut statement = conn.prepare_cached(
        "SELECT (SELECT started_at FROM runs ORDER BY position DESC LIMIT 1),
                (SELECT count(*) FROM results), (SELECT count(*) FROM runs)",
    )?;
    let counts = statement.query_row([], |row| {
        Ok(KernelCounts {
            last_run: row.get::<_, Option<i64>>(0)?.map(Timestamp::from_millis),
            results: rows::uint(row, 1)?,
            runs: rows::uint(row, 2)?,
        })
    })?;
    Ok(counts)
}

/// From a row of `runs`.
fn record(row: &Row<'_>) -> rusqlite::Result<RunRecord> {
    let data: Option<String> = row.get("data")?;
    let data = data.map_or(Ok(Value::Null), |text| serde_json::from_str(&text));
    Ok(RunRecord {
        id: rows::parsed(row, "id")?,
        plugin_name: row.get("plugin_name")?,
        status: rows::parsed(row, "status")?,
        started_at: rows::time(row, "started_at")?,
        finished_at: rows::time_opt(row, "finished_at")?,
        error: row.get("error")?,
        data: data.map_err(|error| rows::unreadable("data", error))?,
        metadata: rows::json(row, "metadata")?,
    })
}
