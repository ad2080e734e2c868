//! The whole benchmark, one part after the other.

use anyhow::Result;

use crate::machine;
use crate::options::Options;
use crate::process::Memory;
use crate::report::{Figures, Line};
use crate::rounds::{self, Series};
use crate::soak::{self, Soak};
use crate::target::{Who, World};

/// What the benchmark found.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The figures of all loads.
    pub lines: Vec<Line>,
    /// What is judged.
    pub figures: Figures,
}

/// Everything as it was measured.
pub(crate) struct Measured {
    pub(crate) load_before: f64,
    pub(crate) load_after: f64,
    pub(crate) idle: Memory,
    pub(crate) after: Memory,
    pub(crate) bare_after: Memory,
    pub(crate) series: Vec<Series>,
    pub(crate) hits: Series,
    pub(crate) soak: Soak,
}

/// Runs everything, and tells `progress` which part begins.
///
/// # Errors
/// Where a part cannot be measured. Requests that fail are counted, and no
/// error.
pub async fn run(options: &Options, progress: impl Fn(&str)) -> Result<Outcome> {
    let (sizes, programs) = (options.sizes(), options.programs()?);
    let load_before = machine::load_average();
    // A disk: where this is memory, a durable write costs nothing.
    let folder = tempfile::Builder::new().prefix("agentos-bench-").tempdir_in("/var/tmp")?;
    let world = World::start(&programs, folder.path()).await?;
    let idle = world.process(Who::Free).memory()?;
    progress(&format!("{} rounds of all targets", sizes.rounds));
    let series = Box::pin(rounds::measure(&world, &sizes)).await?;
    progress("answers from the cache");
    let hits = rounds::hits(&world, sizes.hits).await?;
    progress(&format!("memory over {} requests", sizes.soak));
    let soak = Box::pin(soak::measure(&world, sizes.soak)).await?;
    let measured = Measured {
        load_before,
        load_after: machine::load_average(),
        idle,
        after: world.process(Who::Free).memory()?,
        bare_after: world.process(Who::Bare).memory()?,
        series,
        hits,
        soak,
    };
    let lines = Line::all(&measured);
    Ok(Outcome { lines, figures: Figures::of(&measured, &sizes, options.quick) })
}
