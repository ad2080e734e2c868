//! What goes wrong, and when: drawn from the seed.

use std::sync::Arc;
use std::time::Duration;

use crate::site::Site;
use crate::world::{FAIR, Weather};

/// How long things go wrong, in milliseconds.
const TROUBLE_MS: (u64, u64) = (20_000, 90_000);
/// Between two faults, in milliseconds.
const PAUSE_MS: (u64, u64) = (50, 6000);

#[derive(Debug, Clone, Copy)]
enum Fault {
    KillHub,
    PowerLoss,
    KillEdge,
    KillAll,
    Part,
    FullDisk,
    ClockJump,
}

const FAULTS: [Fault; 7] = [
    Fault::KillHub,
    Fault::PowerLoss,
    Fault::KillEdge,
    Fault::KillAll,
    Fault::Part,
    Fault::FullDisk,
    Fault::ClockJump,
];

/// Makes trouble for a while, then mends everything.
pub(crate) async fn trouble(site: &Arc<Site>) {
    let (world, dice) = (&site.world, &site.world.dice);
    let bad = Weather {
        loss: dice.pick(&[0.0, 0.01, 0.1]),
        twice: dice.pick(&[0.0, 0.02, 0.2]),
        delay: dice.pick(&[5, 60, 800]),
    };
    world.set_weather(bad);
    let until = world.elapsed() + dice.millis(TROUBLE_MS.0, TROUBLE_MS.1);
    while world.elapsed() < until {
        tokio::time::sleep(dice.millis(PAUSE_MS.0, PAUSE_MS.1)).await;
        let (fault, edge) = (dice.pick(&FAULTS), chosen(site));
        let long = dice.pick(&[100, 2000, 15_000]);
        let lasting = dice.millis(10, long);
        let again = Arc::clone(site);
        world.tracker.spawn(async move { fail(&again, fault, edge, lasting).await });
    }
    world.set_weather(FAIR);
    mend(site).await;
    world.note("calm");
}

fn chosen(site: &Site) -> usize {
    let edges = u64::try_from(site.edges.len()).unwrap_or(1);
    usize::try_from(site.world.dice.number(0, edges)).unwrap_or(0)
}

/// One fault, to its end.
async fn fail(site: &Site, fault: Fault, edge: usize, lasting: Duration) {
    match fault {
        Fault::KillHub | Fault::PowerLoss => {
            site.kill_hub(matches!(fault, Fault::PowerLoss));
            tokio::time::sleep(lasting).await;
            site.start_hub().await;
        }
        Fault::KillEdge => {
            site.kill_edge(edge);
            tokio::time::sleep(lasting).await;
            site.start_edge(edge);
        }
        Fault::KillAll => {
            site.kill_hub(site.world.dice.chance(0.5));
            site.kill_edge(edge);
            tokio::time::sleep(lasting).await;
            site.start_edge(edge);
            site.start_hub().await;
        }
        Fault::Part => {
            site.world.note(format_args!("edge {edge}: parted"));
            site.edges[edge].cable.set_parted(true);
            tokio::time::sleep(lasting).await;
            site.edges[edge].cable.set_parted(false);
        }
        Fault::FullDisk => {
            site.world.note("the disk is full");
            site.disk.set_full(true);
            tokio::time::sleep(lasting).await;
            site.disk.set_full(false);
        }
        Fault::ClockJump => site.hub_clock.jump(i64::try_from(lasting.as_millis()).unwrap_or(0)),
    }
}

/// Everything works again.
async fn mend(site: &Site) {
    // Faults that began late may still last.
    tokio::time::sleep(Duration::from_secs(16)).await;
    site.disk.set_full(false);
    for (index, edge) in site.edges.iter().enumerate() {
        edge.cable.set_parted(false);
        site.start_edge(index);
    }
    site.start_hub().await;
}
