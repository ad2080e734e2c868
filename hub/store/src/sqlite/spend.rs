//! The sums of what was spent and reserved, and whether more fits.
//!
//! They are kept for each scope and month in the transactions that change a
//! call, so that admitting a call never looks at other calls.

use std::collections::BTreeMap;

use agentos_domain::{NanoUsd, WorkspaceId};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::fault::Fault;
use super::rows;
use crate::{Budget, BudgetScope, OnLimit, OverBudget, Period};

/// The scopes that a call counts against, the narrowest first.
pub(super) fn scopes(ws: &WorkspaceId, key_id: &str) -> [BudgetScope; 3] {
    [
        BudgetScope::Key(key_id.to_owned()),
        BudgetScope::Workspace(ws.clone()),
        BudgetScope::Installation,
    ]
}

/// Money as it is stored: nothing costs less than nothing.
pub(super) fn amount(money: NanoUsd) -> i64 {
    money.0.max(0)
}

/// The sums of a scope in a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Totals {
    pub(super) settled: i64,
    pub(super) reserved: i64,
    pub(super) calls: i64,
}

impl Totals {
    fn plus(self, change: Totals) -> Self {
        Self {
            settled: self.settled.saturating_add(change.settled).max(0),
            reserved: self.reserved.saturating_add(change.reserved).max(0),
            calls: self.calls.saturating_add(change.calls).max(0),
        }
    }
}

/// From a row of `spend`.
pub(super) fn totals(row: &Row<'_>) -> rusqlite::Result<Totals> {
    Ok(Totals {
        settled: row.get("settled_nano")?,
        reserved: row.get("reserved_nano")?,
        calls: row.get("calls")?,
    })
}

/// From a row with `scope_kind` and `scope_id`.
pub(super) fn scope(row: &Row<'_>) -> rusqlite::Result<BudgetScope> {
    let kind: String = row.get("scope_kind")?;
    match kind.as_str() {
        "installation" => Ok(BudgetScope::Installation),
        "workspace" => Ok(BudgetScope::Workspace(rows::parsed(row, "scope_id")?)),
        "key" => Ok(BudgetScope::Key(row.get("scope_id")?)),
        other => Err(rows::unreadable("scope_kind", format!("`{other}` is unknown"))),
    }
}

pub(super) fn totals_of(
    conn: &Connection,
    period: &Period,
    scope: &BudgetScope,
) -> Result<Totals, Fault> {
    let mut statement = conn.prepare_cached(
        "SELECT settled_nano, reserved_nano, calls FROM spend
         WHERE period = ?1 AND scope_kind = ?2 AND scope_id = ?3",
    )?;
    let found = statement.query_row([period.as_str(), scope.kind(), scope.id()], totals);
    Ok(found.optional()?.unwrap_or_default())
}

/// Adds to the sums of a scope; what is released is negative.
pub(super) fn change(
    conn: &Connection,
    period: &Period,
    scope: &BudgetScope,
    change: Totals,
) -> Result<(), Fault> {
    set(conn, period, scope, totals_of(conn, period, scope)?.plus(change))
}

/// Adds to the sums of each of these scopes.
pub(super) fn change_all(
    conn: &Connection,
    period: &Period,
    scopes: &[BudgetScope; 3],
    by: Totals,
) -> Result<(), Fault> {
    scopes.iter().try_for_each(|scope| change(conn, period, scope, by))
}

fn set(
    conn: &Connection,
    period: &Period,
    scope: &BudgetScope,
    totals: Totals,
) -> Result<(), Fault> {
    conn.prepare_cached(
        "INSERT INTO spend (period, scope_kind, scope_id, settled_nano, reserved_nano, calls)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (period, scope_kind, scope_id) DO UPDATE SET
             settled_nano = excluded.settled_nano, reserved_nano = excluded.reserved_nano,
             calls = excluded.calls",
    )?
    .execute(params![
        period.as_str(),
        scope.kind(),
        scope.id(),
        totals.settled,
        totals.reserved,
        totals.calls,
    ])?;
    Ok(())
}

