//! API keys.

use agentos_domain::{KeyId, Timestamp, WorkspaceId};
use rusqlite::{Connection, OptionalExtension, params};

use super::fault::Fault;
use super::rows;
use crate::KeyRecord;

pub(super) fn add(conn: &Connection, key: &KeyRecord) -> Result<(), Fault> {
    conn.prepare_cached(
        "INSERT INTO api_keys (key_id, name, prefix, hash, workspace_id, scopes, created_at,
             last_used_at, expires_at, revoked_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?
    .execute(params![
        key.key_id.to_string(),
        key.name,
        key.prefix,
        key.hash,
        key.workspace_id.as_str(),
        serde_json::to_string(&key.scopes)?,
        key.created_at.millis(),
        key.last_used_at.map(|time| time.millis()),
        key.expires_at.map(|time| time.millis()),
        key.revoked_at.map(|time| time.millis()),
    ])?;
    Ok(())
}

pub(super) fn by_hash(conn: &Connection, hash: &[u8; 32]) -> Result<Option<KeyRecord>, Fault> {
    let mut statement = conn.prepare_cached("SELECT * FROM api_keys WHERE hash = ?1")?;
    Ok(statement.query_row([hash], rows::key).optional()?)
}

pub(super) fn list(conn: &Connection, ws: Option<&WorkspaceId>) -> Result<Vec<KeyRecord>, Fault> {
    let mut statement = conn.prepare_cached(
        "SELECT * FROM api_keys WHERE ?1 IS NULL OR workspace_id = ?1 ORDER BY created_at, key_id",
    )?;
    let keys = statement.query_map([ws.map(WorkspaceId::as_str)], rows::key)?;
    Ok(keys.collect::<Result<_, _>>()?)
}

pub(super) fn revoke(
    conn: &Connection,
    ws: Option<&WorkspaceId>,
    id: &KeyId,
    now: Timestamp,
) -> Result<Option<KeyRecord>, Fault> {
    let mut statement = conn.prepare_cached(
        "UPDATE api_keys SET revoked_at = coalesce(revoked_at, ?3)
         WHERE key_id = ?2 AND (?1 IS NULL OR workspace_id = ?1) RETURNING *",
    )?;
    let ws = ws.map(WorkspaceId::as_str);
    Ok(statement.query_row(params![ws, id.to_string(), now.millis()], rows::key).optional()?)
}

pub(super) fn used(conn: &Connection, id: &KeyId, now: Timestamp) -> Result<(), Fault> {
    conn.prepare_cached(
        "UPDATE api_keys SET last_used_at = ?2
         WHERE key_id = ?1 AND (last_used_at IS NULL OR last_used_at < ?2)",
    )?
    .execute(params![id.to_string(), now.millis()])?;
    Ok(())
}
