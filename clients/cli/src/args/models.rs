//! What can be typed about models and what they cost.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

const CALIBRATE: &str = "\
Examples:
  agentos calibrate local-fast --questions quiz.jsonl --write calibrations.json
  agentos calibrate --judged judged.jsonl --model agentos-pocket --write calibrations.json

A line of --questions is {\"question\": \"…\", \"answer\": \"…\"}: an answer is right that
holds this text. A line of --judged is {\"raw\": 0.93, \"right\": true}. Name the file that
is written in router.calibrations, and the hub lets `confidence_score` decide by it.";

/// What to do with budgets.
#[derive(Debug, Subcommand)]
pub(crate) enum BudgetCommand {
    /// List the budgets, with what is spent of them this month
    List,
    /// Set the budget of the workspace, or of one of its keys
    Set(BudgetSetArgs),
    /// Remove the budget of the workspace, or of one of its keys
    Remove {
        /// `workspace`, or the id of a key
        scope: String,
    },
}

/// A budget.
#[derive(Debug, Args)]
pub(crate) struct BudgetSetArgs {
    /// `workspace`, or the id of a key
    pub(crate) scope: String,
    /// The most that a calendar month (UTC) may cost, in US dollars
    pub(crate) usd: String,
    /// What happens to a call that does not fit
    #[arg(long, value_enum, default_value_t = OnLimit::Refuse)]
    pub(crate) on_limit: OnLimit,
}

/// What happens to a call that does not fit a budget.
#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum OnLimit {
    /// It is refused
    Refuse,
    /// A local model answers instead
    LocalOnly,
}

/// Which calls to list.
#[derive(Debug, Args)]
pub(crate) struct CallsArgs {
    /// How many
    #[arg(long, short = 'n', default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) limit: u32,
}

/// What to calibrate, and by what.
#[derive(Debug, Args)]
#[command(after_help = CALIBRATE)]
pub(crate) struct CalibrateArgs {
    /// The model that is asked, as requests name it
    #[arg(required_unless_present = "judged", conflicts_with = "judged")]
    pub(crate) ask: Option<String>,
    /// Questions with their answers, one JSON object to a line
    #[arg(long, value_name = "FILE", requires = "ask", required_unless_present = "judged")]
    pub(crate) questions: Option<PathBuf>,
    /// Answers that were judged already, one JSON object to a line
    #[arg(long, value_name = "FILE", requires = "model")]
    pub(crate) judged: Option<PathBuf>,
    /// Whose answers they are, as answers name their model
    #[arg(long, value_name = "NAME", requires = "judged")]
    pub(crate) model: Option<String>,
    /// The file of calibrations to add this one to; without it, it is printed
    #[arg(long, value_name = "FILE")]
    pub(crate) write: Option<PathBuf>,
}
