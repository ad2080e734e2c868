//! The program, on Linux.

use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::process::ExitCode;

use agentos_escape::CANARY;
use agentos_escape::cases::MACOS;
use agentos_escape::place::{Built, Place};
use agentos_escape::report::{self, TierReport};
use agentos_escape::shell::Shell;
use agentos_sandbox::Tier;
use anyhow::Result;
use clap::Parser;

/// Tries to escape from the sandbox; the last line is one JSON object. Fails
/// where an attack had an effect or honest use did not work.
#[derive(Debug, Parser)]
#[command(name = "escape", version)]
struct Options {
    /// `launcher` or `bubblewrap`; both without
    #[arg(long)]
    tier: Option<String>,
    /// Only these cases
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Run a command that sleeps so long, once detached, until this is killed
    #[arg(long)]
    hold: Option<String>,
}

pub(crate) fn main() -> ExitCode {
    let options = Options::parse();
    // The worker of the cases has a secret in its environment.
    if std::env::var("API_KEY").ok().as_deref() != Some(CANARY) {
        let again = std::env::current_exe().map(|program| {
            std::process::Command::new(program)
                .args(std::env::args_os().skip(1))
                .env("API_KEY", CANARY)
                .exec()
        });
        return agentos_process::exit_code(Err(again.unwrap_or_else(|error| error)));
    }
    agentos_process::verdict(run(&options).map_err(|error| format!("{error:#}")))
}

fn run(options: &Options) -> Result<bool> {
    let built = Built::beside()?;
    let chosen = |tier: &Tier| {
        let first = tier.name().split('+').next();
        options.tier.as_deref().is_none_or(|name| first == Some(name))
    };
    if let Some(time) = &options.hold {
        let place = Place::new(&built)?;
        let tier = [Tier::Bubblewrap, Tier::Launcher].into_iter().find(chosen);
        let shell = Shell::in_tier(&place, tier.unwrap_or(Tier::Launcher))?
            .or_else(|_| Shell::in_tier(&place, Tier::Launcher)?.map_err(anyhow::Error::msg))?;
        shell.bash(&place, &format!("(setsid sleep {time} &); sleep {time}"))?;
    }
    let mut reports = Vec::new();
    for tier in [Tier::Bubblewrap, Tier::Launcher].into_iter().filter(chosen) {
        let report = report::run(&built, tier, &options.only)?;
        print(&report)?;
        reports.push(report);
    }
    let mut out = std::io::stdout().lock();
    writeln!(out, "not run here, for they need a Mac: {}", MACOS.join(", "))?;
    let result = serde_json::json!({ "tiers": reports, "macos_not_run": MACOS });
    writeln!(out, "{result}")?;
    let held = |report: &TierReport| report.escapes == 0 && report.benign_failed.is_empty();
    Ok(!reports.is_empty() && reports.iter().all(held))
}

fn print(report: &TierReport) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", report.tier)?;
    for row in &report.rows {
        let control = if row.control == "works" {
            String::new()
        } else {
            format!(" [control {}]", row.control)
        };
        writeln!(out, "  {:4} {:58} {}{control}", row.id, row.attack, row.ending)?;
    }
    for failed in &report.benign_failed {
        writeln!(out, "  honest use that does not work: {failed}")?;
    }
    let TierReport { escapes, attempted, known_open, not_runnable, benign, .. } = report;
    writeln!(
        out,
        "  {escapes} escapes of {attempted} attempted, {} known open, {} not runnable; \
         {} of {benign} honest uses work",
        known_open.len(),
        not_runnable.len(),
        benign - report.benign_failed.len()
    )?;
    Ok(())
}
