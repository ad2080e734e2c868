//! What a chaos test came to.

use std::path::PathBuf;

use agentos_faults::POINTS;
use serde::Serialize;

use super::check::Verdict;
use super::drive::Driven;
use super::history::History;

/// The figures, and what is wrong.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Processes that were killed.
    pub kills: u64,
    /// Acknowledged tasks that were lost.
    pub lost: usize,
    /// What was done or decided more than once and may not be.
    pub duplicated: usize,
    /// Calls of class `once` whose outcome was found out and told to the hub.
    pub unknown: u64,
    /// Of those, calls that a person had made again and that happened twice.
    pub repeated_by_person: u64,
    /// Crash points that there are.
    pub points: usize,
    /// Those at which a process died, often enough in the full form.
    pub points_hit: usize,
    /// Other promises that were not kept.
    pub broken: usize,
    /// Stops, partitions, new addresses, full disks.
    pub other_faults: u64,
    /// Tasks that were acknowledged.
    pub tasks: usize,
    /// Effects of tools.
    pub effects: usize,
    /// Proposals that were decided.
    pub decided: usize,
    /// What determines it all but the moments.
    pub seed: u64,
    /// How long it took.
    pub seconds: u64,
    /// All that is wrong, a line each.
    #[serde(skip)]
    pub wrong: Vec<String>,
    /// What this machine could not do.
    #[serde(skip)]
    pub left_out: Vec<String>,
    /// Where the logs and the history are, if something is wrong or they were
    /// to be kept.
    #[serde(skip)]
    pub kept: Option<PathBuf>,
}

impl Report {
    /// From the verdict and the figures.
    #[must_use]
    pub(crate) fn new(
        verdict: &Verdict,
        history: &History,
        driven: &Driven,
        hits_each: u64,
    ) -> Self {
        let hits = |name: &str| driven.hits.get(name).copied().unwrap_or_default();
        let enough = hits_each.max(1);
        let missed = POINTS.iter().filter(|point| hits(point.name) < enough);
        let missed: Vec<_> = missed.map(|point| (point.name, hits(point.name))).collect();
        let mut wrong = verdict.lines();
        if hits_each > 0 {
            let line = |(name, hits): &(&str, u64)| {
                format!("missed: {name} was hit {hits} times, not {enough}")
            };
            wrong.extend(missed.iter().map(line));
        }
        Self {
            kills: driven.kills,
            lost: verdict.lost.len(),
            duplicated: verdict.duplicated.len(),
            unknown: verdict.unknown,
            repeated_by_person: verdict.repeated,
            points: POINTS.len(),
            points_hit: POINTS.len() - missed.len(),
            broken: verdict.broken.len(),
            other_faults: driven.others,
            tasks: history.asked.values().filter(|asked| !asked.acknowledged.is_empty()).count(),
            effects: history.effects.len(),
            decided: history.proposals.iter().filter(|one| one.decision.is_some()).count(),
            seed: 0,
            seconds: 0,
            wrong,
            left_out: Vec::new(),
            kept: None,
        }
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.wrong.is_empty()
    }
}
