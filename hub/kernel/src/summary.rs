//! A month's totals as people read them.

use std::fmt::Write as _;

use serde::Serialize;

use crate::totals::MonthlyTotals;

/// A month's totals and the message about them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// The totals.
    pub totals: MonthlyTotals,
    /// The message, of several lines.
    pub message: String,
}

impl Summary {
    pub(crate) fn of(totals: MonthlyTotals) -> Self {
        let message = message(&totals);
        Self { totals, message }
    }
}

/// Amounts to the last digit: the sum of the lines is the total.
fn message(totals: &MonthlyTotals) -> String {
    let MonthlyTotals { month, first_day, last_day, in_zone, .. } = totals;
    let mut text = format!(
        "Costs of {}\nDays tracked: {}\nTotal: {} USD, {} tokens\n",
        month.name(),
        totals.days_tracked,
        totals.total_cost,
        totals.total_tokens,
    );
    for total in &totals.by_provider {
        let days =
            if total.days == 1 { "1 day".to_owned() } else { format!("{} days", total.days) };
        let (name, cost, tokens) = (&total.provider, &total.total_cost, total.total_tokens);
        // Writing to a text cannot fail.
        let _ = writeln!(text, "  {name}: {cost} USD, {tokens} tokens, {days}");
    }
    let _ = write!(text, "Billed by days in UTC, {first_day} to {last_day}");
    if in_zone.timezone != "UTC" {
        let (zone, begins, ends) = (&in_zone.timezone, in_zone.begins, in_zone.ends);
        let _ = write!(text, "; in {zone} the month is from {begins} to {ends}");
    }
    text.push_str(".\n");
    text
}
