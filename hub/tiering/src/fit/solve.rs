//! The regression: Newton's method, each step of which is solved by going
//! through the coordinates. Some weights have a lower bound.

use crate::features::Features;
use crate::grams::BUCKETS;

/// Steps of Newton's method; it converges in about ten.
const STEPS: usize = 25;
/// Rounds through all coordinates within a step.
const ROUNDS: usize = 60;
/// No weight moves by more than that: done.
const SMALL: f64 = 1e-7;

/// A request as the regression sees it.
pub(crate) struct Row {
    pub(crate) features: Features,
    /// The probability that it should be given.
    pub(crate) target: f64,
    /// How much it counts.
    pub(crate) weight: f64,
}

/// The columns of all features, each scaled to a mean of 0 and a spread of 1,
/// and of all buckets.
pub(crate) struct Problem {
    targets: Vec<f64>,
    weights: Vec<f64>,
    dense: Vec<Column>,
    /// The rows that fall into each bucket, and what it counts in them.
    grams: Vec<Vec<(u32, f64)>>,
}

struct Column {
    values: Vec<f64>,
    mean: f64,
    spread: f64,
    never_easier: bool,
}

/// Weights in the features' own units.
pub(crate) struct Solution {
    pub(crate) bias: f64,
    /// Weight and mean of each feature.
    pub(crate) dense: Vec<(f64, f64)>,
    pub(crate) grams: Vec<f64>,
}

/// One coordinate: where it is not zero, its penalty, and its weight.
struct Coordinate<'a> {
    column: Entries<'a>,
    penalty: f64,
    /// The least that its weight may be.
    least: f64,
    weight: f64,
}

#[derive(Clone, Copy)]
enum Entries<'a> {
    Ones(usize),
    All(&'a [f64]),
    Some(&'a [(u32, f64)]),
}

impl Entries<'_> {
    fn each(self, mut see: impl FnMut(usize, f64)) {
        match self {
            Self::Ones(count) => (0..count).for_each(|row| see(row, 1.0)),
            Self::All(values) => {
                values.iter().enumerate().for_each(|(row, value)| see(row, *value));
            }
            Self::Some(entries) => {
                entries.iter().for_each(|(row, value)| see(*row as usize, *value));
            }
        }
    }
}

impl Problem {
    pub(crate) fn of(rows: &[Row]) -> Self {
        let weights: Vec<f64> = rows.iter().map(|row| row.weight).collect();
        let width = rows.first().map_or(0, |row| row.features.dense.len());
        let value = |row: &Row, at: usize| {
            row.features.dense.get(at).map_or(0.0, |feature| f64::from(feature.value))
        };
        let hard = |at: usize| {
            let feature = rows.first().and_then(|row| row.features.dense.get(at));
            feature.is_some_and(|feature| feature.topic.never_easier())
        };
        let column = |at| {
            let values = rows.iter().map(|row| value(row, at)).collect();
            Column::of(values, &weights, hard(at))
        };
        let mut grams = vec![Vec::new(); BUCKETS];
        for (number, row) in (0..).zip(rows) {
            for bucket in &row.features.grams {
                if let Some(entries) = grams.get_mut(usize::from(*bucket)) {
                    entries.push((number, f64::from(row.features.gram)));
                }
            }
        }
        Self {
            targets: rows.iter().map(|row| row.target).collect(),
            dense: (0..width).map(column).collect(),
            weights,
            grams,
        }
    }

