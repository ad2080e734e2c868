//! A span of at most 31 days: every report of it, and each day by itself.
//!
//! What cannot be trusted as a whole (a page that failed, a bucket that is no
//! day of the span) fails the span. What is wrong with one day fails that day.

use std::collections::BTreeMap;

use agentos_store::{BilledDay, Day, Usd};
use serde_json::value::RawValue;

use super::adapter::{Adapter, Answers, Reading, Report};
use super::client::Client;
use super::error::CollectError;

/// How much the whole bill and the sum of its parts may differ: a cent. The
/// parts are rounded, and young days change between two requests.
const TOLERANCE: &str = "0.01";

/// A day as it was read, and what is known to be missing in it.
pub(super) type ReadDay = Result<(BilledDay, Vec<String>), String>;

/// Each day from one to another, both included.
pub(super) async fn fetch(
    client: &Client<'_>,
    from: Day,
    to: Day,
) -> Result<BTreeMap<Day, ReadDay>, CollectError> {
    let adapter = client.adapter;
    let span = adapter.span(from, to);
    let mut days: BTreeMap<Day, Result<Answers, String>> =
        from.through(to).map(|day| (day, Ok(Answers::default()))).collect();
    for report in adapter.reports() {
        for bucket in client.buckets(report, &span).await? {
            file(adapter, report, bucket, &mut days)?;
        }
    }
    Ok(days.into_iter().map(|(day, answers)| (day, read(client, day, answers))).collect())
}

/// Puts a bucket to its day.
fn file(
    adapter: &dyn Adapter,
    report: &Report,
    bucket: Box<RawValue>,
    days: &mut BTreeMap<Day, Result<Answers, String>>,
) -> Result<(), CollectError> {
    let name = report.name;
    let wrong = |reason: String| {
        CollectError::lasting("bad_bucket", format!("a bucket of `{name}` {reason}"))
    };
    let bounds = adapter.bounds(&bucket);
    let (begins, ends) = bounds.map_err(|error| wrong(format!("has no time: {error}")))?;
    let day = Day::of(begins);
    if (day.begins(), day.ends()) != (begins, ends) {
        return Err(wrong(format!("is from {begins} to {ends}: that is no day in UTC")));
    }
    let Some(answers) = days.get_mut(&day) else {
        return Err(wrong(format!("is of {day}, which was not asked for")));
    };
    let is_second = answers.as_mut().is_ok_and(|answers| answers.0.insert(name, bucket).is_some());
    if is_second {
        *answers = Err(format!("the report `{name}` says something of it twice"));
    }
    Ok(())
}

fn read(client: &Client<'_>, day: Day, answers: Result<Answers, String>) -> ReadDay {
    let answers = answers?;
    let Reading { tokens, cost, split_cost, mut notes } = client.adapter.read(&answers)?;
    let difference = (&cost - &split_cost).abs();
    if difference > tolerance() {
        return Err(format!("its cost is {cost} USD, and the sum of its parts {split_cost} USD"));
    }
    if !difference.is_zero() {
        notes.push(format!("the sum of its parts is {split_cost} USD"));
    }
    let parts = answers.0.iter().map(|(name, bucket)| format!("\"{name}\":{}", bucket.get()));
    let raw_json = format!("{{{}}}", parts.collect::<Vec<_>>().join(","));
    let raw_json = client.secrets.redact(&raw_json);
    Ok((BilledDay { date: day, tokens, cost, raw_json }, notes))
}

fn tolerance() -> Usd {
    TOLERANCE.parse().unwrap_or_default()
}
