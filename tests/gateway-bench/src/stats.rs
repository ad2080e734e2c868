//! Medians, percentiles and slopes.

/// Measurements of one thing, all in the same unit.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Samples(Vec<f64>);

impl Samples {
    /// Adds one.
    pub(crate) fn push(&mut self, value: f64) {
        self.0.push(value);
    }

    /// Adds all of `other`.
    pub(crate) fn extend(&mut self, other: &Self) {
        self.0.extend(&other.0);
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// By nearest rank: the smallest measurement that is not below `percent`
    /// (0 to 100) of them all. Never a value between two of them; not a number
    /// where there is none.
    pub(crate) fn percentile(&self, percent: usize) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let rank = (sorted.len() * percent.min(100)).div_ceil(100).max(1);
        sorted.get(rank - 1).copied().unwrap_or(f64::NAN)
    }

    /// The median.
    pub(crate) fn p50(&self) -> f64 {
        self.percentile(50)
    }

    /// The 99th percentile.
    pub(crate) fn p99(&self) -> f64 {
        self.percentile(99)
    }

    /// How far apart the middle half of them lies.
    pub(crate) fn iqr(&self) -> f64 {
        self.percentile(75) - self.percentile(25)
    }
}

impl FromIterator<f64> for Samples {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        Self(values.into_iter().collect())
    }
}

/// By how much `y` grows where `x` grows by one: the line through the points
/// that leaves the least squares. Not a number for fewer than two points, or
/// where all have the same `x`.
pub(crate) fn slope(points: &[(f64, f64)]) -> f64 {
    let count: f64 = points.iter().map(|_| 1.0).sum();
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x_mean, y_mean) = (mean(|point| point.0), mean(|point| point.1));
    let both: f64 = points.iter().map(|(x, y)| (x - x_mean) * (y - y_mean)).sum();
    let squares: f64 = points.iter().map(|(x, _)| (x - x_mean).powi(2)).sum();
    both / squares
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(left: f64, right: f64) -> bool {
        (left - right).abs() < 1e-9
    }

    #[test]
    fn percentiles_are_measurements_at_their_rank() {
        // Backwards: the order of arrival must not matter.
        let samples: Samples = (1..=100).rev().map(f64::from).collect();
        assert!(same(samples.p50(), 50.0));
        assert!(same(samples.p99(), 99.0));
        assert!(same(samples.percentile(100), 100.0));
        assert!(same(samples.iqr(), 50.0));
    }

    #[test]
    fn one_round_in_seven_does_not_move_the_median() {
        let samples: Samples = [0.3, 0.31, 90.0, 0.29, 0.3, 0.32, 0.28].into_iter().collect();
        assert!(same(samples.p50(), 0.3));
        assert!(samples.iqr() < 0.05);
    }

    #[test]
    fn without_measurements_there_is_no_number() {
        assert!(Samples::default().p50().is_nan());
        assert!(slope(&[]).is_nan());
        assert!(slope(&[(1.0, 2.0)]).is_nan());
    }

    #[test]
    fn a_slope_is_found_under_noise_and_none_where_there_is_none() {
        let noise = [0.2, -0.2, -0.2, 0.2];
        let line = |growth: f64| -> Vec<(f64, f64)> {
            let points = noise.iter().zip(0_u32..);
            points.map(|(noise, x)| (f64::from(x), 40.0 + growth * f64::from(x) + noise)).collect()
        };
        assert!(same(slope(&line(1.5)), 1.5), "{}", slope(&line(1.5)));
        assert!(same(slope(&line(0.0)), 0.0));
        assert!(same(slope(&line(-2.0)), -2.0));
    }
}
