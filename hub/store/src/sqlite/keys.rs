//! API keys.

use rusqlite::{Connection, OptionalExtension, params};

use super::fault::Fault;
use super::rows;
use crate::KeyRecord;

pub(super) fn add(conn: &Connection, key: &KeyRecord) -> Result<(), Fault> {
    conn.prepare_cached(
        "INSERT INTO api_keys (key_id, name, prefix, hash, workspace_id, scopes, created_at,
             expires_at, revoked_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute(params![
        key.key_id.to_string(),
        key.name,
        key.prefix,
        key.hash,
        key.workspace_id.as_str(),
        serde_json::to_string(&key.scopes)?,
        key.created_at.millis(),
        key.expires_at.map(|time| time.millis()),
        key.revoked_at.map(|time| time.millis()),
    ])?;
    Ok(())
}

pub(super) fn by_hash(conn: &Connection, hash: &[u8; 32]) -> Result<Option<KeyRecord>, Fault> {
    let mut statement = conn.prepare_cached("SELECT * FROM api_keys WHERE hash = ?1")?;
    Ok(statement.query_row([hash], rows::key).optional()?)
}
