//! The chaos test's command line.

use agentos_faults::POINTS;
use clap::Parser;

use super::schedule::HITS;

/// The fewest kills of the full form.
const FULL: u64 = 200;

/// Kills, stops and cuts off real processes under load, and checks that nothing
/// is lost or done twice; the last line is one JSON object.
#[derive(Debug, Clone, Parser)]
#[command(name = "chaos", version)]
pub struct Options {
    /// How many processes are killed; without it, 200 or enough to hit every
    /// crash point five times
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub kills: Option<u64>,
    /// Determines the load and what is done; without it, taken from the clock
    #[arg(long)]
    pub seed: Option<u64>,
    /// Keep logs and history also where nothing is wrong
    #[arg(long)]
    pub keep: bool,
    /// Print the JSON line alone
    #[arg(long)]
    pub json: bool,
}

impl Options {
    /// How many processes are killed.
    #[must_use]
    pub fn kills(&self) -> u64 {
        self.kills.unwrap_or_else(|| FULL.max(HITS * POINTS.len() as u64))
    }
}
