//! What a month came to.

use std::collections::{BTreeMap, BTreeSet};

use agentos_store::{Day, KernelStore, ResultFilter, ResultOrder, ResultRecord, StoreError, Usd};
use serde::Serialize;

use crate::month::{Month, MonthInZone, Zone};

/// The totals of a month of UTC days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MonthlyTotals {
    /// The month.
    pub month: Month,
    /// Its first day in UTC.
    pub first_day: Day,
    /// Its last day in UTC.
    pub last_day: Day,
    /// When it begins and ends in the configured time zone; for information.
    pub in_zone: MonthInZone,
    /// What all providers billed.
    pub total_cost: Usd,
    /// All tokens.
    pub total_tokens: u64,
    /// Days of which at least one provider's bill is recorded.
    pub days_tracked: u64,
    /// Each provider, by its name.
    pub by_provider: Vec<ProviderTotal>,
}

/// A provider's share of a month.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProviderTotal {
    /// The provider.
    pub provider: String,
    /// Days that are recorded.
    pub days: u64,
    /// All tokens.
    pub total_tokens: u64,
    /// What it billed.
    pub total_cost: Usd,
}

/// The totals of what is recorded now.
pub(crate) async fn monthly(
    store: &dyn KernelStore,
    zone: &Zone,
    month: Month,
) -> Result<MonthlyTotals, StoreError> {
    let filter = ResultFilter {
        from: Some(month.first()),
        to: Some(month.last()),
        order: ResultOrder::OldestFirst,
        ..ResultFilter::default()
    };
    Ok(add_up(month, zone.month(month), &store.results(filter).await?))
}

fn add_up(month: Month, in_zone: MonthInZone, results: &[ResultRecord]) -> MonthlyTotals {
    let mut providers: BTreeMap<&str, Vec<&ResultRecord>> = BTreeMap::new();
    for result in results {
        providers.entry(&result.provider).or_default().push(result);
    }
    let tokens = |results: &[&ResultRecord]| {
        results.iter().fold(0_u64, |sum, result| sum.saturating_add(result.tokens))
    };
    let by_provider: Vec<_> = providers
        .into_iter()
        .map(|(provider, results)| ProviderTotal {
            provider: provider.to_owned(),
            days: results.len() as u64,
            total_tokens: tokens(&results),
            total_cost: results.iter().map(|result| &result.cost).sum(),
        })
        .collect();
    let days: BTreeSet<Day> = results.iter().map(|result| result.date).collect();
    MonthlyTotals {
        month,
        first_day: month.first(),
        last_day: month.last(),
        in_zone,
        total_cost: by_provider.iter().map(|total| &total.total_cost).sum(),
        total_tokens: by_provider
            .iter()
            .fold(0, |sum, total| total.total_tokens.saturating_add(sum)),
        days_tracked: days.len() as u64,
        by_provider,
    }
}
