//! Machines that joined, their tokens and their sessions.

use agentos_domain::{EdgeId, SessionEpoch, Task, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};

use super::fault::Fault;
use super::{leases, rows};
use crate::{EdgeRecord, Redeemed, StoreError};

pub(super) fn add_token(
    conn: &Connection,
    hash: &[u8; 32],
    name: Option<&str>,
    now: Timestamp,
    expires: Timestamp,
) -> Result<(), Fault> {
    conn.prepare_cached(
        "INSERT INTO join_tokens (hash, name, created_at, expires_at) VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute(params![hash, name, now.millis(), expires.millis()])?;
    Ok(())
}

pub(super) fn redeem(
    conn: &Connection,
    hash: &[u8; 32],
    edge: &EdgeId,
    name: &str,
    now: Timestamp,
) -> Result<Redeemed, Fault> {
    let token: Option<(Option<String>, i64, bool)> = conn
        .prepare_cached(
            "SELECT name, expires_at, used_at IS NOT NULL FROM join_tokens WHERE hash = ?1",
        )?
        .query_row([hash], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let given = match token {
        None => return Ok(Redeemed::Unknown),
        Some((_, _, true)) => return Ok(Redeemed::Used),
        Some((_, expires, false)) if expires <= now.millis() => return Ok(Redeemed::Expired),
        Some((given, _, false)) => given,
    };
    let edge = edge.to_string();
    conn.prepare_cached("INSERT INTO edges (edge_id, name, joined_at) VALUES (?1, ?2, ?3)")?
        .execute(params![edge, given.as_deref().unwrap_or(name), now.millis()])?;
    conn.prepare_cached("UPDATE join_tokens SET used_at = ?2, used_by = ?3 WHERE hash = ?1")?
        .execute(params![hash, now.millis(), edge])?;
    Ok(Redeemed::Joined)
}

/// The id under which the hub's own executor holds leases; made at the first
/// question.
pub(super) fn own_executor(conn: &Connection, now: Timestamp) -> Result<EdgeId, Fault> {
    conn.prepare_cached(
        "INSERT INTO edges (edge_id, name, joined_at, is_hub) VALUES (?1, 'hub', ?2, 1)
         ON CONFLICT DO NOTHING",
    )?
    .execute(params![EdgeId::generate().to_string(), now.millis()])?;
    let mut statement = conn.prepare_cached("SELECT edge_id FROM edges WHERE is_hub = 1")?;
    Ok(statement.query_row([], |row| rows::parsed(row, "edge_id"))?)
}

pub(super) fn list(conn: &Connection) -> Result<Vec<EdgeRecord>, Fault> {
    let mut statement =
        conn.prepare_cached("SELECT * FROM edges WHERE is_hub = 0 ORDER BY joined_at, edge_id")?;
    let edges = statement.query_map([], rows::edge)?.collect::<Result<_, _>>()?;
    Ok(edges)
}

pub(super) fn by_id(conn: &Connection, id: &EdgeId) -> Result<Option<EdgeRecord>, Fault> {
    let mut statement = conn.prepare_cached("SELECT * FROM edges WHERE edge_id = ?1")?;
    Ok(statement.query_row([id.to_string()], rows::edge).optional()?)
}

/// An error if the edge was revoked.
pub(super) fn refuse_revoked(conn: &Connection, id: &EdgeId) -> Result<(), Fault> {
    let mut statement =
        conn.prepare_cached("SELECT 1 FROM edges WHERE edge_id = ?1 AND revoked_at IS NOT NULL")?;
    if statement.exists([id.to_string()])? {
        return Err(StoreError::EdgeRevoked { edge: id.to_string() }.into());
    }
    Ok(())
}

pub(super) fn revoke(
    conn: &Connection,
    id: &EdgeId,
    now: Timestamp,
) -> Result<Option<Vec<Task>>, Fault> {
    let revoked = conn
        .prepare_cached(
            "UPDATE edges SET revoked_at = ?2, session_epoch = NULL
             WHERE edge_id = ?1 AND revoked_at IS NULL AND is_hub = 0",
        )?
        .execute(params![id.to_string(), now.millis()])?;
    if revoked == 0 {
        return Ok(None);
    }
    Ok(Some(leases::release_lost(conn, id, &[], now)?))
}

pub(super) fn drain(
    conn: &Connection,
    id: &EdgeId,
    drain: bool,
    now: Timestamp,
) -> Result<Option<EdgeRecord>, Fault> {
    let found = conn
        .prepare_cached(
            "UPDATE edges SET draining_since = CASE WHEN ?2 THEN coalesce(draining_since, ?3) END
             WHERE edge_id = ?1 AND revoked_at IS NULL AND is_hub = 0",
        )?
        .execute(params![id.to_string(), drain, now.millis()])?;
    if found == 0 { Ok(None) } else { by_id(conn, id) }
}

/// Refuses a claim through a session that is not the edge's newest: the link
/// may not have noticed yet that the old one is dead.
pub(super) fn refuse_shut_out(
    conn: &Connection,
    id: &EdgeId,
    epoch: SessionEpoch,
) -> Result<(), Fault> {
    refuse_revoked(conn, id)?;
    let mut statement =
        conn.prepare_cached("SELECT 1 FROM edges WHERE edge_id = ?1 AND session_epoch > ?2")?;
    if statement.exists(params![id.to_string(), rows::int(epoch.0)])? {
        return Err(StoreError::SessionReplaced { edge: id.to_string() }.into());
    }
    let draining = conn
        .prepare_cached("SELECT 1 FROM edges WHERE edge_id = ?1 AND draining_since IS NOT NULL")?
        .exists([id.to_string()])?;
    if draining {
        return Err(StoreError::EdgeDraining { edge: id.to_string() }.into());
    }
    Ok(())
}

pub(super) fn open_session(
    conn: &Connection,
    edge: &EdgeId,
    boot_id: &str,
    version: &str,
    now: Timestamp,
) -> Result<SessionEpoch, Fault> {
    refuse_revoked(conn, edge)?;
    let epoch = conn
        .prepare_cached("UPDATE hub SET session_epoch = session_epoch + 1 RETURNING session_epoch")?
        .query_row([], |row| rows::uint(row, 0))?;
    let found = conn
        .prepare_cached(
            "UPDATE edges SET session_epoch = ?2, boot_id = ?3, version = ?4, last_seen_at = ?5
             WHERE edge_id = ?1",
        )?
        .execute(params![edge.to_string(), rows::int(epoch), boot_id, version, now.millis()])?;
    if found == 0 {
        return Err(StoreError::UnknownEdge { edge: edge.to_string() }.into());
    }
    Ok(SessionEpoch(epoch))
}

pub(super) fn close_session(
    conn: &Connection,
    edge: &EdgeId,
    epoch: SessionEpoch,
    now: Timestamp,
) -> Result<(), Fault> {
    conn.prepare_cached(
        "UPDATE edges SET session_epoch = NULL, last_seen_at = ?3
         WHERE edge_id = ?1 AND session_epoch = ?2",
    )?
    .execute(params![edge.to_string(), rows::int(epoch.0), now.millis()])?;
    Ok(())
}

/// No session outlives the hub's process.
pub(super) fn forget_sessions(conn: &Connection) -> rusqlite::Result<()> {
    conn.execute("UPDATE edges SET session_epoch = NULL WHERE session_epoch IS NOT NULL", [])?;
    Ok(())
}

/// Notes that an edge lives.
pub(super) fn seen(conn: &Connection, edge: &EdgeId, now: Timestamp) -> Result<(), Fault> {
    conn.prepare_cached("UPDATE edges SET last_seen_at = ?2 WHERE edge_id = ?1")?
        .execute(params![edge.to_string(), now.millis()])?;
    Ok(())
}
