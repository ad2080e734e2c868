//! A long queue in a real hub: what one more submission takes, and what memory
//! the waiting tasks do.

use anyhow::Result;
use futures::{StreamExt as _, TryStreamExt as _};

use super::filler::clock;
use super::options::{Programs, Sizes};
use super::real_hub::{Api, Footprint, RealHub};
use crate::bench::Samples;

/// Submissions under way at once while the queue is filled.
const AT_ONCE: usize = 16;

/// Milliseconds of submissions, and what the hub took.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) empty: Samples,
    pub(super) full: Samples,
    pub(super) before: Footprint,
    pub(super) after: Footprint,
}

pub(super) async fn measure(programs: &Programs, sizes: Sizes) -> Result<Queue> {
    let mut hub = RealHub::start(&programs.hub, sizes.stable_looks).await?;
    let api = Api::new(&hub.hub)?;
    let before = hub.footprint().await?;
    // The first prepares connections and statements.
    api.submit().await?;
    let empty = one_by_one(&api, sizes.submissions).await?;
    let rest = sizes.queued.saturating_sub(sizes.submissions + 1);
    let submissions = futures::stream::iter(0..rest).map(|_| api.submit());
    submissions.buffer_unordered(AT_ONCE).try_collect::<Vec<()>>().await?;
    let full = one_by_one(&api, sizes.submissions).await?;
    let after = hub.footprint().await?;
    hub.place.passed();
    Ok(Queue { empty, full, before, after })
}

async fn one_by_one(api: &Api, times: usize) -> Result<Samples> {
    let (clock, mut samples) = (clock(), Samples::default());
    for _ in 0..times {
        let start = clock.monotonic();
        api.submit().await?;
        samples.push_ms(clock.monotonic().saturating_sub(start));
    }
    Ok(samples)
}
