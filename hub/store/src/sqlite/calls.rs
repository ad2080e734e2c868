//! Calls of models: reserved, moved, settled, lost.

use std::collections::{BTreeMap, BTreeSet};

use agentos_domain::{CallId, NanoUsd, TaskId, Timestamp, TokenCounts, WorkspaceId};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::fault::Fault;
use super::rows::{self, int};
use super::spend::{self, Totals, amount};
use super::tasks;
use crate::{
    Admission, Budget, BudgetScope, CallRecord, ModelCall, Period, SettledCall, Settlement,
    StoreError,
};

/// What a change of a call has to know of it.
struct Known {
    task_id: Option<TaskId>,
    workspace_id: WorkspaceId,
    key_id: String,
    period: Period,
    reserved: i64,
    is_open: bool,
}

impl Known {
    fn scopes(&self) -> [BudgetScope; 3] {
        spend::scopes(&self.workspace_id, &self.key_id)
    }
}

/// From a row of `model_calls`.
fn known(row: &Row<'_>) -> rusqlite::Result<Known> {
    Ok(Known {
        task_id: rows::parsed_opt(row, "task_id")?,
        workspace_id: rows::parsed(row, "workspace_id")?,
        key_id: row.get("key_id")?,
        period: rows::parsed(row, "period")?,
        reserved: row.get("reserved_nano")?,
        is_open: row.get("is_open")?,
    })
}

fn find(conn: &Connection, id: &str) -> Result<Option<Known>, Fault> {
    let mut statement = conn.prepare_cached(
        "SELECT task_id, workspace_id, key_id, period, reserved_nano, outcome IS NULL AS is_open
         FROM model_calls WHERE call_id = ?1",
    )?;
    Ok(statement.query_row([id], known).optional()?)
}

pub(super) fn reserve(
    conn: &Connection,
    new: &ModelCall,
    installation: Option<&Budget>,
) -> Result<Admission, Fault> {
    let (id, reserve) = (new.id.to_string(), amount(new.reserved));
    if let Some(known) = find(conn, &id)? {
        return again(&known, new, id);
    }
    let (period, scopes) =
        (Period::of(new.created_at), spend::scopes(&new.workspace_id, &new.key_id));
    if reserve > 0
        && let Some(over) = spend::over_budget(conn, &period, &scopes, reserve, installation)?
    {
        return Ok(Admission::Refused(over));
    }
    insert(conn, new, &period)?;
    let change = Totals { settled: 0, reserved: reserve, calls: 1 };
    spend::change_all(conn, &period, &scopes, change)?;
    Ok(Admission::Admitted)
}

/// Answers a reservation whose first answer was lost.
fn again(known: &Known, new: &ModelCall, call: String) -> Result<Admission, Fault> {
    if !known.is_open {
        return Err(StoreError::CallSettled { call }.into());
    }
    let same = known.workspace_id == new.workspace_id && known.key_id == new.key_id;
    if !same || known.reserved < amount(new.reserved) {
        let detail = format!("{call} is reserved for another purpose, or for less");
        return Err(StoreError::internal(detail).into());
    }
    Ok(Admission::Admitted)
}

/// Writes an open call. False if it is known already.
fn insert(conn: &Connection, new: &ModelCall, period: &Period) -> Result<bool, Fault> {
    let inserted = conn
        .prepare_cached(
            "INSERT INTO model_calls (call_id, workspace_id, key_id, task_id, request_id,
                 requested, deployment, provider, period, reserved_nano, created_at, expires_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
             ON CONFLICT (call_id) DO NOTHING",
        )?
        .execute(params![
            new.id.to_string(),
            new.workspace_id.as_str(),
            new.key_id,
            new.task_id.as_ref().map(ToString::to_string),
            new.request_id.as_ref().map(ToString::to_string),
            new.requested,
            new.deployment,
            new.provider,
            period.as_str(),
            amount(new.reserved),
            new.created_at.millis(),
            new.expires_at.millis(),
        ])?;
    Ok(inserted == 1)
}

pub(super) fn move_to(
    conn: &Connection,
    id: &CallId,
    (deployment, provider): (&str, &str),
    reserve: NanoUsd,
    installation: Option<&Budget>,
) -> Result<Admission, Fault> {
    let (call, reserve) = (id.to_string(), amount(reserve));
    let Some(known) = find(conn, &call)? else {
        return Err(StoreError::UnknownCall { call }.into());
    };
    if !known.is_open {
        return Err(StoreError::CallSettled { call }.into());
    }
    let (scopes, more) = (known.scopes(), reserve.saturating_sub(known.reserved));
    if more > 0
        && let Some(over) = spend::over_budget(conn, &known.period, &scopes, more, installation)?
    {
        return Ok(Admission::Refused(over));
    }
    conn.prepare_cached(
        "UPDATE model_calls SET deployment = ?2, provider = ?3, reserved_nano = ?4
         WHERE call_id = ?1",
    )?
    .execute(params![call, deployment, provider, reserve])?;
    let change = Totals { settled: 0, reserved: more, calls: 0 };
    spend::change_all(conn, &known.period, &scopes, change)?;
    Ok(Admission::Admitted)
}

