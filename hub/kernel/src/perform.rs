//! The kernel's tasks as clients ask for them, all answered in one form.

use agentos_domain::Classified as _;
use agentos_store::{RunId, RunStatus};
use serde::Serialize;

use crate::error::KernelError;
use crate::export::{Export, ExportFormat, ExportRequest};
use crate::kernel::{DayRange, Kernel, Outcome, PassedOver};
use crate::month::Month;
use crate::notify::Alert;
use crate::plugin::ProgressSink;
use crate::report::DailyReport;
use crate::runner::RunReport;
use crate::task::KernelTask;
use crate::totals::MonthlyTotals;

/// What a task is given; what does not belong to it is refused.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TaskParams {
    /// The days; of fetching and of an export.
    pub range: DayRange,
    /// Whether days that are there are fetched again.
    pub force: bool,
    /// The form of an export.
    pub format: Option<ExportFormat>,
    /// The provider whose results are exported.
    pub provider: Option<String>,
    /// Whether the providers' answers are exported.
    pub raw_json: Option<bool>,
    /// The month of a summary.
    pub month: Option<Month>,
}

/// How a task went.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TaskReport {
    /// The task.
    pub task: String,
    /// Whether all was done, or nothing was to do.
    pub success: bool,
    /// 0 where it is a success, 1 otherwise.
    pub exit_code: u8,
    /// How long it took, in seconds.
    pub duration: f64,
    /// The providers whose bills were collected.
    pub providers: Vec<ProviderRun>,
    /// The providers that were left out.
    pub passed_over: Vec<PassedOver>,
    /// What went wrong.
    pub errors: Vec<String>,
    /// What there is to say, for people.
    pub message: String,
    /// The totals, where it sums up.
    pub totals: Option<MonthlyTotals>,
    /// The file, where it exports.
    pub export: Option<Export>,
    /// What somebody should know.
    pub alerts: Vec<Told>,
}

/// How collecting a provider's bill went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProviderRun {
    /// The provider, such as `openai`.
    pub provider: String,
    /// The run.
    pub run_id: RunId,
    /// Where the run stands: never `running`.
    pub status: RunStatus,
    /// What went wrong.
    pub error: Option<String>,
    /// Days that were recorded, or replaced by what the provider says now.
    pub days: u64,
}

/// Something that a person should know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Told {
    /// A stable word.
    pub code: &'static str,
    /// The same for people.
    pub message: String,
}

impl From<&Alert> for Told {
    fn from(alert: &Alert) -> Self {
        Self { code: alert.code(), message: alert.message() }
    }
}

impl Kernel {
    /// Does a task. What goes wrong in collecting and writing is in the report.
    ///
    /// # Errors
    /// [`KernelError::UnknownTask`]; [`KernelError::Invalid`] where it is given
    /// what does not belong to it; [`KernelError::UnknownProvider`],
    /// [`KernelError::Stopping`], and those of the store.
    pub async fn perform(
        &self,
        name: &str,
        params: TaskParams,
        progress: ProgressSink,
    ) -> Result<TaskReport, KernelError> {
        let task = self.task(name)?;
        check(name, &task, &params)?;
        let began = self.clock.monotonic();
        let mut report = match task {
            KernelTask::Fetch(provider) => {
                let run = self.fetch(&provider, params.range, params.force, progress).await?;
                self.collected(name, &Outcome { runs: vec![run], passed_over: Vec::new() })
            }
            KernelTask::RunAll => {
                let outcome = self.run_all(params.range, params.force, progress).await?;
                self.collected(name, &outcome)
            }
            KernelTask::Export => self.exported(name, params).await?,
            KernelTask::Summary => {
                let month = params.month.unwrap_or_else(|| self.current_month());
                let summary = self.summary(month).await?;
                let totals = Some(summary.totals);
                TaskReport { message: summary.message, totals, ..TaskReport::empty(name) }
            }
            KernelTask::DailyReport => {
                let report = self.daily_report(progress).await?;
                self.reported(name, report)
            }
        };
        report.success = report.errors.is_empty();
        report.exit_code = u8::from(!report.success);
        report.duration = self.clock.monotonic().saturating_sub(began).as_secs_f64();
        Ok(report)
    }

