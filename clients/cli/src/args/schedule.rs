//! What can be typed about schedules.

use clap::{ArgGroup, Args, Subcommand};

use super::AskArgs;

const USAGE: &str = "\
agentos schedule add <NAME> <INPUT>... --cron <CRON>
       agentos schedule add <NAME> <INPUT>... --at <TIME>";

const EXAMPLES: &str = "\
Examples:
  agentos schedule add report --timezone Europe/Berlin \\
      --cron \"0 6 * * MON-FRI\" \"What has changed?\"
  agentos schedule add hello --timezone Europe/Berlin \\
      --at 2027-03-01T08:30 \"Say hello\"

An expression is minute, hour, day of the month, month and
weekday; @hourly, @daily, @weekly, @monthly and @yearly
stand for such. Times of the day that the clocks skip in
spring are at the end of the gap, those that they show
twice in autumn happen once. Where the minute or the hour
begins with *, the expression follows the clocks: what they
skip does not happen, what they show twice happens twice.";

/// What to do with schedules.
#[derive(Debug, Subcommand)]
pub(crate) enum ScheduleCommand {
    /// Make a schedule: a task again and again, or at one time
    #[command(override_usage = USAGE, after_help = EXAMPLES)]
    Add(ScheduleAddArgs),
    /// List the schedules, newest first
    List,
    /// Show a schedule
    Show {
        /// Its name, its id, or the end of its id
        schedule: String,
    },
    /// Remove a schedule; its tasks stay
    Remove {
        /// Its name, its id, or the end of its id
        schedule: String,
    },
    /// Pause a schedule
    Pause {
        /// Its name, its id, or the end of its id
        schedule: String,
    },
    /// Let a schedule go on, with its first time from now
    Resume {
        /// Its name, its id, or the end of its id
        schedule: String,
    },
    /// List what became of its times, newest first: run, missed, failed
    Slots(SlotsArgs),
}

/// What schedule to make.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("when").required(true).args(["cron", "at"])))]
pub(crate) struct ScheduleAddArgs {
    /// What you call it; 1 to 64 letters, digits, `-`, `_` or `.`
    pub(crate) name: String,
    /// What is to be done; `-` reads it from the standard input
    #[arg(required = true)]
    pub(crate) input: Vec<String>,
    /// Again and again: "MINUTE HOUR DAY MONTH WEEKDAY"
    #[arg(long, value_name = "CRON")]
    pub(crate) cron: Option<String>,
    /// One time: 2027-03-01T08:30 by the clocks of the time zone, or with an offset
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<String>,
    /// The time zone by whose clocks that is, such as Europe/Berlin [default: UTC]
    #[arg(long, value_name = "ZONE")]
    pub(crate) timezone: Option<String>,
    #[command(flatten)]
    pub(crate) ask: AskArgs,
}

/// Which slots to list.
#[derive(Debug, Args)]
pub(crate) struct SlotsArgs {
    /// The schedule's name, its id, or the end of its id
    pub(crate) schedule: String,
    /// How many
    #[arg(long, value_name = "N", default_value_t = 20,
          value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) limit: u32,
    /// Where the page before ended
    #[arg(long)]
    pub(crate) cursor: Option<String>,
}
