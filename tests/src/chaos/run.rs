//! One chaos test from its beginning to its report.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use agentos_domain::{Clock as _, SystemClock};
use anyhow::{Context as _, Result};
use tokio::net::UnixListener;
use tokio::task::JoinSet;

use super::check::check;
use super::collect::collect;
use super::drive::{Drive, Driven};
use super::effects::Effects;
use super::ground::Ground;
use super::history::History;
use super::load::{IN_FLIGHT, Shared};
use super::person::decide_all;
use super::report::Report;
use super::schedule::Schedule;
use super::world::{Programs, World};
use crate::harness::Place;

/// How long tasks may take to end once everything is well.
const SETTLING: Duration = Duration::from_secs(60);

/// How much is done.
#[derive(Debug, Clone, Copy)]
pub struct Extent {
    /// How many processes are killed.
    pub kills: u64,
    /// Determines the load and what is done.
    pub seed: u64,
    /// Whether logs and history are kept also where nothing is wrong.
    pub keep: bool,
}

/// Does it; `say` is told how it goes.
///
/// # Errors
/// If the test itself cannot be carried out. What the system does wrong is in
/// the report.
pub fn run(programs: &Programs, extent: Extent, say: &(dyn Fn(&str) + Sync)) -> Result<Report> {
    let begin = SystemClock.monotonic();
    let place = Arc::new(Place::new()?);
    let ground = Ground::find();
    let mut report = ground.inside(|ground| {
        // One thread: all its sockets are in the hub's namespace.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(test(programs, Arc::clone(&place), ground, extent, say))
    })?;
    report.seed = extent.seed;
    report.seconds = (SystemClock.monotonic().saturating_sub(begin)).as_secs();
    place.passed();
    Ok(report)
}

async fn test(
    programs: &Programs,
    place: Arc<Place>,
    ground: Ground,
    extent: Extent,
    say: &(dyn Fn(&str) + Sync),
) -> Result<Report> {
    let Extent { kills, seed, .. } = extent;
    let schedule = Schedule::new(seed, kills);
    let hits_each = schedule.hits_each;
    let socket = place.path("effects");
    let effects = Effects::default();
    let listener = UnixListener::bind(&socket)?;
    place.give(&socket)?;
    let mut helpers = JoinSet::new();
    helpers.spawn(effects.clone().serve(listener));
    let mut world = World::start(programs, Arc::clone(&place), ground, &socket).await?;
    for what in &world.ground.left_out {
        say(&format!("skipped: {what}"));
    }
    let shared = Shared::new(world.client.clone(), effects, seed);
    let mut clients = JoinSet::new();
    for first in 0..IN_FLIGHT {
        clients.spawn(shared.clone().ask(first));
    }
    let deciding = shared.clone();
    helpers.spawn(async move {
        decide_all(deciding).await;
        Ok(())
    });
    say(&format!("{kills} kills, seed {seed}"));
    let driven = Drive::new(&mut world, &shared, schedule, say).run().await?;
    shared.enough.cancel();
    world.connected().await.context("after the last fault")?;
    say("everything is well again; waiting for what was begun");
    settle(&shared, clients).await;
    let mut history = collect(&shared).await?;
    history.incidents.extend_from_slice(&driven.incidents);
    history.edge_restarts.clone_from(&driven.edge_restarts);
    judge(&world, &history, &driven, hits_each, extent)
}

/// Waits until all tasks have ended, or their time is over.
async fn settle(shared: &Shared, mut clients: JoinSet<Result<()>>) {
    let all = async {
        while let Some(client) = clients.join_next().await {
            let error = match client {
                Ok(Ok(())) => continue,
                Ok(Err(error)) => format!("{error:#}"),
                Err(error) => error.to_string(),
            };
            shared.history().incidents.push(format!("a client gave up: {error}"));
        }
    };
    // Whoever has not ended by then is found in the history.
    let _ = tokio::time::timeout(SETTLING, all).await;
}

fn judge(
    world: &World,
    history: &History,
    driven: &Driven,
    hits_each: u64,
    extent: Extent,
) -> Result<Report> {
    let verdict = check(history);
    let mut report = Report::new(&verdict, history, driven, hits_each);
    report.left_out.clone_from(&world.ground.left_out);
    if extent.keep || !report.is_good() {
        let folder = kept_in(extent.seed);
        world.place.keep_logs(&folder)?;
        let json = serde_json::to_vec_pretty(history)?;
        std::fs::write(folder.join("history.json"), json)?;
        std::fs::write(folder.join("wrong.txt"), report.wrong.join("\n"))?;
        report.kept = Some(folder);
    }
    Ok(report)
}

fn kept_in(seed: u64) -> PathBuf {
    std::env::temp_dir().join(format!("agentos-chaos-{seed}-{}", std::process::id()))
}
