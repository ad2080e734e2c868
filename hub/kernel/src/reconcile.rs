//! What the hub metered beside what the providers billed.
//!
//! A provider bills everything that was spent, the hub meters what passed
//! through it. Where more is billed, something was spent elsewhere, or prices
//! are wrong here; where less is billed, prices are wrong here, or the bill is
//! not complete yet.

use std::collections::BTreeMap;

use agentos_domain::NanoUsd;
use agentos_store::{Day, KernelStore, MeteredDay, ResultFilter, ResultOrder, StoreError, Usd};
use serde::Serialize;

/// Differences of less are no drift, however small the day: a cent.
const LEAST_DRIFT: NanoUsd = NanoUsd(10_000_000);
/// How the billed amount is made comparable.
const ROUNDING: &str = "billed amounts are rounded half-even to 9 decimals, as metered ones are";

/// Metered beside billed, over a range of days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reconciliation {
    /// The first day.
    pub from: Day,
    /// The last day.
    pub to: Day,
    /// How amounts are rounded before they are compared.
    pub rounding: &'static str,
    /// From how many thousandths of the larger amount a difference is drift.
    pub drift_permille: u32,
    /// Each provider's days of which either side knows, by day and provider.
    pub days: Vec<ReconciledDay>,
    /// What was billed.
    pub billed: Usd,
    /// What was metered on the days that are billed.
    pub metered: Usd,
    /// What was billed and did not pass through the hub.
    pub outside: Usd,
}

/// A provider's day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReconciledDay {
    /// The provider, as its results name it.
    pub provider: String,
    /// The day in UTC.
    pub date: Day,
    /// What the hub metered.
    pub metered: Usd,
    /// How much of that are estimates, and reservations of calls that were lost.
    pub uncertain: Usd,
    /// How many calls the hub made.
    pub calls: u64,
    /// What the provider billed, exactly; nothing where that is not recorded.
    pub billed: Option<Usd>,
    /// The same, rounded.
    pub billed_rounded: Option<Usd>,
    /// Billed less metered.
    pub difference: Option<Usd>,
    /// What that means.
    pub verdict: Verdict,
}

/// What a difference means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Both sides agree, up to the threshold.
    Agrees,
    /// More is billed than was metered: it did not pass through the hub.
    SpentOutside,
    /// Less is billed than was metered.
    BilledLess,
    /// No bill is recorded.
    NotBilledYet,
}

impl Verdict {
    /// Whether somebody should look at it.
    #[must_use]
    pub fn is_drift(self) -> bool {
        matches!(self, Self::SpentOutside | Self::BilledLess)
    }
}

/// Compares both sides of a range of days. `name` says how a provider's results
/// name it; a provider that nobody collects is left out, for it has no bill.
pub(crate) async fn reconcile(
    store: &dyn KernelStore,
    (from, to): (Day, Day),
    drift_permille: u32,
    name: impl Fn(&str) -> Option<String>,
) -> Result<Reconciliation, StoreError> {
    let order = ResultOrder::OldestFirst;
    let filter = ResultFilter { from: Some(from), to: Some(to), order, ..ResultFilter::default() };
    let mut days: BTreeMap<(Day, String), (Option<MeteredDay>, Option<Usd>)> = BTreeMap::new();
    for result in store.results(filter).await? {
        days.entry((result.date, result.provider)).or_default().1 = Some(result.cost);
    }
    for metered in store.metered(from, to).await? {
        if let Some(provider) = name(&metered.provider) {
            let date = metered.date;
            days.entry((date, provider)).or_default().0 = Some(metered);
        }
    }
    let days: Vec<ReconciledDay> = days
        .into_iter()
        .map(|((date, provider), (metered, billed))| {
            day(provider, date, metered, billed, drift_permille)
        })
        .collect();
    let billed_days = || days.iter().filter(|day| day.billed.is_some());
    Ok(Reconciliation {
        from,
        to,
        rounding: ROUNDING,
        drift_permille,
        billed: days.iter().filter_map(|day| day.billed.as_ref()).sum(),
        metered: billed_days().map(|day| &day.metered).sum(),
        outside: billed_days()
            .filter(|day| day.verdict == Verdict::SpentOutside)
            .filter_map(|day| day.difference.as_ref())
            .sum(),
        days,
    })
}

fn day(
    provider: String,
    date: Day,
    metered: Option<MeteredDay>,
    billed: Option<Usd>,
    drift_permille: u32,
) -> ReconciledDay {
    let calls = metered.as_ref().map_or(0, |day| day.calls);
    let (cost, uncertain) = metered.map_or_else(Default::default, |day| (day.cost, day.uncertain));
    let metered = Usd::from(cost);
    let rounded = billed.as_ref().map(Usd::rounded);
    let difference = rounded.as_ref().map(|billed| billed - &metered);
    let verdict = match (&rounded, &difference) {
        (Some(billed), Some(difference)) => judge(billed, &metered, difference, drift_permille),
        _ => Verdict::NotBilledYet,
    };
    ReconciledDay {
        provider,
        date,
        metered,
        uncertain: Usd::from(uncertain),
        calls,
        billed,
        billed_rounded: rounded,
        difference,
        verdict,
    }
}

fn judge(billed: &Usd, metered: &Usd, difference: &Usd, drift_permille: u32) -> Verdict {
    let larger = billed.abs().max(metered.abs());
    let allowed = larger.permille(drift_permille).max(Usd::from(LEAST_DRIFT));
    match difference.abs() > allowed {
        false => Verdict::Agrees,
        true if difference.is_negative() => Verdict::BilledLess,
        true => Verdict::SpentOutside,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_judged_against_the_larger_amount() {
        let usd = |text: &str| text.parse::<Usd>().unwrap();
        for (billed, metered, verdict) in [
            ("10", "10", Verdict::Agrees),
            ("10", "9.8", Verdict::Agrees),
            ("10", "9.799999999", Verdict::SpentOutside),
            ("9.799999999", "10", Verdict::BilledLess),
            // A cent is no drift.
            ("0.01", "0", Verdict::Agrees),
            ("0.010000001", "0", Verdict::SpentOutside),
            ("-5", "0", Verdict::BilledLess),
            ("0", "0", Verdict::Agrees),
        ] {
            let (billed, metered) = (usd(billed), usd(metered));
            let difference = &billed - &metered;
            assert_eq!(
                judge(&billed, &metered, &difference, 20),
                verdict,
                "{billed:?} {metered:?}"
            );
        }
    }
}
