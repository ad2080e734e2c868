//! The benchmark's command line, and how much each part does.

use std::io;
use std::path::PathBuf;

use clap::Parser;

use crate::bench;

/// Measures restarts, approvals, queues, waiting runs and steps; the last line
/// is one JSON object.
#[derive(Debug, Clone, Parser)]
#[command(name = "bench-engine", version)]
pub struct Options {
    /// Less of everything: a look of seconds, not a measurement
    #[arg(long)]
    pub quick: bool,
    /// Fail where an aim that is a ratio or a size is missed
    #[arg(long)]
    pub check: bool,
    /// The program of the hub; without it, `hub-under-test` beside this program
    #[arg(long)]
    pub hub_binary: Option<PathBuf>,
    /// The program of the edge; without it, `probed-edge` beside this program
    #[arg(long)]
    pub edge_binary: Option<PathBuf>,
}

/// The programs that are measured.
#[derive(Debug, Clone)]
pub(super) struct Programs {
    pub(super) hub: PathBuf,
    pub(super) edge: PathBuf,
}

/// How much each part does.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    /// Rows of the journal that the hub starts over.
    pub(super) journal_rows: usize,
    /// Restarts.
    pub(super) restarts: usize,
    /// Approvals.
    pub(super) approvals: usize,
    /// Tasks in the queue.
    pub(super) queued: usize,
    /// Submissions that are timed to the long queue and to a hub without one.
    pub(super) submissions: usize,
    /// Claims that are timed of each queue.
    pub(super) claims: usize,
    /// Runs that wait for a person.
    pub(super) waiting: usize,
    /// Looks over which memory must not move, a tenth of a second each.
    pub(super) stable_looks: usize,
}

impl Sizes {
    /// Those of a measurement, or of a quick look.
    pub(super) fn of(quick: bool) -> Self {
        if quick {
            return Self {
                journal_rows: 2_000,
                restarts: 2,
                approvals: 4,
                queued: 400,
                submissions: 40,
                claims: 30,
                waiting: 40,
                stable_looks: 5,
            };
        }
        Self {
            journal_rows: 100_000,
            restarts: 9,
            approvals: 40,
            queued: 10_000,
            submissions: 500,
            claims: 300,
            waiting: 1_000,
            stable_looks: bench::idle::STABLE_LOOKS,
        }
    }
}

impl Options {
    pub(super) fn sizes(&self) -> Sizes {
        Sizes::of(self.quick)
    }

    /// The rounds of the part that both benchmarks have.
    pub(super) fn rounds(&self) -> bench::Rounds {
        bench::Rounds::of(self.quick)
    }

    pub(super) fn programs(&self) -> io::Result<Programs> {
        let program = |named: &Option<PathBuf>, name| {
            agentos_process::program(named.as_deref(), name, "cargo xtask bench engine")
        };
        let hub = program(&self.hub_binary, "hub-under-test")?;
        let edge = program(&self.edge_binary, "probed-edge")?;
        Ok(Programs { hub, edge })
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
}
