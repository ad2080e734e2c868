//! Measures the system on this machine; `cargo xtask bench system` runs it.

use std::io::Write as _;
use std::process::ExitCode;

use agentos_tests::bench::{self, Options, Outcome};
use anyhow::Context as _;
use clap::Parser as _;

#[tokio::main]
async fn main() -> ExitCode {
    agentos_process::exit_code(measure(&Options::parse()).await)
}

async fn measure(options: &Options) -> anyhow::Result<()> {
    let progress = |part: &str| {
        if !options.json_only {
            // Progress is a courtesy.
            let _ = writeln!(std::io::stderr(), "measuring: {part}");
        }
    };
    // Boxed: the future of everything is large.
    let outcome = Box::pin(bench::run(options, progress)).await?;
    let mut out = std::io::stdout().lock();
    if !options.json_only {
        write!(out, "{}", text(&outcome)).context("cannot write to standard output")?;
    }
    let json = serde_json::to_string(&outcome.figures)?;
    writeln!(out, "{json}").context("cannot write to standard output")
}

/// The head and the table.
fn text(outcome: &Outcome) -> String {
    let Outcome { machine, folder, model, figures } = outcome;
    let head = machine.head(folder);
    let quick = if figures.quick { "note: few rounds (--quick): a look only\n" } else { "" };
    let table = bench::table(&bench::rows(figures));
    format!("{head}model: {model}, one thread, greedy\n{quick}\n{table}\n")
}
