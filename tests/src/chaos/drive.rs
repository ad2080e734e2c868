//! Carries the schedule out: starts what died, aims it at the next point, and
//! does the other harm in between.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use agentos_domain::{Clock as _, SystemClock, Timestamp};
use anyhow::Result;

use super::load::Shared;
use super::schedule::{Fault, Schedule, Target};
use super::world::{Machine, World};

/// Between two looks at the processes.
const LOOK: Duration = Duration::from_millis(10);
/// How long a point may be waited for before something is done to pass it.
const PROVOKE_AFTER: Duration = Duration::from_secs(2);
/// How long a point may be waited for at all, for this time.
const PATIENCE: Duration = Duration::from_secs(12);
/// How often a point is aimed at before it counts as missed.
const TRIES: u32 = 6;
/// Longer than a lease and the look that ends it.
const BEYOND_LEASE: Duration = Duration::from_millis(6500);
/// How long an edge stands still at a point: the hub may start again meanwhile,
/// and then leases last once more.
const STILL: Duration = Duration::from_secs(8);
/// What a process that stood still may do before it is killed.
const LATE_WORK: Duration = Duration::from_secs(2);
/// Before a program that ended by itself on a full disk is started again.
const AGAIN: Duration = Duration::from_millis(300);
/// After the disk was full, a program may still end because of it.
const AFTERMATH: Duration = Duration::from_secs(3);

/// The machines' places in the list of sides.
const HUB: usize = 0;
const EDGE: usize = 1;
const OTHER: usize = 2;

/// What came of it.
#[derive(Debug, Default, Clone)]
pub(crate) struct Driven {
    /// `kill -9`, at points and elsewhere.
    pub(crate) kills: u64,
    /// How often a process died at each point.
    pub(crate) hits: BTreeMap<String, u64>,
    /// Other faults, by kind.
    pub(crate) others: u64,
    /// Points that were not passed, however often they were aimed at.
    pub(crate) missed: Vec<&'static str>,
    /// Programs that ended by themselves.
    pub(crate) incidents: Vec<String>,
    /// When edges were started again after a death.
    pub(crate) edge_restarts: Vec<Timestamp>,
}

/// What makes an end of a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Heal {
    Resume(Machine),
    LetThrough,
    MakeRoom,
}

/// What is done to one machine.
struct Side {
    machine: Machine,
    targets: VecDeque<Target>,
    armed: Option<Target>,
    /// When it was started.
    since: Duration,
    /// Deaths at points that are counted.
    deaths: usize,
    /// Stops at points that are counted.
    stops: usize,
    /// When it is killed after a stop, to be aimed again.
    done_at: Option<Duration>,
    /// Whether it was killed from here.
    killed: bool,
    provoked: bool,
    /// Not to be started before.
    not_before: Duration,
}

impl Side {
    fn new(machine: Machine, targets: VecDeque<Target>) -> Self {
        let zero = Duration::ZERO;
        Self {
            machine,
            targets,
            armed: None,
            since: zero,
            deaths: 0,
            stops: 0,
            done_at: None,
            killed: false,
            provoked: false,
            not_before: zero,
        }
    }

    fn is_done(&self) -> bool {
        self.targets.is_empty() && self.armed.is_none() && self.done_at.is_none()
    }
}

/// The driver of one schedule.
pub(crate) struct Drive<'a> {
    world: &'a mut World,
    shared: &'a Shared,
    sides: [Side; 3],
    faults: VecDeque<(Duration, Fault)>,
    /// How many aimed kills and other faults there were at the beginning.
    planned: (usize, usize),
    next_fault: Duration,
    heals: Vec<(Duration, Heal)>,
    /// Until then a program may end by itself.
    excused: Duration,
    driven: Driven,
    say: &'a dyn Fn(&str),
}

fn now() -> Duration {
    SystemClock.monotonic()
}

