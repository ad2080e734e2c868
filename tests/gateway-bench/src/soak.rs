//! Memory over many requests.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Result;
use futures::future::join_all;

use crate::load::Loaded;
use crate::request::Kind;
use crate::stats::slope;
use crate::target::{Who, World};

/// Clients that ask again as soon as they are answered.
const CLIENTS: u32 = 16;
/// How often memory is looked at in all.
const LOOKS: u64 = 200;
/// The part of the looks, in hundredths, before which a program is still growing
/// to its size.
const WARM_UP: usize = 30;
/// What a slope is told for.
const HUNDRED_THOUSAND: f64 = 100_000.0;

/// How the hub's memory went.
#[derive(Debug, Clone)]
pub(crate) struct Soak {
    /// Requests, and the memory after so many of them in millions of bytes.
    pub(crate) looks: Vec<(f64, f64)>,
    /// Growth in millions of bytes for 100,000 requests, after the warm-up.
    pub(crate) slope: f64,
    /// Requests that were not answered as they should be, and why.
    pub(crate) failed: Loaded,
}

/// Asks so many times: of ten requests one for a stream and one under the budget.
pub(crate) async fn measure(world: &World, requests: u64) -> Result<Soak> {
    let kinds = [(Who::Free, Kind::Whole), (Who::Free, Kind::Stream), (Who::Priced, Kind::Whole)];
    let asked = kinds.map(|(who, kind)| world.asked(who, kind));
    let process = world.process(Who::Free);
    let (next, every) = (AtomicU64::new(0), (requests / LOOKS).max(1));
    let (looks, failed) = (Mutex::new(Vec::new()), Mutex::new(Loaded::default()));
    let client = |_| async {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= requests {
                return Ok::<(), anyhow::Error>(());
            }
            let kind = match number % 10 {
                3 => 1,
                7 => 2,
                _ => 0,
            };
            let (client, asked) = &asked[kind];
            if let Err(error) = client.ask(asked).await {
                failed.lock().unwrap_or_else(PoisonError::into_inner).failed(&error);
            }
            if number % every == 0 {
                let look = (counted(number), process.memory()?.now);
                looks.lock().unwrap_or_else(PoisonError::into_inner).push(look);
            }
        }
    };
    for ended in join_all((0..CLIENTS).map(client)).await {
        ended?;
    }
    let looks = looks.into_inner().unwrap_or_else(PoisonError::into_inner);
    let failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(Soak { slope: growth(&looks), looks, failed })
}

#[expect(clippy::cast_precision_loss, reason = "far fewer requests than 2^52")]
fn counted(number: u64) -> f64 {
    number as f64
}

/// Growth for 100,000 requests, the warm-up left out.
fn growth(looks: &[(f64, f64)]) -> f64 {
    let settled = looks.get(looks.len() * WARM_UP / 100..).unwrap_or_default();
    slope(settled) * HUNDRED_THOUSAND
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_counts_after_the_warm_up_alone() {
        let looks = |leak: f64| -> Vec<(f64, f64)> {
            let sizes = (0_u32..100).map(|look| {
                let grown = if look < 30 { f64::from(look) } else { 30.0 };
                (f64::from(look) * 1_000.0, 20.0 + grown + leak * f64::from(look))
            });
            sizes.collect()
        };
        assert!(growth(&looks(0.0)).abs() < 1e-9);
        assert!((growth(&looks(0.02)) - 2.0).abs() < 1e-9);
    }
}
