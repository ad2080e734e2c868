//! A hub that is killed, and started again over a large journal, while an edge
//! holds runs. Their tools end while there is no hub to tell.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use agentos_domain::{Clock, Timestamp};
use anyhow::{Context as _, Result, ensure};

use super::filler::{Filler, ROWS_OF_A_TASK, clock};
use super::options::{Programs, Sizes};
use super::real_hub;
use crate::bench::Samples;
use crate::harness::{DEADLINE, Edge, Place, System, eventually};

/// Runs that the edge holds at each kill.
const RUNS: usize = 4;
/// Tokens enough for a call of a tool.
pub(super) const SHORT: u32 = 150;
/// Steps of a run that is in its tool: a reply and the call's announcement.
const BEFORE_RESULT: usize = 2;
/// Between two looks whether the hub answers.
const LOOK: Duration = Duration::from_millis(2);

/// Milliseconds from the start of the hub's process.
#[derive(Debug, Default)]
pub(super) struct Restarts {
    /// To the API's first answer.
    pub(super) ready: Samples,
    /// To the first step of a run that the edge had held.
    pub(super) first_step: Samples,
    /// To the first step of the last of these runs.
    pub(super) last_step: Samples,
    /// Rows of journal in the database at the first restart.
    pub(super) rows: usize,
    /// Size of the database then, in millions of bytes.
    pub(super) database_mb: f64,
}

/// A hub with a history, and an edge that has joined it.
pub(super) async fn start(programs: &Programs, sizes: Sizes) -> Result<System> {
    let place = Arc::new(Place::new()?);
    let mut hub = real_hub::prepare(&place, &programs.hub, "hub")?;
    let filler = Filler::open(&hub.data.join("agent_os.db")).await?;
    filler.history(sizes.journal_rows).await?;
    filler.close().await;
    for file in std::fs::read_dir(&hub.data)? {
        place.give(&file?.path())?;
    }
    let client = hub.start().await?;
    let prepare = |edge: &mut Edge| edge.set_env("AGENT_OS_PROBE_CLASS", "idempotent".to_owned());
    System::with(place, hub, client, &programs.edge, &[], prepare).await
}

pub(super) async fn measure(system: &mut System, sizes: Sizes) -> Result<Restarts> {
    let rows = sizes.journal_rows.div_ceil(ROWS_OF_A_TASK) * ROWS_OF_A_TASK;
    let database_mb = megabytes(&system.hub.data.join("agent_os.db"))?;
    let mut restarts = Restarts { rows, database_mb, ..Restarts::default() };
    for _ in 0..sizes.restarts {
        round(system, &mut restarts).await.context("a restart")?;
    }
    Ok(restarts)
}

async fn round(system: &mut System, restarts: &mut Restarts) -> Result<()> {
    let clock = clock();
    let calls = system.probe.calls()?.len();
    system.probe.close()?;
    let mut tasks = Vec::new();
    for _ in 0..RUNS {
        tasks.push(system.submit(SHORT).await?);
    }
    system.probe.called(calls + RUNS).await?;
    system.hub.kill()?;
    system.probe.open()?;

    let (begun, at) = (clock.monotonic(), clock.now());
    system.hub.launch()?;
    answers(system, clock.as_ref()).await?;
    restarts.ready.push_ms(clock.monotonic().saturating_sub(begun));
    let mut first_steps = Vec::new();
    for task in &tasks {
        let resumed = eventually("a step of a resumed run", async || {
            let steps = system.client.steps(task).await?;
            Ok(steps.get(BEFORE_RESULT).map(|step| step.recorded_at))
        });
        first_steps.push(since(resumed.await?, at)?);
    }
    first_steps.sort_by(f64::total_cmp);
    restarts.first_step.push(*first_steps.first().context("no run")?);
    restarts.last_step.push(*first_steps.last().context("no run")?);

    for task in &tasks {
        system.client.finished(task).await?;
    }
    let now = system.probe.calls()?.len();
    ensure!(now == calls + RUNS, "a resumed run called its tool again: {calls}, {now}");
    Ok(())
}

/// Waits until the hub answers that it is well.
async fn answers(system: &System, clock: &dyn Clock) -> Result<()> {
    let start = clock.monotonic();
    while system.client.health().await.is_err() {
        let waited = clock.monotonic().saturating_sub(start);
        ensure!(waited < DEADLINE, "the hub does not come up");
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}

/// Milliseconds, both by the machine's clock.
fn since(later: Timestamp, earlier: Timestamp) -> Result<f64> {
    let millis = later.millis() - earlier.millis();
    ensure!(millis >= 0, "a step of before the restart");
    Ok(f64::from(i32::try_from(millis)?))
}

fn megabytes(path: &Path) -> Result<f64> {
    let kibibytes = u32::try_from(std::fs::metadata(path)?.len() / 1024)?;
    Ok(f64::from(kibibytes) * 1024.0 / 1e6)
}
