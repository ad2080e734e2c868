//! Many runs that wait for people, and what the hub keeps of them: nothing but
//! rows.

use agentos_store::Store as _;
use anyhow::{Result, ensure};

use super::asker::Asker;
use super::filler::{Filler, clock};
use super::options::{Programs, Sizes};
use super::real_hub::{Api, Footprint, RealHub};
use crate::harness::eventually;

/// Runs before the first look at memory: they bring in what is needed once.
const WARM_UP: usize = 20;

/// What the hub took before and after.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) before: Footprint,
    pub(super) after: Footprint,
    /// Leases that are open although all runs wait.
    pub(super) open_leases: u64,
    /// Runs from their submission to their question, per second.
    pub(super) per_second: f64,
}

pub(super) async fn measure(programs: &Programs, sizes: Sizes) -> Result<Waiting> {
    let mut hub = RealHub::start(&programs.hub, sizes.stable_looks).await?;
    let api = Api::new(&hub.hub)?;
    let token = hub.client.invite().await?;
    let folder = tempfile::tempdir()?;
    let asker = Asker::start(&hub.hub.ports.link.to_string(), &token, folder.path()).await?;
    ask(&api, &asker, WARM_UP, WARM_UP).await?;
    let before = hub.footprint().await?;
    let (clock, all) = (clock(), WARM_UP + sizes.waiting);
    let start = clock.monotonic();
    ask(&api, &asker, sizes.waiting, all).await?;
    let seconds = clock.monotonic().saturating_sub(start).as_secs_f64();
    let after = hub.footprint().await?;
    asker.stop().await?;
    hub.hub.kill()?;

    let filler = Filler::open(&hub.hub.data.join("agent_os.db")).await?;
    let load = filler.store.task_load().await?;
    filler.close().await;
    ensure!(load.pending == 0, "{} tasks were not run", load.pending);
    hub.place.passed();
    let per_second = u32::try_from(sizes.waiting).map_or(f64::NAN, f64::from) / seconds;
    Ok(Waiting { before, after, open_leases: load.running, per_second })
}

/// Submits tasks and waits until so many runs have asked.
async fn ask(api: &Api, asker: &Asker, tasks: usize, all: usize) -> Result<()> {
    for _ in 0..tasks {
        api.submit().await?;
    }
    // More than one wait: many runs may take longer than one has.
    for step in (asker.asked()..all).step_by(100).chain([all]) {
        let what = format!("{step} runs that ask");
        eventually(&what, async || Ok((asker.asked() >= step).then_some(()))).await?;
    }
    Ok(())
}
