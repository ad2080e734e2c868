//! Measures what authentication costs; `cargo xtask bench auth` runs it.

use std::io::Write as _;
use std::process::ExitCode;

use agentos_tests::auth_cost::{Costs, measure};
use clap::Parser;

/// The most that authentication may add to a request, in microseconds.
const AIM_US: f64 = 30.0;

/// Measures what authentication adds to a request, in processor time; the last
/// line is one JSON object.
#[derive(Debug, Parser)]
#[command(name = "bench-auth", version)]
struct Options {
    /// Rounds in which all ways of asking take turns
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// Fail where a credential that was seen before costs more than is aimed at
    #[arg(long)]
    check: bool,
}

// One thread: what others do does not count, and what it does is not spread.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let options = Options::parse();
    agentos_process::verdict(match Box::pin(measure(options.rounds as usize)).await {
        Ok(costs) => print(&costs).map(|()| met(&costs) || !options.check),
        Err(error) => Err(std::io::Error::other(error)),
    })
}

fn met(costs: &Costs) -> bool {
    let Costs { api_key_us, hs256_us, rs256_us, es256_us, .. } = *costs;
    [api_key_us, hs256_us, rs256_us, es256_us].iter().all(|cost| *cost <= AIM_US)
}

fn print(costs: &Costs) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "processor time that a request takes more, in µs (aim: ≤ {AIM_US})")?;
    for (name, again, first) in [
        ("API key", costs.api_key_us, None),
        ("HS256", costs.hs256_us, Some(costs.hs256_first_us)),
        ("RS256", costs.rs256_us, Some(costs.rs256_first_us)),
        ("ES256", costs.es256_us, Some(costs.es256_first_us)),
    ] {
        let first = first.map(|us| format!("; {us:.1} the first time")).unwrap_or_default();
        writeln!(out, "  {name:8} {again:5.1}{first}")?;
    }
    writeln!(out, "an open request takes {:.1} in all", costs.open_us)?;
    writeln!(out, "{}", serde_json::to_string(costs)?)
}
