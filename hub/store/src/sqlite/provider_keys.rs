//! Keys of models' providers, encrypted.

use agentos_domain::{ProviderName, Timestamp, WorkspaceId};
use rusqlite::{Connection, OptionalExtension, params};

use super::fault::Fault;
use super::rows;
use crate::{ProviderKeyRecord, SealedKey};

pub(super) fn put(
    conn: &Connection,
    ws: &WorkspaceId,
    provider: &ProviderName,
    key: &SealedKey,
    now: Timestamp,
) -> Result<ProviderKeyRecord, Fault> {
    let mut statement = conn.prepare_cached(
        "INSERT INTO provider_keys
             (workspace_id, provider, master_key, sealed, hint, created_at, updated_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)
         ON CONFLICT (workspace_id, provider) DO UPDATE SET master_key = excluded.master_key,
             sealed = excluded.sealed, hint = excluded.hint, updated_at = excluded.updated_at
         RETURNING *",
    )?;
    let (ws, provider) = (ws.as_str(), provider.as_str());
    let row = params![ws, provider, key.master_key, key.sealed, key.hint, now.millis()];
    Ok(statement.query_row(row, rows::provider_key)?)
}

pub(super) fn by_name(
    conn: &Connection,
    ws: &WorkspaceId,
    provider: &ProviderName,
) -> Result<Option<ProviderKeyRecord>, Fault> {
    let mut statement = conn
        .prepare_cached("SELECT * FROM provider_keys WHERE workspace_id = ?1 AND provider = ?2")?;
    let key = statement.query_row([ws.as_str(), provider.as_str()], rows::provider_key);
    Ok(key.optional()?)
}

pub(super) fn list(conn: &Connection, ws: &WorkspaceId) -> Result<Vec<ProviderKeyRecord>, Fault> {
    let mut statement = conn
        .prepare_cached("SELECT * FROM provider_keys WHERE workspace_id = ?1 ORDER BY provider")?;
    let keys = statement.query_map([ws.as_str()], rows::provider_key)?;
    Ok(keys.collect::<Result<_, _>>()?)
}

pub(super) fn delete(
    conn: &Connection,
    ws: &WorkspaceId,
    provider: &ProviderName,
) -> Result<bool, Fault> {
    let deleted = conn
        .prepare_cached("DELETE FROM provider_keys WHERE workspace_id = ?1 AND provider = ?2")?
        .execute([ws.as_str(), provider.as_str()])?;
    Ok(deleted > 0)
}

pub(super) fn master_keys(conn: &Connection) -> Result<Vec<([u8; 8], u64)>, Fault> {
    let mut statement = conn.prepare_cached(
        "SELECT master_key, count(*) FROM provider_keys GROUP BY master_key ORDER BY master_key",
    )?;
    let keys = statement.query_map([], |row| Ok((row.get(0)?, rows::uint(row, 1)?)))?;
    Ok(keys.collect::<Result<_, _>>()?)
}
