//! Harms the system on this machine and checks what is left of its promises;
//! `cargo xtask chaos` runs it.

use std::io::Write as _;
use std::process::ExitCode;

use agentos_domain::{Clock as _, SystemClock};
use agentos_tests::chaos::{self, Extent, Options, Programs, Report};
use anyhow::Context as _;
use clap::Parser as _;

fn main() -> ExitCode {
    agentos_process::verdict(harm(&Options::parse()))
}

/// Nothing is left to do if even standard error is gone.
fn tell(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Whether all promises were kept.
fn harm(options: &Options) -> anyhow::Result<bool> {
    let program = |name| agentos_process::program(None, name, "cargo xtask chaos");
    let programs = Programs { hub: program("hub-under-test")?, edge: program("chaos-edge")? };
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
