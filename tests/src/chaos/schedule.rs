//! What is done to the system, and in which order: determined by the seed.

use std::collections::VecDeque;
use std::time::Duration;

use agentos_faults::{POINTS, Program};

use super::random::Random;

/// How often each point is hit in the full form.
pub(crate) const HITS: u64 = 5;

/// A process is to die at the nth passage of a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Target {
    /// The point.
    pub(crate) point: &'static str,
    /// Which passage.
    pub(crate) nth: u64,
    /// Whether it stands still there, until its lease is another's, instead.
    pub(crate) stops: bool,
    /// How often it was tried already.
    pub(crate) tries: u32,
}

/// Something that is not aimed at a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// `kill -9` of the hub.
    KillHub,
    /// `kill -9` of the edge.
    KillEdge,
    /// Of the other edge.
    KillOther,
    /// Of hub and edge at once.
    KillBoth,
    /// The hub stands still for a while.
    PauseHub(Duration),
    /// The edge stands still for a while.
    PauseEdge(Duration),
    /// The other edge stands still for a while.
    PauseOther(Duration),
    /// Nothing arrives for a while.
    Partition(Duration),
    /// Nothing arrives at the hub for a while.
    PartitionToHub(Duration),
    /// Nothing arrives at the edge for a while.
    PartitionToEdge(Duration),
    /// The edge gets another address.
    NewAddress,
    /// The hub's disk is full for a while.
    FullDisk(Duration),
}

impl Fault {
    /// How many processes it kills.
    #[must_use]
    pub(crate) fn kills(self) -> u64 {
        match self {
            Self::KillHub | Self::KillEdge | Self::KillOther => 1,
            Self::KillBoth => 2,
            _ => 0,
        }
    }
}

/// All that is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Schedule {
    /// Where the hub dies.
    pub(crate) hub: VecDeque<Target>,
    /// Where the edge dies.
    pub(crate) edge: VecDeque<Target>,
    /// What happens besides, and how long after the one before.
    pub(crate) faults: VecDeque<(Duration, Fault)>,
    /// How often each point is to be hit; 0 where only some are.
    pub(crate) hits_each: u64,
}

/// Passages of these points come by themselves many times in a second.
const FREQUENT: [&str; 3] = ["store.operation.done", "store.commit.before", "store.commit.after"];

/// Where an edge stands still: it goes on with what another has taken over.
const STOPS: [&str; 5] = [
    "edge.intent.before",
    "edge.append.sending",
    "edge.model.replied",
    "edge.intent.durable",
    "edge.effect.done",
];

/// For so many kills there is one such stop.
const STOP_SHARE: u64 = 20;

/// The most passages to wait for.
fn most_passages(point: &str) -> u64 {
    match point {
        // The first is the only one of a process.
        "hub.started" => 1,
        point if FREQUENT.contains(&point) => 80,
        "hub.session.opened"
        | "hub.session.taken_back"
        | "hub.take_up.renewed"
        | "hub.leases.expired"
        | "edge.cancel.received"
        | "edge.file.fetched"
        | "edge.run.recovered" => 1,
        "hub.cancel.durable"
        | "hub.cancel.passed_on"
        | "hub.resolve.before"
        | "hub.resolve.durable"
        | "edge.ask.durable" => 2,
        point if point.contains("append") => 12,
        _ => 5,
    }
}

