//! A deterministic simulator: one hub and some edges in one thread, in virtual
//! time, with everything going wrong that a seed can draw.
//!
//! What runs is the production code, from the hub's engine and its database to
//! the edge's worker. Simulated are time, chance, the link, the disk, the model
//! and the tools:
//!
//! ```text
//!  users ──► engine ──► store ──► SQLite ──► disk.rs: forgets what was not
//!              │ ▲                           synced when the power fails
//!    net.rs:   ▼ │  delay, loss, repetition, partition
//!            worker ──► model.rs, tools.rs: every effect is counted
//! ```
//!
//! A simulation lasts a minute or two of its own time: trouble first, then
//! calm. At its end every accepted task must have ended as it was asked for,
//! every effect must have been announced and allowed, every decision must
//! stand. The same seed gives the same simulation, event by event.

mod cell;
mod check;
mod dice;
mod disk;
mod edge;
mod faults;
mod hub;
mod life;
mod model;
mod net;
mod site;
#[cfg(test)]
mod tests;
mod tools;
mod users;
mod world;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::site::Site;
use crate::users::Users;
use crate::world::World;

/// How long it may take until every task is accepted, in simulated time.
const ASKED: Duration = Duration::from_secs(600);

/// How one simulation went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Its seed.
    pub seed: u64,
    /// The promises that were broken; none is what is wanted.
    pub violations: Vec<String>,
    /// A hash of everything that happened, in order.
    pub trace_hash: String,
    /// How many events that were.
    pub events: u64,
    /// The events, where they were asked for.
    pub trace: Vec<String>,
    /// How long it lasted, in its own time.
    pub simulated: Duration,
}

/// What a simulation is to be like.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Keep every event, for reading.
    pub keep_trace: bool,
    /// The disk says that it has synced and has not: a fault that the system
    /// cannot survive. It shows that the simulator would notice.
    pub lying_disk: bool,
}

/// Runs one simulation to its end.
///
/// # Errors
/// Where this machine cannot run it; broken promises are no error.
pub fn simulate(seed: u64, options: Options) -> Result<Outcome> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .context("no runtime")?;
    let ids = dice::Dice::new(seed ^ 0x1D5);
    let mut count: u64 = 0;
    let next_id = move || {
        count += 1;
        let mut bytes = ids.bytes();
        bytes[..6].copy_from_slice(&count.to_be_bytes()[2..]);
        bytes
    };
    agentos_domain::with_id_source(next_id, || runtime.block_on(run(seed, options)))
}

async fn run(seed: u64, options: Options) -> Result<Outcome> {
    let world = World::new(seed, options.keep_trace);
    let edges = if world.dice.chance(0.6) { 1 } else { 2 };
    let site = Site::new(&world, edges)?;
    if options.lying_disk {
        site.disk.lie();
    }
    site.start_hub().await;
    world.tracker.spawn(Arc::clone(&site).supervise());
    for index in 0..edges {
        site.start_edge(index);
        world.tracker.spawn(Arc::clone(&site).connect(index));
    }
    let users = Users::new(&site);
    world.tracker.spawn(Arc::clone(&users).review());
    let tasks = world.dice.number(2, 8);
    let work = (0..tasks)
        .map(|number| Arc::clone(&users).work(usize::try_from(number).unwrap_or_default()));
    let asked = tokio::time::timeout(ASKED, futures::future::join_all(work));
    let (asked, ()) = tokio::join!(asked, faults::trouble(&site));
    match asked {
        Ok(_) => check::settle(&site, &users).await,
        Err(_) => world.violated("nobody could ask for a task"),
    }
    site.end();
    let (trace_hash, events, trace) = world.record();
    let (violations, simulated) = (world.violations(), world.elapsed());
    Ok(Outcome { seed, violations, trace_hash, events, trace, simulated })
}
