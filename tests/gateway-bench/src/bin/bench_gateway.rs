//! Measures what the gateway costs; `cargo xtask bench gateway` runs it.

use std::io::Write as _;
use std::process::ExitCode;

use agentos_gateway_bench::{Options, run, table};
use anyhow::Context as _;
use clap::Parser as _;

// One thread, so that the client takes one core at most from what is measured.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let options = Options::parse();
    let measured = measure(&options).await;
    agentos_process::verdict(measured.map(|holds| holds || !options.check))
}

/// Whether all holds that does not depend on the machine.
async fn measure(options: &Options) -> anyhow::Result<bool> {
    let progress = |part: &str| {
        // Progress is a courtesy.
        let _ = writeln!(std::io::stderr(), "measuring: {part}");
    };
    // Boxed: the future of everything is large.
    let outcome = Box::pin(run(options, progress)).await?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}\n{}", table(&outcome.lines), outcome.figures.aims())
        .and_then(|()| writeln!(out, "{}", serde_json::to_string(&outcome.figures)?))
        .context("cannot write to standard output")?;
    Ok(outcome.figures.holds())
}
