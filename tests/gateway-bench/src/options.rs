//! The benchmark's command line, and how much of everything there is.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

/// Measures what the gateway adds to a call of a model; the last line is one
/// JSON object.
#[derive(Debug, Clone, Parser)]
#[command(name = "bench-gateway", version)]
pub struct Options {
    /// Less of everything: a look of seconds, not a measurement
    #[arg(long)]
    pub quick: bool,
    /// Fail where a request failed, or where the hub takes more than six times
    /// the processor time of a bare proxy
    #[arg(long)]
    pub check: bool,
    /// Requests over which memory is watched
    #[arg(long, value_parser = clap::value_parser!(u64).range(100..=100_000_000))]
    pub requests: Option<u64>,
    /// The program of the hub; without it, `measured-hub` beside this program
    #[arg(long)]
    pub hub_binary: Option<PathBuf>,
    /// The mock of a provider; without it, `measured-provider` beside this program
    #[arg(long)]
    pub provider_binary: Option<PathBuf>,
    /// The bare proxy; without it, `bare-proxy` beside this program
    #[arg(long)]
    pub proxy_binary: Option<PathBuf>,
}

/// The programs that are started.
#[derive(Debug, Clone)]
pub(crate) struct Programs {
    pub(crate) hub: PathBuf,
    pub(crate) provider: PathBuf,
    pub(crate) proxy: PathBuf,
}

/// Requests that come at one rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pace {
    /// A second.
    pub(crate) rate: u32,
    /// In all.
    pub(crate) requests: u32,
}

impl Pace {
    /// When request number `index` is due, since the first.
    pub(crate) fn due(self, index: u32) -> Duration {
        Duration::from_secs(u64::from(index)) / self.rate
    }
}

/// How much of everything there is.
#[derive(Debug, Clone)]
pub(crate) struct Sizes {
    /// Rounds in which all targets take turns.
    pub(crate) rounds: usize,
    /// Whole answers, at these rates.
    pub(crate) whole: Vec<Pace>,
    /// Streams.
    pub(crate) streams: Pace,
    /// Answers from the cache.
    pub(crate) hits: Pace,
    /// Requests over which memory is watched.
    pub(crate) soak: u64,
}

/// The rate at which latencies and processor time are judged.
pub(crate) const JUDGED_RATE: u32 = 200;
/// Pieces of each stream.
pub(crate) const CHUNKS: usize = 50;

impl Options {
    pub(crate) fn sizes(&self) -> Sizes {
        let pace = |rate, requests| Pace { rate, requests };
        if self.quick {
            return Sizes {
                rounds: 2,
                whole: vec![pace(JUDGED_RATE, 60)],
                streams: pace(50, 15),
                hits: pace(JUDGED_RATE, 50),
                soak: self.requests.unwrap_or(1_000),
            };
        }
        Sizes {
            rounds: 7,
            whole: vec![pace(10, 20), pace(100, 150), pace(JUDGED_RATE, 500), pace(500, 500)],
            streams: pace(50, 100),
            hits: pace(JUDGED_RATE, 1_000),
            soak: self.requests.unwrap_or(100_000),
        }
    }

    pub(crate) fn programs(&self) -> io::Result<Programs> {
        let program = |named: &Option<PathBuf>, name| {
            agentos_process::program(named.as_deref(), name, "cargo xtask bench gateway")
        };
        Ok(Programs {
            hub: program(&self.hub_binary, "measured-hub")?,
            provider: program(&self.provider_binary, "measured-provider")?,
            proxy: program(&self.proxy_binary, "bare-proxy")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Options::command().debug_assert();
    }

    #[test]
    fn requests_are_due_at_their_rate() {
        let pace = Pace { rate: 200, requests: 1_000 };
        assert_eq!(pace.due(0), Duration::ZERO);
        assert_eq!(pace.due(3), Duration::from_millis(15));
        assert_eq!(pace.due(1_000), Duration::from_secs(5));
    }

    #[test]
    fn all_forms_measure_the_rate_that_is_judged() {
        for args in [&["bench-gateway"][..], &["bench-gateway", "--quick"]] {
            let sizes = Options::parse_from(args).sizes();
            assert!(sizes.whole.iter().any(|pace| pace.rate == JUDGED_RATE), "{sizes:?}");
        }
    }
}
