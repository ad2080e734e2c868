//! Measures what the engine promises; `cargo xtask bench engine` runs it.

use std::io::Write as _;
use std::process::ExitCode;

use agentos_tests::bench::table;
use agentos_tests::bench_engine::{self, Options};
use anyhow::Context as _;
use clap::Parser as _;

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    let measured = measure(&options).await;
    agentos_process::verdict(measured.map(|met| met || !options.check))
}

/// Whether the aims that are ratios or sizes are met.
async fn measure(options: &Options) -> anyhow::Result<bool> {
    let progress = |part: &str| {
        // Progress is a courtesy.
        let _ = writeln!(std::io::stderr(), "measuring: {part}");
    };
    // Boxed: the future of everything is large.
    let outcome = Box::pin(bench_engine::run(options, progress)).await?;
    let judged = outcome.figures.judged();
    let met = judged.iter().all(|aim| !aim.binding || aim.row.met != Some(false));
    let rows: Vec<_> = judged.into_iter().map(|aim| aim.row).collect();
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}\n{}", outcome.head, table(&rows))
        .and_then(|()| writeln!(out, "{}", serde_json::to_string(&outcome.figures)?))
        .context("cannot write to standard output")?;
    Ok(met)
}