impl<'a> Drive<'a> {
    /// One for a world that runs, under the load of `shared`.
    pub(crate) fn new(
        world: &'a mut World,
        shared: &'a Shared,
        schedule: Schedule,
        say: &'a dyn Fn(&str),
    ) -> Self {
        let planned = (schedule.hub.len() + schedule.edge.len(), schedule.faults.len());
        let hub = Side::new(Machine::Hub, schedule.hub);
        let edge = Side::new(Machine::Edge, schedule.edge);
        let other = Side::new(Machine::Other, VecDeque::new());
        Self {
            world,
            shared,
            sides: [hub, edge, other],
            faults: schedule.faults,
            planned,
            next_fault: now(),
            heals: Vec::new(),
            excused: Duration::ZERO,
            driven: Driven::default(),
            say,
        }
    }

    /// Does everything, then lets everything be well.
    ///
    /// # Errors
    /// If the system refuses to do harm.
    pub(crate) async fn run(mut self) -> Result<Driven> {
        // They are started anew, with a first aim.
        self.kill(HUB)?;
        self.kill(EDGE)?;
        loop {
            (HUB..=OTHER).try_for_each(|side| self.look_after(side))?;
            self.heal(now())?;
            let aimed = self.sides.iter().all(Side::is_done);
            if aimed && self.faults.is_empty() && self.heals.is_empty() {
                break;
            }
            if self.is_due()
                && let Some((gap, fault)) = self.faults.pop_front()
            {
                self.harm(fault)?;
                self.next_fault = now() + gap;
            }
            tokio::time::sleep(LOOK).await;
        }
        self.heal(Duration::MAX)?;
        (HUB..=OTHER).try_for_each(|side| self.look_after(side))?;
        Ok(self.driven)
    }

    /// Whether another fault is due: they are spread over the aimed kills.
    fn is_due(&self) -> bool {
        let (aimed, faults) = self.planned;
        let left: usize = self.sides.iter().map(|side| side.targets.len()).sum();
        // Nothing disturbs that another takes over what a stopped edge has.
        let still = self.sides[EDGE].done_at.is_some();
        !still && self.next_fault <= now() && self.faults.len() * aimed >= left * faults
    }

    fn kill(&mut self, side: usize) -> Result<()> {
        self.sides[side].killed = true;
        self.driven.kills += 1;
        self.world.process(self.sides[side].machine)?.kill()
    }

