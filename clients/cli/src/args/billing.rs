//! What can be typed about what providers charge.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

const BILLING: &str = "\
Days are in UTC, as providers bill them. The tasks are
commands of their own, too: agentos run_all

Exit codes of tasks: 0 where all succeeded or nothing was
to do, else 1";

/// What to do with what providers charge.
#[derive(Debug, Subcommand)]
#[command(after_help = BILLING)]
pub(crate) enum BillingCommand {
    /// Collect what OpenAI charged
    #[command(alias = "fetch_openai")]
    FetchOpenai(FetchArgs),
    /// Collect what Anthropic charged
    #[command(alias = "fetch_anthropic")]
    FetchAnthropic(FetchArgs),
    /// Collect what all providers charged
    #[command(alias = "run_all")]
    RunAll(FetchArgs),
    /// Write the results to a file on the hub, or to one here
    Export(ExportArgs),
    /// Sum up a month
    Summary(SummaryArgs),
    /// Collect, sum up, export and alert, as the schedule does each day
    #[command(alias = "daily_report")]
    DailyReport,
    /// List what was charged, day by day, newest first
    Results(ResultsArgs),
    /// List the runs of plugins, newest first
    Runs(RunsArgs),
    /// Show the totals of a month
    Totals(SummaryArgs),
    /// Compare what the hub metered with what was charged
    Reconcile(DaysArgs),
    /// Another task of the hub's kernel, by its name
    #[command(external_subcommand)]
    Other(Vec<String>),
}

/// A range of days.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct DaysArgs {
    /// The first day in UTC, such as 2026-11-01
    #[arg(long, value_name = "DAY")]
    pub(crate) from: Option<String>,
    /// The last day in UTC
    #[arg(long, value_name = "DAY")]
    pub(crate) to: Option<String>,
}

/// Which days to collect.
#[derive(Debug, Args)]
pub(crate) struct FetchArgs {
    #[command(flatten)]
    pub(crate) days: DaysArgs,
    /// This day alone [default: the newest that is over]
    #[arg(long, value_name = "DAY", conflicts_with_all = ["from", "to"])]
    pub(crate) date: Option<String>,
    /// Fetch days again that are recorded
    #[arg(long)]
    pub(crate) force: bool,
}

/// What to export.
#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    #[command(flatten)]
    pub(crate) days: DaysArgs,
    /// Of this provider: openai, anthropic [default: all]
    #[arg(long)]
    pub(crate) provider: Option<String>,
    /// The columns [default: as configured]
    #[arg(long, value_enum)]
    pub(crate) format: Option<ExportForm>,
    /// With the providers' own answers
    #[arg(long)]
    pub(crate) raw_json: bool,
    /// A file on this machine; without it the hub writes one in export.output_dir
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// The columns of an export.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum ExportForm {
    /// provider, date, tokens, cost, created_at
    Csv,
    /// The FinOps Open Cost and Usage Specification
    Focus,
}

impl ExportForm {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Focus => "focus",
        }
    }
}

/// Which month.
#[derive(Debug, Args)]
pub(crate) struct SummaryArgs {
    /// The month, such as 2026-11 [default: that of the newest day that is over]
    pub(crate) month: Option<String>,
}

/// Which results to list.
#[derive(Debug, Args)]
pub(crate) struct ResultsArgs {
    #[command(flatten)]
    pub(crate) days: DaysArgs,
    /// Of this provider: openai, anthropic
    #[arg(long)]
    pub(crate) provider: Option<String>,
    /// How many
    #[arg(long, short = 'n', default_value_t = 31, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) limit: u32,
}

/// Which runs to list.
#[derive(Debug, Args)]
pub(crate) struct RunsArgs {
    /// Those that stand there: running, success, failed, partial, skipped
    #[arg(long)]
    pub(crate) status: Option<String>,
    /// Those of this plugin
    #[arg(long, value_name = "NAME")]
    pub(crate) plugin: Option<String>,
    /// How many
    #[arg(long, short = 'n', default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) limit: u32,
}
