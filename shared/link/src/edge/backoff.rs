//! Exponential back-off with full jitter: edges that lost the same hub do not
//! return all at once.

use std::time::Duration;

#[derive(Debug)]
pub(super) struct Backoff {
    min: Duration,
    max: Duration,
    bound: Duration,
}

impl Backoff {
    pub(super) fn new(min: Duration, max: Duration) -> Self {
        Self { min, max, bound: min }
    }

    pub(super) fn reset(&mut self) {
        self.bound = self.min;
    }

    /// How long to wait before the next try.
    pub(super) fn next(&mut self) -> Duration {
        let bound = self.bound.min(self.max);
        self.bound = (bound * 2).min(self.max);
        bound.mul_f64(rand::random::<f64>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_doubles_up_to_its_maximum_and_starts_again() {
        let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_millis(300));
        let mut bounds = Vec::new();
        for _ in 0..5 {
            let bound = backoff.bound;
            assert!(backoff.next() <= bound);
            bounds.push(bound.as_millis());
        }
        assert_eq!(bounds, [50, 100, 200, 300, 300]);
        backoff.reset();
        assert_eq!(backoff.bound.as_millis(), 50);
    }
}
