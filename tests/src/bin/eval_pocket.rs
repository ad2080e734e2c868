//! Evaluates a model that drives the tools for files; `cargo xtask
//! eval-pocket` runs it.

use std::io::Write as _;
use std::process::ExitCode;

use agentos_tests::pocket::{self, Options, Outcome};
use anyhow::Context as _;
use clap::Parser as _;

/// A share lies below its minimum.
const BELOW: u8 = 1;
/// The evaluation could not run.
const BAD_INPUT: u8 = 2;
/// Requests between two lines of progress.
const PROGRESS: usize = 50;

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    match evaluate(&options).await {
        Ok(code) => code,
        Err(error) => {
            // Nothing is left to do if even standard error is gone.
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::from(BAD_INPUT)
        }
    }
}

async fn evaluate(options: &Options) -> anyhow::Result<ExitCode> {
    let progress = |done: usize, all: usize| {
        if done.is_multiple_of(PROGRESS) || done == all {
            // Progress is a courtesy.
            let _ = writeln!(std::io::stderr(), "{done} of {all} requests");
        }
    };
    // Boxed: the future of everything is large.
    let outcome = Box::pin(pocket::run(options, progress)).await?;
    if let Some(file) = &options.judged {
        let lines: Vec<_> =
            outcome.judged.iter().map(serde_json::to_string).collect::<Result<_, _>>()?;
        std::fs::write(file, lines.join("\n") + "\n")
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    print(&outcome, options).context("cannot write to standard output")?;
    let missed = outcome.missed(options);
    for line in &missed {
        let _ = writeln!(std::io::stderr(), "below the minimum: {line}");
    }
    Ok(if missed.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(BELOW) })
}

/// The failures, the tables, and the figures as the last line.
fn print(outcome: &Outcome, options: &Options) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    for failure in outcome.failures.iter().take(options.shown()) {
        writeln!(out, "{}", failure.text())?;
    }
    writeln!(out, "{}", outcome.text())?;
    writeln!(out, "{}", serde_json::to_string(&outcome.figures())?)
}
