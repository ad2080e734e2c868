//! What somebody is to be told of, and who tells them.

use agentos_store::{Day, Usd};
use async_trait::async_trait;
use serde::Serialize;

use crate::month::Month;
use crate::reconcile::Verdict;

/// Tells people. The hub implements it by its webhooks.
#[async_trait]
pub trait Notify: Send + Sync + 'static {
    /// Tells of one alert.
    ///
    /// # Errors
    /// Where it could not be told.
    async fn alert(&self, alert: &Alert) -> Result<(), NotifyError>;
}

/// Why nobody could be told; it holds no secret, such as a webhook's address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotifyError(pub String);

/// Something that a person should know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "alert", rename_all = "snake_case")]
pub enum Alert {
    /// A month costs more than it should.
    OverThreshold {
        /// The month.
        month: Month,
        /// What it costs by now.
        total_cost: Usd,
        /// What it should not exceed.
        threshold: Usd,
    },
    /// A month costs exactly nothing: a collector may be broken.
    ExactlyZero {
        /// The month.
        month: Month,
        /// How many of its days are recorded.
        days_tracked: u64,
    },
    /// A provider changed days that were taken for final.
    ClosedDaysChanged {
        /// The provider.
        provider: String,
        /// The days.
        days: Vec<ChangedDay>,
    },
    /// Billed and metered differ.
    Drift(DriftOf),
}

/// A day that a provider changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct ChangedDay {
    /// The day.
    pub date: Day,
    /// What it cost before.
    pub cost_before: Usd,
    /// What it costs now.
    pub cost: Usd,
}

/// A day on which billed and metered differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DriftOf {
    /// The provider.
    pub provider: String,
    /// The day.
    pub date: Day,
    /// What was billed.
    pub billed: Usd,
    /// What the hub metered.
    pub metered: Usd,
    /// What that means.
    pub verdict: Verdict,
}

impl Alert {
    /// A stable word in `snake_case`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::OverThreshold { .. } => "over_threshold",
            Self::ExactlyZero { .. } => "exactly_zero",
            Self::ClosedDaysChanged { .. } => "closed_days_changed",
            Self::Drift(_) => "drift",
        }
    }

    /// As a person reads it.
    #[must_use]
    pub fn message(&self) -> String {
        match self {
            Self::OverThreshold { month, total_cost, threshold } => format!(
                "{} costs {total_cost} USD by now: more than {threshold} USD.",
                month.name()
            ),
            Self::ExactlyZero { month, days_tracked } => format!(
                "{} costs exactly 0 USD ({days_tracked} days recorded): a collector may be broken.",
                month.name()
            ),
            Self::ClosedDaysChanged { provider, days } => {
                let days: Vec<_> = days
                    .iter()
                    .take(10)
                    .map(|day| format!("{} from {} to {} USD", day.date, day.cost_before, day.cost))
                    .collect();
                format!("{provider} changed days that were closed: {}.", days.join(", "))
            }
            Self::Drift(DriftOf { provider, date, billed, metered, verdict }) => {
                let means = match verdict {
                    Verdict::SpentOutside => {
                        "something was spent that did not pass through the hub"
                    }
                    _ => "the hub's prices may be wrong, or the bill is not complete",
                };
                format!(
                    "{provider} billed {billed} USD for {date}, the hub metered {metered} USD: \
                     {means}."
                )
            }
        }
    }
}
