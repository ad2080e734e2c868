//! Harms the system on this machine and checks what is left of its promises;
//! `cargo xtask chaos` runs it.

use std::io::Write as _;
use std::process::ExitCode;

use agentos_domain::{Clock as _, SystemClock};
use agentos_tests::chaos::{self, Extent, Options, Programs, Report};
use anyhow::Context as _;
use clap::Parser as _;

fn main() -> ExitCode {
    match harm(&Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            tell(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Nothing is left to do if even standard error is gone.
fn tell(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Whether all promises were kept.
fn harm(options: &Options) -> anyhow::Result<bool> {
    let folder = std::env::current_exe()?;
    let folder = folder.parent().context("a program without a folder")?;
    let programs = Programs { hub: folder.join("hub-under-test"), edge: folder.join("chaos-edge") };
    for program in [&programs.hub, &programs.edge] {
        let missing = || format!("no {}: use `cargo xtask chaos`", program.display());
        std::fs::metadata(program).with_context(missing)?;
    }
    let seed = options.seed.unwrap_or_else(|| SystemClock.now().millis().unsigned_abs());
    let say = |line: &str| {
        if !options.json {
            tell(line);
        }
    };
    let extent = Extent { kills: options.kills(), seed, keep: options.keep };
    let report = chaos::run(&programs, extent, &say)?;
    show(&report);
    let json = serde_json::to_string(&report)?;
    writeln!(std::io::stdout(), "{json}").context("cannot write to standard output")?;
    Ok(report.is_good())
}

fn show(report: &Report) {
    for line in &report.wrong {
        tell(line);
    }
    if let Some(folder) = &report.kept {
        tell(&format!("seed {}; logs and history are in {}", report.seed, folder.display()));
    }
}
