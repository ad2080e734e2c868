//! The program, on Linux.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use agentos_escape::cost::{Cost, Costs, Times, measure};
use agentos_escape::place::Built;
use clap::Parser;

/// The most that the launcher alone may add, in milliseconds.
const AIM_LAUNCHER: Times = Times { median: 2.0, p99: 3.0 };
/// The most that bubblewrap and the launcher may add.
const AIM_BUBBLEWRAP: Times = Times { median: 5.0, p99: 10.0 };

/// Measures what confining a program adds to starting it; the last line is one
/// JSON object.
#[derive(Debug, Parser)]
#[command(name = "bench-sandbox", version)]
struct Options {
    /// How often each way is started, in turn
    #[arg(long, default_value_t = 400, value_parser = clap::value_parser!(u32).range(10..=100_000))]
    runs: u32,
    /// The launcher; that of this build without
    #[arg(long)]
    launcher: Option<PathBuf>,
    /// Fail where it costs more than is aimed at
    #[arg(long)]
    check: bool,
}

#[tokio::main]
pub(crate) async fn main() -> ExitCode {
    let options = Options::parse();
    let measured = async {
        let mut built = Built::beside()?;
        built.launcher = options.launcher.clone().unwrap_or(built.launcher);
        Box::pin(measure(&built, options.runs as usize)).await
    };
    agentos_process::verdict(match measured.await {
        Ok(costs) => print(&costs).map(|()| met(&costs) || !options.check),
        Err(error) => Err(std::io::Error::other(format!("{error:#}"))),
    })
}

fn within(cost: &Cost, aim: Times) -> bool {
    cost.added.median <= aim.median && cost.added.p99 <= aim.p99
}

fn met(costs: &Costs) -> bool {
    within(&costs.launcher, AIM_LAUNCHER)
        && costs.bubblewrap.is_some_and(|cost| within(&cost, AIM_BUBBLEWRAP))
}

fn print(costs: &Costs) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    let Costs { runs, plain, launcher, bubblewrap, bubblewrap_shared_network: shared } = costs;
    writeln!(out, "starting a program, in ms: median and 99th percentile of {runs}")?;
    writeln!(out, "  plain                {:6.2} {:6.2}", plain.median, plain.p99)?;
    let mut line = |name: &str, cost: &Cost, aim: Times| {
        let Cost { whole, added } = cost;
        writeln!(
            out,
            "  {name:20} {:6.2} {:6.2}; added {:5.2} {:5.2} (aim: ≤ {} / {})",
            whole.median, whole.p99, added.median, added.p99, aim.median, aim.p99
        )
    };
    line("launcher", launcher, AIM_LAUNCHER)?;
    if let Some(cost) = bubblewrap {
        line("bubblewrap+launcher", cost, AIM_BUBBLEWRAP)?;
    }
    if let Some(cost) = shared {
        line("without a netns", cost, AIM_BUBBLEWRAP)?;
    }
    writeln!(out, "{}", serde_json::to_string(costs)?)
}