/// Whether `asked` fits every budget of these scopes beside what is settled and
/// reserved; if not, the budget with the least left.
pub(super) fn over_budget(
    conn: &Connection,
    period: &Period,
    scopes: &[BudgetScope; 3],
    asked: i64,
    installation: Option<&Budget>,
) -> Result<Option<OverBudget>, Fault> {
    let mut tightest: Option<(i128, OverBudget)> = None;
    for scope in scopes {
        let Some((limit, on_limit)) = limit_of(conn, scope, installation)? else { continue };
        let Totals { settled, reserved, .. } = totals_of(conn, period, scope)?;
        // Wide enough for any sum of these: nothing fits by overflowing.
        let left = i128::from(limit) - i128::from(settled) - i128::from(reserved);
        let tighter = tightest.as_ref().is_none_or(|(least, _)| left < *least);
        if i128::from(asked) > left && tighter {
            let over = OverBudget {
                scope: scope.clone(),
                limit: NanoUsd(limit),
                settled: NanoUsd(settled),
                reserved: NanoUsd(reserved),
                asked: NanoUsd(asked),
                on_limit,
            };
            tightest = Some((left, over));
        }
    }
    Ok(tightest.map(|(_, over)| over))
}

fn limit_of(
    conn: &Connection,
    scope: &BudgetScope,
    installation: Option<&Budget>,
) -> Result<Option<(i64, OnLimit)>, Fault> {
    if *scope == BudgetScope::Installation {
        return Ok(installation.map(|budget| (amount(budget.limit), budget.on_limit)));
    }
    let mut statement = conn.prepare_cached(
        "SELECT limit_nano, on_limit FROM budgets WHERE scope_kind = ?1 AND scope_id = ?2",
    )?;
    let limit = statement.query_row([scope.kind(), scope.id()], |row| {
        Ok((row.get("limit_nano")?, rows::parsed(row, "on_limit")?))
    });
    Ok(limit.optional()?)
}

/// Checks the sums of a month against its calls, and corrects those that differ.
pub(super) fn reconcile(conn: &Connection, period: &Period) -> Result<(), Fault> {
    let counted = counted(conn, period)?;
    let kept = kept(conn, period)?;
    let none = Totals::default();
    for scope in counted.keys().chain(kept.keys().filter(|scope| !counted.contains_key(scope))) {
        let right = counted.get(scope).copied().unwrap_or(none);
        let was = kept.get(scope).copied().unwrap_or(none);
        if right != was {
            let (kind, id) = (scope.kind(), scope.id());
            tracing::warn!(%period, kind, id, ?was, ?right, "the sums of a budget were wrong");
            set(conn, period, scope, right)?;
        }
    }
    Ok(())
}

fn kept(conn: &Connection, period: &Period) -> Result<BTreeMap<BudgetScope, Totals>, Fault> {
    let mut statement = conn.prepare_cached("SELECT * FROM spend WHERE period = ?1")?;
    let kept = statement.query_map([period.as_str()], |row| Ok((scope(row)?, totals(row)?)))?;
    Ok(kept.collect::<Result<_, _>>()?)
}

/// The sums as the calls of a month make them.
fn counted(conn: &Connection, period: &Period) -> Result<BTreeMap<BudgetScope, Totals>, Fault> {
    // In two parts, of whole dollars and of what is below: SQLite refuses to
    // add where the sum does not fit.
    let mut statement = conn.prepare_cached(
        "SELECT workspace_id, key_id, count(*) AS calls,
             sum(coalesce(cost_nano, 0) / 1000000000) AS settled_usd,
             sum(coalesce(cost_nano, 0) % 1000000000) AS settled_below,
             sum(iif(outcome IS NULL, reserved_nano, 0) / 1000000000) AS reserved_usd,
             sum(iif(outcome IS NULL, reserved_nano, 0) % 1000000000) AS reserved_below
         FROM model_calls WHERE period = ?1 GROUP BY workspace_id, key_id",
    )?;
    let groups = statement.query_map([period.as_str()], |row| {
        let ws: WorkspaceId = rows::parsed(row, "workspace_id")?;
        let key: String = row.get("key_id")?;
        let joined = |usd, below| -> rusqlite::Result<i64> {
            let (usd, below): (i64, i64) = (row.get(usd)?, row.get(below)?);
            Ok(usd.saturating_mul(1_000_000_000).saturating_add(below))
        };
        let totals = Totals {
            settled: joined("settled_usd", "settled_below")?,
            reserved: joined("reserved_usd", "reserved_below")?,
            calls: row.get("calls")?,
        };
        Ok((scopes(&ws, &key), totals))
    })?;
    let mut sums: BTreeMap<BudgetScope, Totals> = BTreeMap::new();
    for group in groups {
        let (scopes, totals) = group?;
        for scope in scopes {
            let sum = sums.entry(scope).or_default();
            *sum = sum.plus(totals);
        }
    }
    Ok(sums)
}