    pub(crate) fn solve(&self, penalty: f64, gram_penalty: f64) -> Solution {
        let mut coordinates = vec![Coordinate {
            column: Entries::Ones(self.targets.len()),
            penalty: 0.0,
            least: f64::NEG_INFINITY,
            weight: 0.0,
        }];
        coordinates.extend(self.dense.iter().map(|column| Coordinate {
            column: Entries::All(&column.values),
            penalty,
            least: if column.never_easier { 0.0 } else { f64::NEG_INFINITY },
            weight: 0.0,
        }));
        coordinates.extend(self.grams.iter().map(|entries| Coordinate {
            column: Entries::Some(entries),
            penalty: gram_penalty,
            least: f64::NEG_INFINITY,
            weight: 0.0,
        }));
        let mut scores = vec![0.0; self.targets.len()];
        for _ in 0..STEPS {
            if self.step(&mut coordinates, &mut scores) < SMALL {
                break;
            }
        }
        let mut weights = coordinates.into_iter().map(|coordinate| coordinate.weight);
        let bias = weights.next().unwrap_or(0.0);
        let scaled = weights.by_ref().take(self.dense.len()).zip(&self.dense);
        let dense = scaled.map(|(weight, column)| (weight / column.spread, column.mean)).collect();
        Solution { bias, dense, grams: weights.collect() }
    }

    /// One step of Newton's method; gives by how much a weight moved at most.
    fn step(&self, coordinates: &mut [Coordinate<'_>], scores: &mut [f64]) -> f64 {
        let chances: Vec<f64> = scores.iter().map(|score| 1.0 / (1.0 + (-score).exp())).collect();
        let zipped = || chances.iter().zip(&self.weights);
        let curves: Vec<f64> = zipped().map(|(p, weight)| weight * p * (1.0 - p)).collect();
        let mut slopes: Vec<f64> = zipped()
            .zip(&self.targets)
            .map(|((p, weight), target)| weight * (p - target))
            .collect();
        // Of each column once a step: where the curves stay, so does this.
        let bends: Vec<f64> = coordinates
            .iter()
            .map(|coordinate| {
                let mut bend = coordinate.penalty;
                coordinate.column.each(|row, value| {
                    bend += curves.get(row).copied().unwrap_or(0.0) * value * value;
                });
                bend
            })
            .collect();
        let before: Vec<f64> = coordinates.iter().map(|coordinate| coordinate.weight).collect();
        for _ in 0..ROUNDS {
            let mut most = 0.0_f64;
            for (coordinate, bend) in coordinates.iter_mut().zip(&bends) {
                let moved = coordinate.improve(*bend, &curves, &mut slopes, scores);
                most = most.max(moved);
            }
            if most < SMALL {
                break;
            }
        }
        let moved = coordinates.iter().zip(before).map(|(now, before)| (now.weight - before).abs());
        moved.fold(0.0, f64::max)
    }
}

impl Coordinate<'_> {
    /// Goes to the lowest point along this coordinate; gives how far that was.
    fn improve(
        &mut self,
        bend: f64,
        curves: &[f64],
        slopes: &mut [f64],
        scores: &mut [f64],
    ) -> f64 {
        if bend <= 0.0 {
            return 0.0;
        }
        let mut slope = self.penalty * self.weight;
        self.column.each(|row, value| {
            slope += value * slopes.get(row).copied().unwrap_or(0.0);
        });
        let before = self.weight;
        self.weight = (before - slope / bend).max(self.least);
        let step = self.weight - before;
        if step == 0.0 {
            return 0.0;
        }
        self.column.each(|row, value| {
            if let (Some(slope), Some(score)) = (slopes.get_mut(row), scores.get_mut(row)) {
                *slope += curves.get(row).copied().unwrap_or(0.0) * value * step;
                *score += value * step;
            }
        });
        step.abs()
    }
}

impl Column {
    fn of(values: Vec<f64>, weights: &[f64], never_easier: bool) -> Self {
        let all: f64 = weights.iter().sum();
        let weighted = |of: &dyn Fn(f64) -> f64| -> f64 {
            values.iter().zip(weights).map(|(value, weight)| of(*value) * weight).sum::<f64>() / all
        };
        let mean = weighted(&|value| value);
        let spread = weighted(&|value| (value - mean).powi(2)).sqrt();
        // A feature that never changes says nothing.
        let spread = if spread > 1e-6 { spread } else { f64::INFINITY };
        let values = values.iter().map(|value| (value - mean) / spread).collect();
        Self { values, mean, spread, never_easier }
    }
}
