//! The audit: who decided what, when and why.

use agentos_domain::{Timestamp, WorkspaceId};
use rusqlite::{Connection, params};

use super::fault::Fault;
use super::rows;
use crate::AuditRecord;

pub(super) fn note(
    conn: &Connection,
    ws: &WorkspaceId,
    at: Timestamp,
    actor: &str,
    action: &str,
    subject: &str,
    detail: Option<&str>,
) -> Result<(), Fault> {
    conn.prepare_cached(
        "INSERT INTO audit (workspace_id, at, actor, action, subject, detail)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![ws.as_str(), at.millis(), actor, action, subject, detail])?;
    Ok(())
}

pub(super) fn list(
    conn: &Connection,
    ws: &WorkspaceId,
    before: Option<u64>,
    limit: u32,
) -> Result<Vec<AuditRecord>, Fault> {
    let mut statement = conn.prepare_cached(
        "SELECT * FROM audit WHERE workspace_id = ?1 AND seq < ?2 ORDER BY seq DESC LIMIT ?3",
    )?;
    let before = before.map_or(i64::MAX, rows::int);
    let page = statement.query_map(params![ws.as_str(), before, limit], rows::audit)?;
    Ok(page.collect::<Result<_, _>>()?)
}