    /// Starts a program that died, and sees to it that one that is aimed at a
    /// point passes it.
    fn look_after(&mut self, side: usize) -> Result<()> {
        let machine = self.sides[side].machine;
        if !self.world.process(machine)?.is_running()? {
            if self.sides[side].not_before <= now() {
                self.bury(side)?;
            }
            return Ok(());
        }
        if let Some(done_at) = self.sides[side].done_at {
            return if done_at <= now() { self.kill(side) } else { Ok(()) };
        }
        let Side { armed: Some(target), since, provoked, .. } = self.sides[side] else {
            return Ok(());
        };
        if target.stops && self.world.met(machine, "stopped")?.len() > self.sides[side].stops {
            self.sides[side].stops += 1;
            self.sides[side].armed = None;
            self.sides[side].done_at = Some(now() + STILL + LATE_WORK);
            self.heals.push((now() + STILL, Heal::Resume(machine)));
            self.driven.others += 1;
            return Ok(());
        }
        let waited = now().saturating_sub(since);
        if waited > PATIENCE {
            // It dies all the same, though not there.
            return self.kill(side);
        }
        if waited > PROVOKE_AFTER && !provoked && self.sides[EDGE].done_at.is_none() {
            self.sides[side].provoked = true;
            match target.point {
                "hub.leases.expired" => {
                    self.harm(Fault::PauseEdge(BEYOND_LEASE))?;
                    self.harm(Fault::PauseOther(BEYOND_LEASE))?;
                }
                point if point.contains("cancel") => self.shared.set_impatient(true),
                "hub.session.opened" | "hub.session.taken_back" => self.kill(EDGE)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Notes how a process died, and starts the next.
    fn bury(&mut self, side: usize) -> Result<()> {
        let machine = self.sides[side].machine;
        let deaths = self.world.met(machine, "killed")?;
        let at_point = deaths.get(self.sides[side].deaths).cloned();
        let (armed, killed) = (self.sides[side].armed.take(), self.sides[side].killed);
        if let Some(point) = at_point {
            self.sides[side].deaths += 1;
            if !killed {
                self.driven.kills += 1;
            }
            *self.driven.hits.entry(point).or_default() += 1;
            self.progress();
        } else {
            let again = armed.and_then(|target| self.again(target));
            self.sides[side].targets.extend(again);
            if !killed && now() > self.excused && !self.world.ground.is_full() {
                let output = self.world.process(machine)?.output();
                let from = output.len().saturating_sub(2000);
                let end = output.get(from..).unwrap_or(&output);
                self.driven.incidents.push(format!("the {machine:?} ended by itself:\n{end}"));
            }
            if !killed {
                self.sides[side].not_before = now() + AGAIN;
            }
        }
        if self.sides[side].provoked {
            self.shared.set_impatient(false);
        }
        let still = self.sides[EDGE].done_at.filter(|_| side != EDGE);
        let side = &mut self.sides[side];
        // A hub that keeps dying would keep every lease alive: it waits.
        side.armed = if still.is_some() { None } else { side.targets.pop_front() };
        side.done_at = still.filter(|_| !side.targets.is_empty());
        (side.since, side.killed, side.provoked) = (now(), false, false);
        if machine != Machine::Hub {
            self.driven.edge_restarts.push(SystemClock.now());
        }
        self.world.launch(machine, side.armed.as_ref())
    }

    /// A target that was not met: later, at its first passage.
    fn again(&mut self, target: Target) -> Option<Target> {
        let tries = target.tries + 1;
        if tries < TRIES {
            return Some(Target { nth: 1, tries, ..target });
        }
        self.driven.missed.push(target.point);
        None
    }

    fn progress(&self) {
        if self.driven.kills.is_multiple_of(10) {
            let left: usize = self.sides.iter().map(|side| side.targets.len()).sum();
            let (kills, faults) = (self.driven.kills, self.faults.len());
            (self.say)(&format!("{kills} kills; {left} aimed ones and {faults} faults to come"));
        }
    }

    fn harm(&mut self, fault: Fault) -> Result<()> {
        let until = |time: Duration| now() + time;
        match fault {
            Fault::KillHub => self.kill(HUB)?,
            Fault::KillEdge => self.kill(EDGE)?,
            Fault::KillOther => self.kill(OTHER)?,
            Fault::KillBoth => {
                self.kill(HUB)?;
                self.kill(EDGE)?;
            }
            Fault::PauseHub(time) => self.pause(Machine::Hub, time)?,
            Fault::PauseEdge(time) => self.pause(Machine::Edge, time)?,
            Fault::PauseOther(time) => self.pause(Machine::Other, time)?,
            _ if !self.world.ground.harm(fault)? => return Ok(()),
            Fault::Partition(time) | Fault::PartitionToHub(time) | Fault::PartitionToEdge(time) => {
                self.heals.push((until(time), Heal::LetThrough));
            }
            Fault::FullDisk(time) => self.heals.push((until(time), Heal::MakeRoom)),
            Fault::NewAddress => {}
        }
        if fault.kills() == 0 {
            self.driven.others += 1;
        }
        Ok(())
    }

    fn pause(&mut self, machine: Machine, time: Duration) -> Result<()> {
        let process = self.world.process(machine)?;
        if process.is_running()? {
            process.pause()?;
        }
        self.heals.push((now() + time, Heal::Resume(machine)));
        Ok(())
    }

    /// Ends the faults whose time is over.
    fn heal(&mut self, time: Duration) -> Result<()> {
        let due: Vec<_> = self.heals.iter().filter(|(at, _)| *at <= time).copied().collect();
        self.heals.retain(|(at, _)| *at > time);
        for (_, heal) in due {
            match heal {
                Heal::Resume(machine) => {
                    let process = self.world.process(machine)?;
                    if process.is_running()? {
                        process.resume()?;
                    }
                }
                Heal::LetThrough => self.world.ground.let_through()?,
                Heal::MakeRoom => {
                    self.world.ground.make_room()?;
                    self.excused = now() + AFTERMATH;
                }
            }
        }
        Ok(())
    }
}
