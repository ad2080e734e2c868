//! Makes the weights of the tier decision anew; `cargo xtask fit-router` runs
//! it.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use agentos_tiering::fit;
use anyhow::Context as _;
use clap::Parser;

/// Makes the weights of the tier decision from the project's own requests, and
/// reports how well requests are judged that they were not made from; the last
/// line is one JSON object.
#[derive(Debug, Parser)]
#[command(name = "fit-router", version)]
struct Options {
    /// Where the weights go
    #[arg(long, default_value = "hub/tiering/data/weights.json")]
    out: PathBuf,
    /// Only report
    #[arg(long)]
    check: bool,
}

fn main() -> ExitCode {
    agentos_process::exit_code(run(&Options::parse()))
}

fn run(options: &Options) -> anyhow::Result<()> {
    let examples = fit::examples()?;
    let mut out = std::io::stdout().lock();
    if !options.check {
        let text = fit::fit(&examples).to_text()?;
        let path = options.out.display();
        std::fs::write(&options.out, text).with_context(|| format!("cannot write {path}"))?;
        writeln!(out, "{path}: made from {} requests", examples.len())?;
    }
    writeln!(out, "{}", serde_json::to_string(&fit::check(&examples))?)?;
    Ok(())
}