pub(super) fn settle(conn: &Connection, settlement: &Settlement) -> Result<(), Fault> {
    let call = settlement.id.to_string();
    let Some(known) = find(conn, &call)? else {
        return Err(StoreError::UnknownCall { call }.into());
    };
    if !known.is_open {
        return Ok(());
    }
    end(conn, &call, settlement, known.reserved, known.task_id.as_ref())?;
    let settled = amount(settlement.cost);
    let change = Totals { settled, reserved: -known.reserved, calls: 0 };
    spend::change_all(conn, &known.period, &known.scopes(), change)
}

/// Writes what an open call came to.
fn end(
    conn: &Connection,
    call: &str,
    settlement: &Settlement,
    reserved: i64,
    task: Option<&TaskId>,
) -> Result<(), Fault> {
    let cost = amount(settlement.cost);
    if cost > reserved {
        let (cost, reserved) = (NanoUsd(cost), NanoUsd(reserved));
        let deployment = &settlement.deployment;
        tracing::warn!(call, deployment, %cost, %reserved, "a call cost more than was reserved");
    }
    let tokens = &settlement.tokens;
    conn.prepare_cached(
        "UPDATE model_calls SET deployment = ?2, provider = ?3, model = nullif(?4, ''),
             outcome = ?5, cost_nano = ?6, estimated = ?7, input_tokens = ?8,
             cache_read_tokens = ?9, cache_write_tokens = ?10, cache_write_1h_tokens = ?11,
             output_tokens = ?12, reasoning_tokens = ?13, error_code = ?14, attempts = ?15,
             first_token_ms = ?16, duration_ms = ?17, settled_at = ?18
         WHERE call_id = ?1",
    )?
    .execute(params![
        call,
        settlement.deployment,
        settlement.provider,
        settlement.model,
        settlement.outcome.as_str(),
        cost,
        settlement.estimated,
        int(tokens.input),
        int(tokens.cache_read),
        int(tokens.cache_write),
        int(tokens.cache_write_1h),
        int(tokens.output),
        int(tokens.reasoning),
        settlement.error_code,
        settlement.attempts,
        settlement.first_token_ms.map(int),
        int(settlement.duration_ms),
        settlement.now.millis(),
    ])?;
    task.map_or(Ok(()), |task| tasks::add_cost(conn, task, cost))
}

pub(super) fn record(conn: &Connection, calls: &[(ModelCall, Settlement)]) -> Result<(), Fault> {
    // Many calls share their scopes: the sums are changed once for all.
    let mut changes: BTreeMap<(Period, BudgetScope), Totals> = BTreeMap::new();
    for (new, settlement) in calls {
        let period = Period::of(new.created_at);
        if !insert(conn, new, &period)? {
            continue;
        }
        let (id, task) = (new.id.to_string(), new.task_id.as_ref());
        end(conn, &id, settlement, amount(new.reserved), task)?;
        for scope in spend::scopes(&new.workspace_id, &new.key_id) {
            let sum = changes.entry((period.clone(), scope)).or_default();
            sum.settled = sum.settled.saturating_add(amount(settlement.cost));
            sum.calls += 1;
        }
    }
    for ((period, scope), change) in changes {
        spend::change(conn, &period, &scope, change)?;
    }
    Ok(())
}

pub(super) fn recover(conn: &Connection, now: Timestamp) -> Result<u64, Fault> {
    let lost = lose(conn, i64::MAX, now)?;
    let mut periods: BTreeSet<Period> = lost.iter().map(|known| known.period.clone()).collect();
    periods.insert(Period::of(now));
    for period in &periods {
        spend::reconcile(conn, period)?;
    }
    Ok(lost.len() as u64)
}

pub(super) fn any_expired(conn: &Connection, now: Timestamp) -> Result<bool, Fault> {
    let mut statement = conn
        .prepare_cached("SELECT 1 FROM model_calls WHERE outcome IS NULL AND expires_at <= ?1")?;
    Ok(statement.exists([now.millis()])?)
}

pub(super) fn expire(conn: &Connection, now: Timestamp) -> Result<u64, Fault> {
    Ok(lose(conn, now.millis(), now)?.len() as u64)
}

