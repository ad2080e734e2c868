//! A long queue in a real hub: what memory its tasks take, and what one more
//! submission takes, beside a hub that has nothing to do.

use std::time::Duration;

use anyhow::Result;
use futures::{StreamExt as _, TryStreamExt as _};

use super::filler::clock;
use super::options::{Programs, Sizes};
use super::real_hub::{Api, Footprint, RealHub};
use crate::bench::Samples;

/// Submissions under way at once while the queue is filled.
const AT_ONCE: usize = 16;

/// Milliseconds of submissions, and what the hub with the long queue took.
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
    let submissions = futures::stream::iter(0..sizes.queued).map(|_| api.submit());
    submissions.buffer_unordered(AT_ONCE).try_collect::<Vec<()>>().await?;
    let after = hub.footprint().await?;

    let idle = RealHub::start(&programs.hub, sizes.stable_looks).await?;
    let idle_api = Api::new(&idle.hub)?;
    // The first prepares connections and statements.
    idle_api.submit().await?;
    api.submit().await?;
    let (mut empty, mut full) = (Samples::default(), Samples::default());
    // They take turns, and turns to be first, so that both meet the same disk.
    for round in 0..sizes.submissions {
        if round % 2 == 0 {
            empty.push_ms(timed(&idle_api).await?);
            full.push_ms(timed(&api).await?);
        } else {
            full.push_ms(timed(&api).await?);
            empty.push_ms(timed(&idle_api).await?);
        }
    }
    hub.place.passed();
    idle.place.passed();
    Ok(Queue { empty, full, before, after })
}

async fn timed(api: &Api) -> Result<Duration> {
    let clock = clock();
    let start = clock.monotonic();
    api.submit().await?;
    Ok(clock.monotonic().saturating_sub(start))
}
