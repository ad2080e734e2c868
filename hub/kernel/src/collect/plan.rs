//! Which days a run is to fetch.

use std::collections::BTreeSet;

use agentos_domain::Timestamp;
use agentos_store::{Day, KernelStore, StoreError};
use serde::Deserialize;

/// After its end a day is still counted for a while by the providers.
const SETTLING_MILLIS: i64 = 2 * 60 * 60 * 1000;
/// The most days of one request.
const SPAN: i64 = 31;
/// The most days of one run: twenty years.
const MAX_RANGE: i64 = 7305;
/// Days without a row are looked for so far back; at a month's end these are
/// also the days that are fetched again.
const LOOK_BACK: i64 = 35;
/// The most days that are made up for after a long pause.
const MAX_GAP: i64 = 400;
/// The days of a month on which the month before is fetched again.
const CLOSING: i8 = 3;

/// What a collector is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Params {
    /// The first day; the newest complete one where absent.
    pub(crate) from: Option<Day>,
    /// The last day; that of `from`, or the newest complete one where absent.
    pub(crate) to: Option<Day>,
    /// Whether days that are there are fetched again.
    pub(crate) force: bool,
    /// Whether it is the daily job, which chooses its days itself.
    pub(crate) daily: bool,
}

/// The newest day in UTC that is over for at least two hours: before that,
/// providers have not counted all of it.
#[must_use]
pub fn newest_complete_day(now: Timestamp) -> Day {
    Day::of(Timestamp::from_millis(now.millis() - SETTLING_MILLIS)).plus(-1)
}

/// The days to fetch, and how many are there already.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) days: BTreeSet<Day>,
    pub(super) there: usize,
}

pub(super) enum PlanError {
    Params(String),
    Store(StoreError),
}

impl From<StoreError> for PlanError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// What is to be fetched of a provider.
pub(super) async fn plan(
    store: &dyn KernelStore,
    provider: &str,
    params: Params,
    refresh_days: u32,
    now: Timestamp,
) -> Result<Plan, PlanError> {
    if params.daily {
        return daily(store, provider, refresh_days, now).await;
    }
    let (from, to) = range(params, now).map_err(PlanError::Params)?;
    let all: BTreeSet<Day> = from.through(to).collect();
    if params.force {
        return Ok(Plan { days: all, there: 0 });
    }
    let there = BTreeSet::from_iter(store.recorded_days(provider, from, to).await?);
    Ok(Plan { days: &all - &there, there: there.len() })
}

/// The days that were asked for; each must be over.
fn range(params: Params, now: Timestamp) -> Result<(Day, Day), String> {
    let newest = newest_complete_day(now);
    let from = params.from.or(params.to).unwrap_or(newest);
    let to = params.to.unwrap_or_else(|| params.from.map_or(newest, |from| from.max(newest)));
    if from > to {
        return Err(format!("the days from {from} to {to} are none: exchange them"));
    }
    if to.ends() > now {
        let last = Day::of(now).plus(-1);
        return Err(format!(
            "{to} is not over in UTC, by which providers bill: ask for days up to {last}"
        ));
    }
    if to.since(from) >= MAX_RANGE {
        return Err(format!("from {from} to {to} are more than {MAX_RANGE} days: ask for fewer"));
    }
    Ok((from, to))
}

/// The newest days again, for providers still change them; at the beginning of
/// a month those of the month before too; and days that were missed, as while
/// the hub was off.
async fn daily(
    store: &dyn KernelStore,
    provider: &str,
    refresh_days: u32,
    now: Timestamp,
) -> Result<Plan, PlanError> {
    let newest = newest_complete_day(now);
    let back = newest.plus(1 - LOOK_BACK);
    let there = BTreeSet::from_iter(store.recorded_days(provider, back, newest).await?);
    let missed_from = match there.first() {
        Some(first) => Some(*first),
        None => {
            let last = store.newest_day(provider).await?;
            last.map(|last| last.plus(1).max(newest.plus(1 - MAX_GAP)))
        }
    };
    let mut days: BTreeSet<Day> = first_open_day(refresh_days, now).through(newest).collect();
    days.extend((!there.contains(&newest)).then_some(newest));
    if let Some(first) = missed_from {
        days.extend(first.through(newest).filter(|day| !there.contains(day)));
    }
    if Day::of(now).day_of_month() <= CLOSING {
        days.extend(there.iter().copied());
    }
    Ok(Plan { days, there: 0 })
}

/// Requests that cover these days, each of at most 31: the first and the last.
pub(super) fn spans(days: &BTreeSet<Day>) -> Vec<(Day, Day)> {
    let mut spans: Vec<(Day, Day)> = Vec::new();
    for day in days {
        match spans.last_mut() {
            Some((first, last)) if day.since(*first) < SPAN => *last = *day,
            _ => spans.push((*day, *day)),
        }
    }
    spans
}

/// The oldest day that may still change; those before it are closed.
pub(super) fn first_open_day(refresh_days: u32, now: Timestamp) -> Day {
    newest_complete_day(now).plus(1 - i64::from(refresh_days))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn yesterday_is_the_day_in_utc_that_is_over_for_two_hours() {
        for (now, newest) in [
            ("2026-11-22T02:00:00Z", "2026-11-21"),
            ("2026-11-22T01:59:59Z", "2026-11-20"),
            ("2026-11-22T23:59:59Z", "2026-11-21"),
            ("2028-03-01T06:00:00Z", "2028-02-29"),
            // Six in the morning in Seoul.
            ("2026-11-21T21:00:00Z", "2026-11-20"),
        ] {
            assert_eq!(newest_complete_day(at(now)), day(newest), "{now}");
        }
    }

    #[test]
    fn ranges_are_of_days_that_are_over() {
        let now = at("2026-11-22T06:00:00Z");
        let range = |from: Option<&str>, to: Option<&str>| {
            let params = Params { from: from.map(day), to: to.map(day), ..Params::default() };
            range(params, now).map(|(from, to)| format!("{from} {to}"))
        };
        assert_eq!(range(None, None).unwrap(), "2026-11-21 2026-11-21");
        assert_eq!(range(Some("2026-11-01"), None).unwrap(), "2026-11-01 2026-11-21");
        assert_eq!(range(None, Some("2026-11-01")).unwrap(), "2026-11-01 2026-11-01");
        assert_eq!(range(Some("2026-11-01"), Some("2026-11-03")).unwrap(), "2026-11-01 2026-11-03");
        assert!(range(Some("2026-11-03"), Some("2026-11-01")).unwrap_err().contains("exchange"));
        assert!(range(None, Some("2026-11-22")).unwrap_err().contains("not over in UTC"));
        assert!(range(Some("2026-11-23"), None).unwrap_err().contains("not over in UTC"));
        assert!(range(Some("2000-01-01"), None).unwrap_err().contains("fewer"));
    }

    #[test]
    fn requests_cover_each_day_once() {
        let days: BTreeSet<Day> = day("2026-01-01").through(day("2026-02-03")).collect();
        let cut = spans(&days);
        assert_eq!(
            cut,
            [(day("2026-01-01"), day("2026-01-31")), (day("2026-02-01"), day("2026-02-03"))]
        );
        let scattered = BTreeSet::from([day("2026-01-01"), day("2026-01-31"), day("2026-02-01")]);
        assert_eq!(spans(&scattered).len(), 2);
        assert_eq!(spans(&BTreeSet::new()), []);
    }
}
