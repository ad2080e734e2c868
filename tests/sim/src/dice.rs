//! Chance, from the seed alone.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

/// All that is random in one simulation.
#[derive(Debug)]
pub(crate) struct Dice(Mutex<StdRng>);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Mutex::new(StdRng::seed_from_u64(seed)))
    }

    fn rng(&self) -> MutexGuard<'_, StdRng> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// True with this probability.
    pub(crate) fn chance(&self, probability: f64) -> bool {
        self.rng().random_bool(probability)
    }

    /// From `low` to below `high`.
    pub(crate) fn number(&self, low: u64, high: u64) -> u64 {
        self.rng().random_range(low..high)
    }

    /// A time between two numbers of milliseconds.
    pub(crate) fn millis(&self, low: u64, high: u64) -> Duration {
        Duration::from_millis(self.number(low, high))
    }

    /// One of several.
    pub(crate) fn pick<T: Copy>(&self, of: &[T]) -> T {
        of[self.rng().random_range(0..of.len())]
    }

    pub(crate) fn bytes(&self) -> [u8; 16] {
        self.rng().random()
    }
}
