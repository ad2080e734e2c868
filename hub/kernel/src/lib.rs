//! The kernel: it runs plugins by name and keeps a record of every run; and,
//! on top of that, what providers billed, day by day.
//!
//! ```text
//!  fetch, run_all, daily_report ─► Kernel ─┬─► Runner ─► Plugin::run ─► record_days
//!                                          │   (knows nothing of billing)
//!  summary, export, reconcile ─────────────┴─► totals over the recorded days
//! ```
//!
//! A [`Plugin`] has a name and one operation. The [`Runner`] gives it a
//! [`PluginContext`], takes its [`PluginResult`] and leaves a row for each run,
//! whatever happens. Collectors ([`Collector`]) are plugins that read a
//! provider's bill by a small [`Adapter`]; [`CommandPlugin`] and [`HttpPlugin`]
//! are declared in `workflow.yaml` alone.
//!
//! Providers bill days in UTC. A day is recorded whole or not at all, its cost
//! as the exact decimal that the provider billed ([`Usd`](agentos_store::Usd)).

mod collect;
mod config;
mod daily;
mod declared;
mod error;
mod export;
mod kernel;
mod month;
mod notify;
mod perform;
mod plugin;
mod reconcile;
mod registry;
mod report;
mod runner;
mod secrets;
mod summary;
mod task;
mod totals;
mod webhook;

pub use collect::{
    Adapter, Answers, Anthropic, Collector, OpenAi, Pause, Provider, Reading, RealPause, Report,
    newest_complete_day,
};
pub use config::{CollectorConfig, ExportConfig, KernelConfig};
pub use daily::{DailyError, DailySchedule};
pub use declared::{CommandPlugin, HttpPlugin, declared_plugins};
pub use error::KernelError;
pub use export::{Export, ExportFormat, ExportRequest, auto_name};
pub use kernel::{DayRange, Kernel, Outcome, PassedOver};
pub use month::{Month, MonthInZone};
pub use notify::{Alert, ChangedDay, DriftOf, Notify, NotifyError};
pub use perform::{ProviderRun, TaskParams, TaskReport, Told};
pub use plugin::{Plugin, PluginContext, PluginResult, PluginStatus, Progress, ProgressSink};
pub use reconcile::{ReconciledDay, Reconciliation, Verdict};
pub use registry::{Declared, Registry};
pub use report::DailyReport;
pub use runner::{RunReport, Runner};
pub use secrets::Secrets;
pub use summary::Summary;
pub use task::KernelTask;
pub use totals::{MonthlyTotals, ProviderTotal};
pub use webhook::{WebhookError, WebhookHeaders, verify_webhook};