impl Schedule {
    /// So many kills of `seed`, and a sixth as many other faults.
    #[must_use]
    pub(crate) fn new(seed: u64, kills: u64) -> Self {
        let mut random = Random::new(seed, 1);
        let points = POINTS.len() as u64;
        let hits_each = if kills >= HITS * points { HITS.max(kills * 9 / 10 / points) } else { 0 };
        let mut aimed: Vec<_> = if hits_each > 0 {
            (0..hits_each).flat_map(|_| POINTS).collect()
        } else {
            let mut some: Vec<_> = POINTS.iter().collect();
            random.shuffle(&mut some);
            let wanted = usize::try_from(kills * 2 / 3).unwrap_or(usize::MAX);
            some.into_iter().cycle().take(wanted).collect()
        };
        random.shuffle(&mut aimed);
        let rest = kills.saturating_sub(aimed.len() as u64);
        let (mut hub, mut edge) = (VecDeque::new(), VecDeque::new());
        for point in aimed {
            let nth = random.between(1, most_passages(point.name));
            let target = Target { point: point.name, nth, stops: false, tries: 0 };
            match point.program {
                Program::Hub => hub.push_back(target),
                Program::Edge => edge.push_back(target),
            }
        }
        for number in 0..kills.div_ceil(STOP_SHARE) {
            let point = STOPS[usize::try_from(number).unwrap_or_default() % STOPS.len()];
            let nth = random.between(1, most_passages(point));
            let stop = Target { point, nth, stops: true, tries: 0 };
            let place = random.between(0, edge.len() as u64);
            edge.insert(usize::try_from(place).unwrap_or_default(), stop);
        }
        let faults = faults(&mut random, rest, kills / 6 + 1);
        Self { hub, edge, faults, hits_each }
    }
}

fn faults(random: &mut Random, kills: u64, others: u64) -> VecDeque<(Duration, Fault)> {
    let (mut all, mut killed) = (Vec::new(), 0);
    while killed < kills {
        let fault = match random.between(0, 3) {
            0 => Fault::KillHub,
            1 => Fault::KillEdge,
            2 if kills - killed >= 2 => Fault::KillBoth,
            _ => Fault::KillOther,
        };
        killed += fault.kills();
        all.push(fault);
    }
    for kind in 0..others {
        let time = Duration::from_millis(random.between(200, 5500));
        all.push(match kind % 8 {
            0 => Fault::PauseEdge(time),
            1 => Fault::PauseHub(time.min(Duration::from_secs(3))),
            2 => Fault::Partition(time),
            3 => Fault::NewAddress,
            4 => Fault::FullDisk(time.min(Duration::from_secs(2))),
            5 => Fault::PartitionToHub(time),
            6 => Fault::PauseOther(time),
            _ => Fault::PartitionToEdge(time),
        });
    }
    random.shuffle(&mut all);
    let gap = |random: &mut Random| Duration::from_millis(random.between(100, 2500));
    all.into_iter().map(|fault| (gap(random), fault)).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn kills(schedule: &Schedule) -> u64 {
        let aimed = schedule.hub.iter().chain(&schedule.edge).filter(|target| !target.stops);
        aimed.count() as u64 + schedule.faults.iter().map(|(_, fault)| fault.kills()).sum::<u64>()
    }

    #[test]
    fn a_seed_determines_the_schedule() {
        assert_eq!(Schedule::new(5, 200), Schedule::new(5, 200));
        assert_ne!(Schedule::new(5, 200), Schedule::new(6, 200));
    }

    #[test]
    fn the_full_form_aims_at_every_point_often_enough() {
        let full = 200.max(HITS * POINTS.len() as u64);
        for count in [full, 2 * full, 1000] {
            let schedule = Schedule::new(1, count);
            let mut aimed: HashMap<_, u64> = HashMap::new();
            for target in schedule.hub.iter().chain(&schedule.edge).filter(|one| !one.stops) {
                *aimed.entry(target.point).or_default() += 1;
                assert!(target.nth >= 1);
            }
            assert!(POINTS.iter().all(|point| aimed[point.name] >= HITS), "{aimed:?}");
            assert_eq!(kills(&schedule), count);
            assert!(schedule.faults.iter().any(|(_, fault)| *fault == Fault::NewAddress));
        }
    }

    #[test]
    fn a_short_form_has_as_many_kills_as_it_is_told() {
        for count in [1, 2, 12, 50] {
            assert_eq!(kills(&Schedule::new(3, count)), count);
        }
    }
}
