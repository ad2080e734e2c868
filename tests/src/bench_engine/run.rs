//! The whole benchmark, one part after the other.

use anyhow::{Context as _, Result};

use super::approval::{self, Approvals};
use super::claims::{self, Claims};
use super::filler::clock;
use super::machine::Circumstances;
use super::options::Options;
use super::queue::{self, Queue};
use super::report::Figures;
use super::restart::{self, Restarts};
use super::waiting::{self, Waiting};
use crate::bench::disk::Disk;
use crate::bench::steps::{self, Steps};

/// What the benchmark found.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// When and where it ran.
    pub head: String,
    /// The figures.
    pub figures: Figures,
}

/// Everything as it was measured.
pub(super) struct Measured {
    pub(super) circumstances: Circumstances,
    pub(super) restarts: Restarts,
    pub(super) approvals: Approvals,
    pub(super) queue: Queue,
    pub(super) claims: Claims,
    pub(super) waiting: Waiting,
    pub(super) steps: Steps,
}

/// Runs everything, and tells `progress` which part begins.
///
/// # Errors
/// Where a part cannot be measured. A missed aim is no error.
pub async fn run(options: &Options, progress: impl Fn(&str)) -> Result<Outcome> {
    let (sizes, programs) = (options.sizes(), options.programs()?);
    // The data of the processes lies in the same one.
    let folder = tempfile::Builder::new().prefix("agentos-bench-").tempdir_in("/tmp")?;
    let circumstances = Circumstances::look(folder.path());

    progress("steps in the journal");
    let mut disk = Disk::open(folder.path(), clock())?;
    let steps = steps::measure(folder.path(), clock(), options.rounds(), &mut disk).await?;
    progress("claims from short and from long queues");
    let claims = claims::measure(folder.path(), sizes).await.context("claims")?;
    progress("submissions to a long queue");
    let queue = queue::measure(&programs, sizes).await.context("the queue")?;
    progress("runs that wait for people");
    let waiting = Box::pin(waiting::measure(&programs, sizes)).await.context("waiting runs")?;

    progress("a history for the hub to start over");
    let mut system = Box::pin(restart::start(&programs, sizes)).await.context("a history")?;
    progress("restarts of the hub");
    let restarts = restart::measure(&mut system, sizes).await?;
    progress("approvals");
    let approvals = approval::measure(&system, sizes).await?;
    system.passed();

    let head = circumstances.head(folder.path());
    let measured = Measured { circumstances, restarts, approvals, queue, claims, waiting, steps };
    Ok(Outcome { head, figures: Figures::of(&measured, options.quick) })
}
