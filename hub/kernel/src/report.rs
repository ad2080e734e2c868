//! The daily report: collect, sum up, export, alert.

use agentos_domain::NanoUsd;
use agentos_store::{Day, ResultFilter, StoreError, Usd};
use serde::Serialize;

use crate::collect::newest_complete_day;
use crate::error::KernelError;
use crate::export::{Export, ExportRequest};
use crate::kernel::{Kernel, Outcome};
use crate::month::Month;
use crate::notify::{Alert, ChangedDay, DriftOf};
use crate::plugin::ProgressSink;
use crate::runner::RunReport;
use crate::summary::Summary;

/// Changes of closed days up to a cent are rounding.
const LEAST_CHANGE: NanoUsd = NanoUsd(10_000_000);

/// What a daily report came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DailyReport {
    /// The newest day in UTC that is billed. The report is of its month, so that
    /// of the first day of a month is of the month before.
    pub day: Day,
    /// What was collected.
    pub collected: Outcome,
    /// What the month costs.
    pub summary: Summary,
    /// The file; none where it could not be written.
    pub export: Option<Export>,
    /// Why it could not be written.
    pub export_error: Option<String>,
    /// What somebody should know.
    pub alerts: Vec<Alert>,
    /// Alerts that nobody could be told of, and why.
    pub untold: Vec<String>,
}

impl DailyReport {
    /// 0 where all was done, 1 otherwise. That there are alerts is no failure.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        self.collected.exit_code().max(u8::from(self.export.is_none()))
    }

    /// What was not done.
    #[must_use]
    pub fn error(&self) -> Option<String> {
        let mut errors = self.collected.errors();
        errors.extend(self.export_error.clone());
        (!errors.is_empty()).then(|| errors.join("; "))
    }
}

impl Kernel {
    /// Collects the young days of all providers, sums the month up, exports it
    /// and tells of what is out of the ordinary. What fails in one of these does
    /// not keep the others from being done.
    ///
    /// # Errors
    /// [`KernelError::Stopping`], and those of the store.
    pub async fn daily_report(&self, progress: ProgressSink) -> Result<DailyReport, KernelError> {
        let collected = self.collect_daily(progress).await?;
        let day = newest_complete_day(self.clock.now());
        let month = Month::of(day);
        let summary = Summary::of(self.totals(month).await?);
        tracing::info!(%month, total_cost = %summary.totals.total_cost, "{}", summary.message);
        let (from, to) = (Some(month.first()), Some(month.last()));
        let request = ExportRequest { from, to, ..ExportRequest::default() };
        let exported = self.export(request).await;
        let (export, export_error) = match exported {
            Ok(export) => (Some(export), None),
            Err(error) => {
                tracing::error!(%error, "the daily report is not exported");
                (None, Some(error.to_string()))
            }
        };
        let alerts = self.alerts(day, &collected, &summary).await?;
        let untold = self.tell(&alerts).await;
        Ok(DailyReport { day, collected, summary, export, export_error, alerts, untold })
    }

    async fn alerts(
        &self,
        day: Day,
        collected: &Outcome,
        summary: &Summary,
    ) -> Result<Vec<Alert>, KernelError> {
        let totals = &summary.totals;
        let (month, threshold) = (totals.month, &self.config.monthly_threshold);
        let mut alerts = Vec::new();
        if totals.total_cost > *threshold {
            let (total_cost, threshold) = (totals.total_cost.clone(), threshold.clone());
            alerts.push(Alert::OverThreshold { month, total_cost, threshold });
        }
        if totals.total_cost.is_zero() && (!collected.runs.is_empty() || self.has_results().await?)
        {
            alerts.push(Alert::ExactlyZero { month, days_tracked: totals.days_tracked });
        }
        alerts.extend(collected.runs.iter().filter_map(|run| self.changed(run)));
        let compared = self.reconcile(day, day).await?;
        let drifts = compared.days.into_iter().filter(|day| day.verdict.is_drift());
        alerts.extend(drifts.map(|day| {
            Alert::Drift(DriftOf {
                provider: day.provider,
                date: day.date,
                billed: day.billed.unwrap_or_default(),
                metered: day.metered,
                verdict: day.verdict,
            })
        }));
        Ok(alerts)
    }

    /// Whether anything was ever collected: an installation that bills nothing is
    /// not told every day that it costs nothing.
    async fn has_results(&self) -> Result<bool, StoreError> {
        let any = ResultFilter { limit: 1, ..ResultFilter::default() };
        Ok(!self.store.results(any).await?.is_empty())
    }

    /// The closed days that a run found changed.
    fn changed(&self, run: &RunReport) -> Option<Alert> {
        let days = run.metadata.get("changed_closed_days")?;
        let days: Vec<ChangedDay> = serde_json::from_value(days.clone()).ok()?;
        let days: Vec<_> = days
            .into_iter()
            .filter(|day| (&day.cost - &day.cost_before).abs() > Usd::from(LEAST_CHANGE))
            .collect();
        let provider = self.provider_of(&run.plugin)?.name.to_owned();
        (!days.is_empty()).then_some(Alert::ClosedDaysChanged { provider, days })
    }

    /// Tells of each alert; which could not be told.
    async fn tell(&self, alerts: &[Alert]) -> Vec<String> {
        let Some(notify) = &self.notify else {
            for alert in alerts {
                tracing::warn!(
                    alert = alert.code(),
                    "{} No webhook is configured.",
                    alert.message()
                );
            }
            return Vec::new();
        };
        let mut untold = Vec::new();
        for alert in alerts {
            if let Err(error) = notify.alert(alert).await {
                tracing::error!(%error, alert = alert.code(), "nobody could be told of an alert");
                untold.push(format!("{}: {error}", alert.code()));
            }
        }
        untold
    }
}
