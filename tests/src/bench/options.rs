//! The benchmark's command line.

use std::path::PathBuf;

use clap::Parser;

/// Measures link, journal, tokens and memory; the last line is one JSON object.
#[derive(Debug, Clone, Parser)]
#[command(name = "bench-system", version)]
pub struct Options {
    /// Fewer rounds: a look, not a measurement
    #[arg(long)]
    pub quick: bool,
    /// Folder in which the databases lie while it runs; its disk is measured
    #[arg(long)]
    pub dir: Option<PathBuf>,
    /// Print the JSON line alone
    #[arg(long)]
    pub json_only: bool,
    /// A model in GGUF format; without it, demonstration weights
    #[arg(long, env = "AGENT_OS_MODEL")]
    pub model: Option<PathBuf>,
    /// The program of the hub; without it, the one beside this program
    #[arg(long)]
    pub hub_binary: Option<PathBuf>,
}

/// How often each thing is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rounds {
    /// Pings per transport and direction.
    pub(crate) pings: usize,
    /// Pings before those that count.
    pub(crate) warm_up: usize,
    /// Appends of the single run.
    pub(crate) steps: usize,
    /// Appends of each of the runs at once.
    pub(crate) steps_of_each: usize,
    /// Runs at once.
    pub(crate) runs: usize,
    /// Tool calls.
    pub(crate) tool_calls: usize,
    /// Probes of the disk beside each of the two sections that write.
    pub(crate) fsyncs: usize,
    /// Answers of the model on each of the two ways.
    pub(crate) answers: usize,
    /// The most tokens of an answer. So many that an answer of the
    /// demonstration model lasts much longer than a time slice of the
    /// scheduler: this is about throughput, the round trip is measured apart.
    pub(crate) tokens: u32,
}

impl Options {
    pub(crate) fn rounds(&self) -> Rounds {
        Rounds::of(self.quick)
    }
}

impl Rounds {
    /// Those of a measurement, or of a quick look.
    pub(crate) fn of(quick: bool) -> Self {
        let full = Self {
            pings: 500,
            warm_up: 50,
            steps: 300,
            steps_of_each: 40,
            runs: 50,
            tool_calls: 200,
            fsyncs: 100,
            answers: 7,
            tokens: 2048,
        };
        if !quick {
            return full;
        }
        Self {
            pings: 100,
            warm_up: 20,
            steps: 60,
            steps_of_each: 6,
            tool_calls: 40,
            fsyncs: 30,
            answers: 3,
            tokens: 512,
            ..full
        }
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
    fn quick_is_less_of_the_same() {
        let full = Options::parse_from(["bench-system"]).rounds();
        let quick = Options::parse_from(["bench-system", "--quick"]).rounds();
        assert!(quick.pings < full.pings && quick.steps < full.steps);
        assert_eq!(quick.runs, full.runs);
    }
}
