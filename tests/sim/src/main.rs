//! Runs many simulations, on as many threads as there are cores, and says which
//! seeds broke a promise.

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use agentos_sim::{Options, Outcome, simulate};
use anyhow::Result;
use clap::Parser;

/// Failures that are shown in full.
const SHOWN: usize = 5;

/// Simulates hub and edges with crashes, power loss and a bad network. The last
/// line is JSON.
#[derive(Debug, Parser)]
struct Cli {
    /// How many simulations
    #[arg(long, default_value_t = 1000)]
    seeds: u64,
    /// The first seed
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// Run this seed alone and print all that happens in it
    #[arg(long, conflicts_with_all = ["seeds", "from"])]
    seed: Option<u64>,
    /// Simulations at a time; by default one for each core
    #[arg(long)]
    threads: Option<usize>,
}

#[derive(Default)]
struct Totals {
    events: u64,
    simulated_seconds: f64,
    failures: Vec<Outcome>,
}

fn main() -> Result<ExitCode> {
    let cli = Cli::parse();
    match cli.seed {
        Some(seed) => one(seed),
        None => many(&cli),
    }
}

fn say(text: &str) {
    // Nothing is left to do if even standard output is gone.
    let _ = writeln!(std::io::stdout(), "{text}");
}

fn code(failed: bool) -> ExitCode {
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn one(seed: u64) -> Result<ExitCode> {
    let outcome = simulate(seed, Options { keep_trace: true, ..Options::default() })?;
    for line in &outcome.trace {
        say(line);
    }
    report(1, outcome.simulated.as_secs_f64(), outcome.events, usize::from(failed(&outcome)));
    Ok(code(failed(&outcome)))
}

fn failed(outcome: &Outcome) -> bool {
    !outcome.violations.is_empty()
}

fn report(seeds: u64, simulated_seconds: f64, events: u64, failures: usize) {
    let hours = (simulated_seconds / 36.0).round() / 100.0;
    say(&serde_json::json!({
        "seeds": seeds, "failures": failures, "simulated_hours": hours, "events": events,
    })
    .to_string());
}

fn many(cli: &Cli) -> Result<ExitCode> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicU64::new(cli.from);
    let end = cli.from.saturating_add(cli.seeds);
    let totals = Mutex::new(Totals::default());
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..cli.threads.unwrap_or(cores).max(1))
            .map(|_| scope.spawn(|| work(&next, end, &totals)))
            .collect();
        workers.into_iter().try_for_each(|worker| {
            worker.join().unwrap_or_else(|_| Err(anyhow::anyhow!("a simulation panicked")))
        })
    })?;
    let totals = totals.into_inner().unwrap_or_default();
    for outcome in totals.failures.iter().take(SHOWN) {
        say(&format!("seed {}: {}", outcome.seed, outcome.violations.join("; ")));
        say(&format!("  see it with: cargo xtask sim --seed {}", outcome.seed));
    }
    report(cli.seeds, totals.simulated_seconds, totals.events, totals.failures.len());
    Ok(code(!totals.failures.is_empty()))
}

fn work(next: &AtomicU64, end: u64, totals: &Mutex<Totals>) -> Result<()> {
    loop {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= end {
            return Ok(());
        }
        let outcome = simulate(seed, Options::default())?;
        let Ok(mut totals) = totals.lock() else { return Ok(()) };
        totals.events += outcome.events;
        totals.simulated_seconds += outcome.simulated.as_secs_f64();
        if failed(&outcome) {
            totals.failures.push(outcome);
        }
        if seed.is_multiple_of(1000) {
            say(&format!("seed {seed}: {} failures so far", totals.failures.len()));
        }
    }
}