/// Settles the open calls that expire by `until` as lost. What they cost is not
/// known, hence the most that they may have: nothing is spent twice for it.
fn lose(conn: &Connection, until: i64, now: Timestamp) -> Result<Vec<Known>, Fault> {
    let mut statement = conn.prepare_cached(
        "UPDATE model_calls SET outcome = 'lost', cost_nano = reserved_nano, estimated = 1,
             settled_at = ?2
         WHERE outcome IS NULL AND expires_at <= ?1
         RETURNING task_id, workspace_id, key_id, period, reserved_nano, 1 AS is_open",
    )?;
    let lost = statement.query_map([until, now.millis()], known)?;
    let lost: Vec<Known> = lost.collect::<Result<_, _>>()?;
    for known in &lost {
        let (settled, reserved) = (known.reserved, -known.reserved);
        let change = Totals { settled, reserved, calls: 0 };
        spend::change_all(conn, &known.period, &known.scopes(), change)?;
        if let Some(task) = &known.task_id {
            tasks::add_cost(conn, task, settled)?;
        }
    }
    Ok(lost)
}

pub(super) fn by_id(
    conn: &Connection,
    ws: &WorkspaceId,
    id: &CallId,
) -> Result<Option<CallRecord>, Fault> {
    let mut statement =
        conn.prepare_cached("SELECT * FROM model_calls WHERE call_id = ?1 AND workspace_id = ?2")?;
    Ok(statement.query_row([&id.to_string(), ws.as_str()], record_of).optional()?)
}

pub(super) fn list(
    conn: &Connection,
    ws: &WorkspaceId,
    before: Option<&CallId>,
    limit: u32,
) -> Result<Vec<CallRecord>, Fault> {
    let before: i64 = match before {
        None => i64::MAX,
        Some(id) => conn
            .prepare_cached(
                "SELECT position FROM model_calls WHERE call_id = ?1 AND workspace_id = ?2",
            )?
            .query_row([&id.to_string(), ws.as_str()], |row| row.get(0))
            .optional()?
            .ok_or(StoreError::UnknownCursor)?,
    };
    let mut statement = conn.prepare_cached(
        "SELECT * FROM model_calls WHERE workspace_id = ?1 AND position < ?2
         ORDER BY position DESC LIMIT ?3",
    )?;
    let page = statement.query_map(params![ws.as_str(), before, limit], record_of)?;
    Ok(page.collect::<Result<_, _>>()?)
}

/// From a row of `model_calls`.
fn record_of(row: &Row<'_>) -> rusqlite::Result<CallRecord> {
    let is_open = row.get::<_, Option<String>>("outcome")?.is_none();
    Ok(CallRecord {
        call: call_of(row)?,
        period: rows::parsed(row, "period")?,
        settled: if is_open { None } else { Some(settled_of(row)?) },
    })
}

fn call_of(row: &Row<'_>) -> rusqlite::Result<ModelCall> {
    Ok(ModelCall {
        id: rows::parsed(row, "call_id")?,
        workspace_id: rows::parsed(row, "workspace_id")?,
        key_id: row.get("key_id")?,
        task_id: rows::parsed_opt(row, "task_id")?,
        request_id: rows::parsed_opt(row, "request_id")?,
        requested: row.get("requested")?,
        deployment: row.get("deployment")?,
        provider: row.get("provider")?,
        reserved: NanoUsd(row.get("reserved_nano")?),
        created_at: rows::time(row, "created_at")?,
        expires_at: rows::time(row, "expires_at")?,
    })
}

fn settled_of(row: &Row<'_>) -> rusqlite::Result<SettledCall> {
    Ok(SettledCall {
        model: row.get("model")?,
        tokens: TokenCounts {
            input: rows::uint(row, "input_tokens")?,
            cache_read: rows::uint(row, "cache_read_tokens")?,
            cache_write: rows::uint(row, "cache_write_tokens")?,
            cache_write_1h: rows::uint(row, "cache_write_1h_tokens")?,
            output: rows::uint(row, "output_tokens")?,
            reasoning: rows::uint(row, "reasoning_tokens")?,
        },
        cost: NanoUsd(row.get("cost_nano")?),
        estimated: row.get("estimated")?,
        outcome: rows::parsed(row, "outcome")?,
        error_code: row.get("error_code")?,
        attempts: row.get("attempts")?,
        first_token_ms: rows::uint_opt(row, "first_token_ms")?,
        duration_ms: rows::uint_opt(row, "duration_ms")?,
        settled_at: rows::time(row, "settled_at")?,
    })
}
