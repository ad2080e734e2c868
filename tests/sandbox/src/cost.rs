//! What it costs to start a program in the sandbox.

use std::path::PathBuf;
use std::time::Duration;

use agentos_domain::{Clock as _, SystemClock};
use agentos_sandbox::{ChildSpec, Confinement, Tier};
use anyhow::{Result, ensure};
use serde::Serialize;
use tokio::process::Command;

use crate::place::{Built, Place, UID, is_root};
use crate::shell::confinement;

/// Times of one way to start a program, in milliseconds.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Times {
    /// Half take less.
    pub median: f64,
    /// One of a hundred takes longer.
    pub p99: f64,
}

/// What a tier adds to starting a program plainly, in milliseconds: the
/// difference of the medians, and of the 99th percentiles.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Cost {
    /// As it is.
    pub whole: Times,
    /// More than the plain start.
    pub added: Times,
}

/// All costs.
#[derive(Debug, Clone, Serialize)]
pub struct Costs {
    /// How often each was started.
    pub runs: usize,
    /// Without the sandbox, by the same runtime.
    pub plain: Times,
    /// The launcher alone, with supervisor, temporary folder and limits.
    pub launcher: Cost,
    /// bubblewrap and the launcher; absent where the machine has none.
    pub bubblewrap: Option<Cost>,
    /// The same without a network namespace: sockets are refused all the same.
    pub bubblewrap_shared_network: Option<Cost>,
}

fn times(mut taken: Vec<Duration>) -> Times {
    taken.sort_unstable();
    let at = |share: usize| {
        let index = (taken.len() * share / 100).min(taken.len().saturating_sub(1));
        taken.get(index).map_or(0.0, |time| time.as_secs_f64() * 1000.0)
    };
    Times { median: at(50), p99: at(99) }
}

fn cost(taken: Vec<Duration>, plain: Times) -> Cost {
    let whole = times(taken);
    let added = Times { median: whole.median - plain.median, p99: whole.p99 - plain.p99 };
    Cost { whole, added }
}

async fn plainly(program: &PathBuf) -> Result<Duration> {
    let clock = SystemClock;
    let mut command = Command::new(program);
    command.stdin(std::process::Stdio::null());
    if is_root() {
        command.uid(UID).gid(UID);
    }
    let begun = clock.monotonic();
    let output = command.output().await?;
    let taken = clock.monotonic() - begun;
    ensure!(output.status.success(), "{} failed", program.display());
    Ok(taken)
}

async fn confined(confinement: &Confinement, spec: &ChildSpec) -> Result<Duration> {
    let clock = SystemClock;
    let begun = clock.monotonic();
    let outcome = confinement.run(spec).await?;
    let taken = clock.monotonic() - begun;
    ensure!(outcome.code == 0, "the program failed: {}", outcome.stderr.text);
    Ok(taken)
}

/// Starts `/usr/bin/true` in all ways in turn, so often.
///
/// # Errors
/// One way does not work.
pub async fn measure(built: &Built, runs: usize) -> Result<Costs> {
    let place = Place::new(built)?;
    let program = PathBuf::from("/usr/bin/true");
    let mut spec = ChildSpec::new(&program, &place.workspace);
    spec.writable = vec!["temp".into(), "outputs".into()];
    let alone = Confinement::detect(confinement(&place, Tier::Launcher)).await?;
    let wrapped = Confinement::detect(confinement(&place, Tier::Bubblewrap)).await?;
    let wrapped = (wrapped.tier() == Tier::Bubblewrap).then_some(wrapped);
    let mut sharing = confinement(&place, Tier::Bubblewrap);
    sharing.own_network = false;
    let sharing = Confinement::detect(sharing).await?;
    let (mut plain, mut launcher) = (Vec::new(), Vec::new());
    let (mut bubblewrap, mut shared) = (Vec::new(), Vec::new());
    for _ in 0..runs {
        plain.push(plainly(&program).await?);
        launcher.push(confined(&alone, &spec).await?);
        if let Some(wrapped) = &wrapped {
            bubblewrap.push(confined(wrapped, &spec).await?);
            shared.push(confined(&sharing, &spec).await?);
        }
    }
    let plain = times(plain);
    let bubblewrap = wrapped.as_ref().map(|_| cost(bubblewrap, plain));
    let bubblewrap_shared_network = wrapped.map(|_| cost(shared, plain));
    let launcher = cost(launcher, plain);
    Ok(Costs { runs, plain, launcher, bubblewrap, bubblewrap_shared_network })
}
