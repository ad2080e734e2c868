//! Percentiles.

use std::time::Duration;

/// Measurements of one thing, all in the same unit.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Samples(Vec<f64>);

impl Samples {
    /// Adds one measurement.
    pub fn push(&mut self, value: f64) {
        self.0.push(value);
    }

    /// Adds a duration, in milliseconds.
    pub fn push_ms(&mut self, duration: Duration) {
        self.push(duration.as_secs_f64() * 1e3);
    }

    /// Adds a duration, in microseconds.
    pub fn push_us(&mut self, duration: Duration) {
        self.push(duration.as_secs_f64() * 1e6);
    }

    /// Adds all of `other`.
    pub fn extend(&mut self, other: &Self) {
        self.0.extend(&other.0);
    }

    /// How many measurements there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The median; not a number where there is no measurement.
    #[must_use]
    pub fn p50(&self) -> f64 {
        self.percentile(50)
    }

    /// The 99th percentile; not a number where there is no measurement.
    #[must_use]
    pub fn p99(&self) -> f64 {
        self.percentile(99)
    }

    /// By nearest rank: the smallest measurement that is not below `percent`
    /// (0 to 100) of them all. Never a value between two measurements.
    #[must_use]
    pub fn percentile(&self, percent: usize) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let rank = (sorted.len() * percent.min(100)).div_ceil(100).max(1);
        sorted.get(rank - 1).copied().unwrap_or(f64::NAN)
    }

    /// How far the measurements lie apart: from the least to the most, as a
    /// share of the median.
    #[must_use]
    pub fn spread(&self) -> f64 {
        (self.percentile(100) - self.percentile(0)) / self.p50()
    }
}

impl FromIterator<f64> for Samples {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        Self(values.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upto(last: u32) -> Samples {
        // Backwards: the order of arrival must not matter.
        (1..=last).rev().map(f64::from).collect()
    }

    fn same(left: f64, right: f64) -> bool {
        left.total_cmp(&right).is_eq()
    }

    #[test]
    fn percentiles_are_measurements_at_their_rank() {
        let samples = upto(100);
        assert!(same(samples.p50(), 50.0));
        assert!(same(samples.p99(), 99.0));
        assert!(same(samples.percentile(0), 1.0));
        assert!(same(samples.percentile(100), 100.0));
        assert!(same(samples.spread(), 99.0 / 50.0));
    }

    #[test]
    fn few_measurements_have_percentiles_too() {
        assert!(same(upto(1).p50(), 1.0));
        assert!(same(upto(1).p99(), 1.0));
        assert!(same(upto(7).p50(), 4.0));
        assert!(same(upto(8).p50(), 4.0));
        assert!(same(upto(7).p99(), 7.0));
    }

    #[test]
    fn one_outlier_in_a_hundred_does_not_reach_the_99th_percentile() {
        let mut samples: Samples = std::iter::repeat_n(1.0, 99).collect();
        samples.push(1000.0);
        assert!(same(samples.p99(), 1.0));
        samples.push(1000.0);
        assert!(same(samples.p99(), 1000.0));
    }

    #[test]
    fn without_measurements_there_is_no_number() {
        assert!(Samples::default().p50().is_nan());
        assert!(Samples::default().is_empty());
    }

    #[test]
    fn durations_are_converted_and_pooled() {
        let mut samples = Samples::default();
        samples.push_ms(Duration::from_micros(1500));
        assert!(same(samples.p50(), 1.5));
        let mut micros = Samples::default();
        micros.push_us(Duration::from_micros(1500));
        assert!(same(micros.p50(), 1500.0));
        samples.extend(&micros);
        assert_eq!(samples.len(), 2);
    }
}
