//! The shapes of answers about what providers charge; see `schemas`.
#![expect(dead_code, reason = "only the derived schemas are used")]

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// The form of an export.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ExportForm {
    /// `provider,date,tokens,cost,created_at`.
    Csv,
    /// The FinOps Open Cost and Usage Specification.
    Focus,
}

/// Where a run of a plugin stands.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RunStatus {
    /// It is under way.
    Running,
    /// It did all that it was to do.
    Success,
    /// It did nothing of it.
    Failed,
    /// It did some of it.
    Partial,
    /// There was nothing to do.
    Skipped,
}

/// How collecting a provider's bill went.
#[derive(Serialize, ToSchema)]
pub(crate) struct ProviderRun {
    /// The provider.
    provider: String,
    /// The run.
    #[schema(format = "uuid")]
    run_id: String,
    /// Where the run stands.
    status: RunStatus,
    /// What went wrong.
    #[schema(required)]
    error: Option<String>,
    /// Days that were recorded.
    days: u64,
}

/// A provider that was left out.
#[derive(Serialize, ToSchema)]
pub(crate) struct PassedOver {
    /// The provider.
    provider: String,
    /// Why, and what to do about it.
    reason: String,
}

/// A file that was written.
#[derive(Serialize, ToSchema)]
pub(crate) struct ExportedFile {
    /// Where it is, on the hub.
    path: String,
    /// Its form.
    format: ExportForm,
    /// How many results it holds.
    rows: u64,
    /// The sum of their costs in US dollars, an exact decimal.
    total_cost: String,
}

/// Something that a person should know.
#[derive(Serialize, ToSchema)]
pub(crate) struct CostAlert {
    /// `over_threshold`, `exactly_zero`, `closed_days_changed` or `drift`.
    code: String,
    /// The same for people.
    message: String,
}

/// How a task of the kernel went.
#[derive(Serialize, ToSchema)]
pub(crate) struct KernelTaskReport {
    /// The task.
    task: String,
    /// Whether all was done, or nothing was to do.
    success: bool,
    /// 0 where it is a success, 1 otherwise.
    exit_code: u8,
    /// How long it took, in seconds.
    duration: f64,
    /// The providers whose bills were collected.
    providers: Vec<ProviderRun>,
    /// The providers that were left out.
    passed_over: Vec<PassedOver>,
    /// What went wrong.
    errors: Vec<String>,
    /// What there is to say, for people.
    message: String,
    /// The totals, where it sums up.
    #[schema(required)]
    totals: Option<MonthlyTotals>,
    /// The file, where it exports.
    #[schema(required)]
    export: Option<ExportedFile>,
    /// What somebody should know.
    alerts: Vec<CostAlert>,
}

/// What a provider charged for a day.
#[derive(Serialize, ToSchema)]
#[schema(as = BilledDay)]
pub(crate) struct ResultRow {
    /// Its id; another one after each change.
    #[schema(format = "uuid")]
    id: String,
    /// The run that recorded it.
    #[schema(format = "uuid")]
    run_id: String,
    /// The provider.
    provider: String,
    /// The day in UTC.
    #[schema(format = "date")]
    date: String,
    /// All tokens of it.
    tokens: u64,
    /// What it cost in US dollars, an exact decimal.
    cost: String,
    /// When this was recorded.
    #[schema(format = "date-time")]
    created_at: String,
    /// 1, and one more with each time that the provider changed the day.
    revision: u64,
}

