//! What providers billed, what was recorded before, and what the hub metered.

use std::fmt::Display;
use std::str::FromStr;

use agentos_domain::{NanoUsd, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::fault::Fault;
use super::{rows, runs};
use crate::{
    BilledDay, Day, DayOutcome, MeteredDay, Period, ReplacedResult, ResultFilter, ResultId,
    ResultOrder, ResultRecord, RunId, StoreError, Usd,
};

pub(super) fn record(
    conn: &Connection,
    run: RunId,
    provider: &str,
    days: &[BilledDay],
    now: Timestamp,
) -> Result<Vec<DayOutcome>, Fault> {
    if !runs::is_open(conn, run)? {
        return Err(StoreError::RunClosed.into());
    }
    days.iter().map(|day| record_day(conn, run, provider, day, now)).collect()
}

fn record_day(
    conn: &Connection,
    run: RunId,
    provider: &str,
    day: &BilledDay,
    now: Timestamp,
) -> Result<DayOutcome, Fault> {
    let date = day.date.to_string();
    let recorded = conn
        .prepare_cached(
            "SELECT tokens, cost, revision FROM results WHERE provider = ?1 AND date = ?2",
        )?
        .query_row([provider, &date], |row| {
            Ok((
                rows::uint(row, "tokens")?,
                rows::parsed(row, "cost")?,
                rows::uint(row, "revision")?,
            ))
        })
        .optional()?;
    let (outcome, revision): (_, u64) = match recorded {
        None => (DayOutcome::Added, 1),
        Some((tokens, cost, _)) if tokens == day.tokens && cost == day.cost => {
            return Ok(DayOutcome::Unchanged);
        }
        Some((tokens, cost, revision)) => {
            replace(conn, run, provider, &date, now)?;
            (DayOutcome::Replaced { tokens, cost }, revision + 1)
        }
    };
    conn.prepare_cached(
        "INSERT INTO results
             (id, run_id, provider, date, tokens, cost, created_at, revision, raw_json)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute(params![
        ResultId::generate().to_string(),
        run.to_string(),
        provider,
        date,
        rows::int(day.tokens),
        day.cost.to_string(),
        now.millis(),
        rows::int(revision),
        day.raw_json,
    ])?;
    Ok(outcome)
}

/// Moves what is recorded of a day to the history.
fn replace(
    conn: &Connection,
    run: RunId,
    provider: &str,
    date: &str,
    now: Timestamp,
) -> Result<(), Fault> {
    conn.prepare_cached(
        "INSERT INTO result_history (id, run_id, provider, date, tokens, cost, created_at, revision,
             raw_json, replaced_at, replaced_by)
         SELECT id, run_id, provider, date, tokens, cost, created_at, revision, raw_json, ?3, ?4
         FROM results WHERE provider = ?1 AND date = ?2",
    )?
    .execute(params![provider, date, now.millis(), run.to_string()])?;
    conn.prepare_cached("DELETE FROM results WHERE provider = ?1 AND date = ?2")?
        .execute([provider, date])?;
    Ok(())
}

pub(super) fn days(
    conn: &Connection,
    provider: &str,
    from: Day,
    to: Day,
) -> Result<Vec<Day>, Fault> {
    let mut statement = conn.prepare_cached(
        "SELECT date FROM results WHERE provider = ?1 AND date BETWEEN ?2 AND ?3 ORDER BY date",
    )?;
    let days = statement.query_map([provider, &from.to_string(), &to.to_string()], |row| {
        rows::parsed(row, "date")
    })?;
    Ok(days.collect::<Result<_, _>>()?)
}

pub(super) fn newest(conn: &Connection, provider: &str) -> Result<Option<Day>, Fault> {
    let mut statement = conn.prepare_cached(
        "SELECT date FROM results WHERE provider = ?1 ORDER BY date DESC LIMIT 1",
    )?;
    Ok(statement.query_row([provider], |row| rows::parsed(row, "date")).optional()?)
}

/// What every list of results reads; `raw_json` is null unless it is asked for.
const COLUMNS: &str = "id, run_id, provider, date, tokens, cost, created_at, revision";

pub(super) fn list(conn: &Connection, filter: &ResultFilter) -> Result<Vec<ResultRecord>, Fault> {
    let raw = if filter.raw_json { "raw_json" } else { "NULL AS raw_json" };
    // Of one day the providers come in the order of their names, either way.
    let (later, order) = match filter.order {
        ResultOrder::NewestFirst => ("<", "DESC"),
        ResultOrder::OldestFirst => (">", "ASC"),
    };
    let sql = format!(
        "SELECT {COLUMNS}, {raw} FROM results
         WHERE date BETWEEN ?1 AND ?2 AND (?3 IS NULL OR provider = ?3)
             AND (?4 IS NULL OR date {later} ?4 OR (date = ?4 AND provider > ?5))
         ORDER BY date {order}, provider LIMIT ?6"
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let day = |day: Option<Day>| day.map(|day| day.to_string());
    let from = day(filter.from).unwrap_or_default();
    let to = day(filter.to).unwrap_or_else(|| "9999-12-31".to_owned());
    let (after, after_provider) = match &filter.after {
        Some((date, provider)) => (Some(date.to_string()), Some(provider)),
        None => (None, None),
    };
    let page = statement.query_map(
        params![from, to, filter.provider, after, after_provider, filter.limit],
        result,
    )?;
    Ok(page.collect::<Result<_, _>>()?)
}

pub(super) fn history(
    conn: &Connection,
    provider: &str,
    date: Day,
) -> Result<Vec<ReplacedResult>, Fault> {
    let mut statement = conn.prepare_cached(
        "SELECT id, run_id, provider, date, tokens, cost, created_at, revision, raw_json,
             replaced_at, replaced_by
         FROM result_history WHERE provider = ?1 AND date = ?2 ORDER BY revision",
    )?;
    let replaced = statement.query_map([provider, &date.to_string()], |row| {
        Ok(ReplacedResult {
            result: result(row)?,
            replaced_at: rows::time(row, "replaced_at")?,
            replaced_by: rows::parsed(row, "replaced_by")?,
        })
    })?;
    Ok(replaced.collect::<Result<_, _>>()?)
}

/// From a row of [`COLUMNS`] and `raw_json`; by their places, for there may be
/// many rows.
fn result(row: &Row<'_>) -> rusqlite::Result<ResultRecord> {
    Ok(ResultRecord {
        id: text(row, 0)?,
        run_id: text(row, 1)?,
        provider: row.get(2)?,
        date: text(row, 3)?,
        tokens: rows::uint(row, 4)?,
        cost: text::<Usd>(row, 5)?,
        raw_json: row.get(8)?,
        created_at: Timestamp::from_millis(row.get(6)?),
        revision: rows::uint(row, 7)?,
    })
}

fn text<T>(row: &Row<'_>, place: usize) -> rusqlite::Result<T>
where
    T: FromStr,
    T::Err: Display,
{
    let text = row.get_ref(place)?.as_str()?;
    text.parse().map_err(|error| rows::unreadable("of a result", error))
}

/// By period first, for calls are found by it.
pub(super) fn metered(conn: &Connection, from: Day, to: Day) -> Result<Vec<MeteredDay>, Fault> {
    let mut statement = conn.prepare_cached(
        "SELECT provider, created_at / 86400000 AS day, count(*) AS calls, sum(cost_nano) AS cost,
             sum(CASE WHEN estimated = 1 OR outcome = 'lost' THEN cost_nano ELSE 0 END)
                 AS uncertain
         FROM model_calls
         WHERE period BETWEEN ?1 AND ?2 AND created_at >= ?3 AND created_at < ?4
             AND cost_nano IS NOT NULL
         GROUP BY day, provider ORDER BY day, provider",
    )?;
    let (begins, ends) = (from.begins(), to.ends());
    let periods = (Period::of(begins), Period::of(to.begins()));
    let metered = statement.query_map(
        params![periods.0.as_str(), periods.1.as_str(), begins.millis(), ends.millis()],
        |row| {
            let day: i64 = row.get("day")?;
            Ok(MeteredDay {
                provider: row.get("provider")?,
                date: Day::of(Timestamp::from_millis(day.saturating_mul(86_400_000))),
                cost: NanoUsd(row.get("cost")?),
                uncertain: NanoUsd(row.get("uncertain")?),
                calls: rows::uint(row, "calls")?,
            })
        },
    )?;
    Ok(metered.collect::<Result<_, _>>()?)
}