    fn collected(&self, name: &str, outcome: &Outcome) -> TaskReport {
        let providers: Vec<_> = outcome.runs.iter().map(|run| self.provider_run(run)).collect();
        let passed = outcome.passed_over.iter();
        let lines = providers.iter().map(ProviderRun::line);
        let passed = passed.map(|one| format!("{}: passed over: {}", one.provider, one.reason));
        let lines: Vec<_> = lines.chain(passed).collect();
        TaskReport {
            message: lines.join("\n"),
            providers,
            passed_over: outcome.passed_over.clone(),
            errors: outcome.errors(),
            ..TaskReport::empty(name)
        }
    }

    fn provider_run(&self, run: &RunReport) -> ProviderRun {
        let provider = self.provider_of(&run.plugin);
        let count = |name: &str| run.metadata.get(name).and_then(serde_json::Value::as_u64);
        ProviderRun {
            provider: provider.map_or(run.plugin.as_str(), |known| known.key).to_owned(),
            run_id: run.run_id,
            status: run.status,
            error: run.error.clone(),
            days: count("days_added").unwrap_or(0) + count("days_replaced").unwrap_or(0),
        }
    }

    async fn exported(&self, name: &str, params: TaskParams) -> Result<TaskReport, KernelError> {
        let request = ExportRequest {
            format: params.format,
            provider: params.provider,
            from: params.range.from,
            to: params.range.to,
            raw_json: params.raw_json,
            path: None,
        };
        match self.export(request).await {
            Ok(export) => {
                let Export { path, rows, total_cost, .. } = &export;
                let message = format!("{rows} rows, {total_cost} USD: {}", path.display());
                Ok(TaskReport { message, export: Some(export), ..TaskReport::empty(name) })
            }
            Err(error @ KernelError::Write { .. }) => {
                tracing::error!(%error, code = error.code(), "nothing is exported");
                let (message, errors) = (error.to_string(), vec![error.to_string()]);
                Ok(TaskReport { message, errors, ..TaskReport::empty(name) })
            }
            Err(error) => Err(error),
        }
    }

    fn reported(&self, name: &str, report: DailyReport) -> TaskReport {
        let collected = self.collected(name, &report.collected);
        let mut errors = collected.errors;
        errors.extend(report.export_error);
        let alerts: Vec<_> = report.alerts.iter().map(Told::from).collect();
        let mut message = format!("{}\n{}", collected.message, report.summary.message);
        for alert in &alerts {
            message = format!("{message}{}\n", alert.message);
        }
        let (totals, export) = (Some(report.summary.totals), report.export);
        TaskReport { message, errors, alerts, totals, export, ..collected }
    }
}

impl TaskReport {
    fn empty(task: &str) -> Self {
        Self {
            task: task.to_owned(),
            success: true,
            exit_code: 0,
            duration: 0.0,
            providers: Vec::new(),
            passed_over: Vec::new(),
            errors: Vec::new(),
            message: String::new(),
            totals: None,
            export: None,
            alerts: Vec::new(),
        }
    }
}

impl ProviderRun {
    fn line(&self) -> String {
        let Self { provider, status, days, .. } = self;
        match (&self.error, *days) {
            (Some(error), _) => format!("{provider}: {}: {error}", status.as_str()),
            (None, 1) => format!("{provider}: {}, 1 day recorded", status.as_str()),
            (None, days) => format!("{provider}: {}, {days} days recorded", status.as_str()),
        }
    }
}

/// Whether everything that is given belongs to the task.
fn check(name: &str, task: &KernelTask, params: &TaskParams) -> Result<(), KernelError> {
    let (collects, exports) =
        (matches!(task, KernelTask::Fetch(_) | KernelTask::RunAll), *task == KernelTask::Export);
    let given = [
        ("from", params.range.from.is_some(), collects || exports),
        ("to", params.range.to.is_some(), collects || exports),
        ("force", params.force, collects),
        ("format", params.format.is_some(), exports),
        ("provider", params.provider.is_some(), exports),
        ("raw_json", params.raw_json.is_some(), exports),
        ("month", params.month.is_some(), *task == KernelTask::Summary),
    ];
    match given.into_iter().find(|(_, given, belongs)| *given && !belongs) {
        None => Ok(()),
        Some((field, ..)) => {
            let reason = format!("{field}: the task {name} takes none: leave it out");
            Err(KernelError::Invalid { reason })
        }
    }
}