/// A page of results.
#[derive(Serialize, ToSchema)]
pub(crate) struct ResultPage {
    /// The results, the newest day first, and of one day by provider.
    items: Vec<ResultRow>,
    /// Asks for the next page; null on the last.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// A run of a plugin.
#[derive(Serialize, ToSchema)]
pub(crate) struct PluginRun {
    /// Its id.
    #[schema(format = "uuid")]
    id: String,
    /// The plugin.
    plugin_name: String,
    /// Where it stands.
    status: RunStatus,
    /// When it began.
    #[schema(format = "date-time")]
    started_at: String,
    /// When it ended.
    #[schema(required, format = "date-time")]
    finished_at: Option<String>,
    /// What went wrong.
    #[schema(required)]
    error: Option<String>,
    /// What the plugin answered.
    data: Value,
    /// Counts and times.
    metadata: Value,
}

/// A page of runs.
#[derive(Serialize, ToSchema)]
pub(crate) struct RunPage {
    /// The runs, newest first.
    items: Vec<PluginRun>,
    /// Asks for the next page; null on the last.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// When a month begins and ends by the clocks of a time zone.
#[derive(Serialize, ToSchema)]
pub(crate) struct MonthInZone {
    /// The time zone.
    timezone: String,
    /// When it begins there.
    #[schema(format = "date-time")]
    begins: String,
    /// When the next begins there.
    #[schema(format = "date-time")]
    ends: String,
}

/// A provider's share of a month.
#[derive(Serialize, ToSchema)]
pub(crate) struct ProviderTotal {
    /// The provider.
    provider: String,
    /// Days that are recorded.
    days: u64,
    /// All tokens.
    total_tokens: u64,
    /// What it charged in US dollars, an exact decimal.
    total_cost: String,
}

/// The totals of a month of days in UTC.
#[derive(Serialize, ToSchema)]
pub(crate) struct MonthlyTotals {
    /// The month.
    #[schema(pattern = "^[0-9]{4}-[0-9]{2}$")]
    month: String,
    /// Its first day in UTC.
    #[schema(format = "date")]
    first_day: String,
    /// Its last day in UTC.
    #[schema(format = "date")]
    last_day: String,
    /// The month in the configured time zone, for information.
    in_zone: MonthInZone,
    /// What all providers charged in US dollars, an exact decimal.
    total_cost: String,
    /// All tokens.
    total_tokens: u64,
    /// Days of which at least one provider's bill is recorded.
    days_tracked: u64,
    /// Each provider.
    by_provider: Vec<ProviderTotal>,
}

/// What a difference means.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// Both sides agree, up to the threshold.
    Agrees,
    /// More is charged than was metered: it did not pass through the hub.
    SpentOutside,
    /// Less is charged than was metered.
    BilledLess,
    /// No bill is recorded.
    NotBilledYet,
}

/// A provider's day, metered and charged. Amounts are exact decimals.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReconciledDay {
    /// The provider.
    provider: String,
    /// The day in UTC.
    #[schema(format = "date")]
    date: String,
    /// What the hub metered, in US dollars.
    metered: String,
    /// How much of that are estimates and lost calls.
    uncertain: String,
    /// How many calls the hub made.
    calls: u64,
    /// What the provider charged; null where that is not recorded.
    #[schema(required)]
    billed: Option<String>,
    /// The same, rounded half-even to nine decimals.
    #[schema(required)]
    billed_rounded: Option<String>,
    /// Charged less metered.
    #[schema(required)]
    difference: Option<String>,
    /// What that means.
    verdict: Verdict,
}

/// Metered beside charged. Amounts are exact decimals in US dollars.
#[derive(Serialize, ToSchema)]
pub(crate) struct Reconciliation {
    /// The first day.
    #[schema(format = "date")]
    from: String,
    /// The last day.
    #[schema(format = "date")]
    to: String,
    /// How amounts are rounded before they are compared.
    rounding: String,
    /// From how many thousandths of the larger amount a difference is drift.
    drift_permille: u32,
    /// The days of which either side knows.
    days: Vec<ReconciledDay>,
    /// What was charged.
    billed: String,
    /// What was metered on the days that are charged.
    metered: String,
    /// What was charged and did not pass through the hub.
    outside: String,
}

/// Whether the kernel is well.
#[derive(Serialize, ToSchema)]
pub(crate) struct KernelHealth {
    /// Whether the database can be read.
    database: bool,
    /// Whether its schema is the one that this hub knows.
    schema_valid: Option<bool>,
    /// When the newest run began.
    #[schema(format = "date-time")]
    last_run: Option<String>,
    /// How many results there are.
    total_results: Option<u64>,
    /// How many runs there are.
    total_runs: Option<u64>,
    /// The plugins.
    plugins: Option<Vec<String>>,
    /// Why it cannot be read.
    error: Option<String>,
}

/// How a webhook was taken.
#[derive(Serialize, ToSchema)]
pub(crate) struct Triggered {
    /// The plugin.
    plugin: String,
    /// Where its run stands, or `repeated` where the message had come before.
    status: String,
    /// The run, where it has ended.
    #[schema(required, format = "uuid")]
    run_id: Option<String>,
    /// What went wrong.
    #[schema(required)]
    error: Option<String>,
}
