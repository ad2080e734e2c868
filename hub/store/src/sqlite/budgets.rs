//! Budgets, what was spent of them, and whom to tell.

use agentos_domain::{NanoUsd, Timestamp, WorkspaceId};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::fault::Fault;
use super::rows;
use super::spend::{self, Totals, amount};
use crate::{Budget, BudgetScope, Period, Spend, StoreError};

pub(super) fn set(conn: &Connection, budget: &Budget, now: Timestamp) -> Result<(), Fault> {
    if budget.scope == BudgetScope::Installation {
        return Err(StoreError::InstallationBudget.into());
    }
    conn.prepare_cached(
        "INSERT INTO budgets (scope_kind, scope_id, limit_nano, on_limit, updated_at)
         VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (scope_kind, scope_id) DO UPDATE SET limit_nano = excluded.limit_nano,
             on_limit = excluded.on_limit, updated_at = excluded.updated_at",
    )?
    .execute(params![
        budget.scope.kind(),
        budget.scope.id(),
        amount(budget.limit),
        budget.on_limit.as_str(),
        now.millis(),
    ])?;
    Ok(())
}

pub(super) fn remove(conn: &Connection, scope: &BudgetScope) -> Result<bool, Fault> {
    let removed = conn
        .prepare_cached("DELETE FROM budgets WHERE scope_kind = ?1 AND scope_id = ?2")?
        .execute([scope.kind(), scope.id()])?;
    Ok(removed == 1)
}

pub(super) fn list(conn: &Connection, ws: Option<&WorkspaceId>) -> Result<Vec<Budget>, Fault> {
    let mut statement = conn.prepare_cached(
        "SELECT * FROM budgets
         WHERE ?1 IS NULL OR (scope_kind = 'workspace' AND scope_id = ?1)
             OR (scope_kind = 'key'
                 AND scope_id IN (SELECT key_id FROM api_keys WHERE workspace_id = ?1))
         ORDER BY scope_kind, scope_id",
    )?;
    let budgets = statement.query_map([ws.map(WorkspaceId::as_str)], |row| {
        Ok(Budget {
            scope: spend::scope(row)?,
            limit: NanoUsd(row.get("limit_nano")?),
            on_limit: rows::parsed(row, "on_limit")?,
        })
    })?;
    Ok(budgets.collect::<Result<_, _>>()?)
}

/// From a row of `spend` with the limit of its budget.
fn spent(row: &Row<'_>) -> rusqlite::Result<Spend> {
    let Totals { settled, reserved, .. } = spend::totals(row)?;
    Ok(Spend {
        period: rows::parsed(row, "period")?,
        scope: spend::scope(row)?,
        settled: NanoUsd(settled),
        reserved: NanoUsd(reserved),
        calls: rows::uint(row, "calls")?,
        limit: row.get::<_, Option<i64>>("limit_nano")?.map(NanoUsd),
    })
}

pub(super) fn in_period(
    conn: &Connection,
    ws: Option<&WorkspaceId>,
    period: &Period,
) -> Result<Vec<Spend>, Fault> {
    let mut statement = conn.prepare_cached(
        "SELECT spend.*, limit_nano FROM spend LEFT JOIN budgets USING (scope_kind, scope_id)
         WHERE period = ?1 AND (?2 IS NULL OR (scope_kind = 'workspace' AND scope_id = ?2)
             OR (scope_kind = 'key'
                 AND scope_id IN (SELECT key_id FROM api_keys WHERE workspace_id = ?2)))
         ORDER BY scope_kind, scope_id",
    )?;
    let all = params![period.as_str(), ws.map(WorkspaceId::as_str)];
    Ok(statement.query_map(all, spent)?.collect::<Result<_, _>>()?)
}

pub(super) fn of_scope(
    conn: &Connection,
    scope: &BudgetScope,
    now: Timestamp,
) -> Result<Spend, Fault> {
    let period = Period::of(now);
    let Totals { settled, reserved, calls } = spend::totals_of(conn, &period, scope)?;
    let limit = conn
        .prepare_cached("SELECT limit_nano FROM budgets WHERE scope_kind = ?1 AND scope_id = ?2")?
        .query_row([scope.kind(), scope.id()], |row| row.get(0))
        .optional()?;
    Ok(Spend {
        period,
        scope: scope.clone(),
        settled: NanoUsd(settled),
        reserved: NanoUsd(reserved),
        calls: u64::try_from(calls).unwrap_or(0),
        limit: limit.map(NanoUsd),
    })
}

pub(super) fn due_alerts(
    conn: &Connection,
    threshold_permille: u32,
    installation: Option<&Budget>,
    now: Timestamp,
) -> Result<Vec<Spend>, Fault> {
    let mut statement = conn.prepare_cached(
        "SELECT spend.*, limit_nano FROM spend LEFT JOIN budgets USING (scope_kind, scope_id)
         WHERE period = ?1 AND NOT EXISTS (
             SELECT 1 FROM budget_alerts AS told
             WHERE told.period = spend.period AND told.scope_kind = spend.scope_kind
                 AND told.scope_id = spend.scope_id AND told.threshold_permille = ?2)
         ORDER BY scope_kind, scope_id",
    )?;
    let period = Period::of(now);
    let untold = params![period.as_str(), threshold_permille];
    let mut due: Vec<Spend> = statement.query_map(untold, spent)?.collect::<Result<_, _>>()?;
    for spend in due.iter_mut().filter(|spend| spend.scope == BudgetScope::Installation) {
        spend.limit = installation.map(|budget| NanoUsd(amount(budget.limit)));
    }
    due.retain(|spend| is_due(spend, threshold_permille));
    Ok(due)
}

fn is_due(spend: &Spend, threshold_permille: u32) -> bool {
    let used = i128::from(spend.settled.0) + i128::from(spend.reserved.0);
    spend.limit.is_some_and(|limit| {
        let threshold = i128::from(limit.0) * i128::from(threshold_permille);
        // Of a limit of 0 nothing can be used up.
        used > 0 && used * 1000 >= threshold
    })
}

pub(super) fn alert_told(
    conn: &Connection,
    scope: &BudgetScope,
    period: &Period,
    threshold_permille: u32,
    now: Timestamp,
) -> Result<(), Fault> {
    conn.prepare_cached(
        "INSERT INTO budget_alerts (period, scope_kind, scope_id, threshold_permille, told_at)
         VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
    )?
    .execute(params![
        period.as_str(),
        scope.kind(),
        scope.id(),
        threshold_permille,
        now.millis(),
    ])?;
    Ok(())
}
