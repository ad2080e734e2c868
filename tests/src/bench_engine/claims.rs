//! What it costs to find the next task, by how many wait in how many
//! workspaces. Each claimed task is given back before the next claim, so that
//! every claim meets the same queue. The databases lie in memory where the
//! system has such a folder: what counts is the work, and a slow disk would
//! hide it.

use std::path::Path;

use agentos_domain::Clock as _;
use anyhow::Result;

use super::filler::Filler;
use super::options::Sizes;
use crate::bench::Samples;

/// A folder in memory.
const MEMORY: &str = "/dev/shm";
/// Tasks in a short queue.
const SHORT: usize = 10;
/// Workspaces that share a long queue.
const WORKSPACES: usize = 100;

/// Milliseconds of a claim, its commit included but not the disk's fsync.
#[derive(Debug)]
pub(super) struct Claims {
    pub(super) few_in_one: Samples,
    pub(super) many_in_one: Samples,
    /// Each in a workspace of its own.
    pub(super) few_in_hundred: Samples,
    pub(super) many_in_hundred: Samples,
}

pub(super) async fn measure(folder: &Path, sizes: Sizes) -> Result<Claims> {
    let in_memory = tempfile::Builder::new().prefix("agentos-bench-").tempdir_in(MEMORY).ok();
    let folder = in_memory.as_ref().map_or(folder, |folder| folder.path());
    let open = async |name: &str, tasks, workspaces| {
        let filler = Filler::open(&folder.join(name)).await?;
        filler.queue(tasks, workspaces).await?;
        anyhow::Ok(filler)
    };
    let queues = [
        open("few-in-one.db", SHORT, 1).await?,
        open("many-in-one.db", sizes.queued, 1).await?,
        open("few-in-hundred.db", WORKSPACES, WORKSPACES).await?,
        open("many-in-hundred.db", sizes.queued, WORKSPACES).await?,
    ];
    let mut samples: [Samples; 4] = std::array::from_fn(|_| Samples::default());
    for round in 0..=sizes.claims {
        for (filler, samples) in queues.iter().zip(&mut samples) {
            let start = filler.clock.monotonic();
            let claimed = filler.claim().await?;
            let took = filler.clock.monotonic().saturating_sub(start);
            // The first prepares the statements.
            if round > 0 {
                samples.push_ms(took);
            }
            filler.release(&claimed).await?;
        }
    }
    for filler in queues {
        filler.close().await;
    }
    let [few_in_one, many_in_one, few_in_hundred, many_in_hundred] = samples;
    Ok(Claims { few_in_one, many_in_one, few_in_hundred, many_in_hundred })
}
