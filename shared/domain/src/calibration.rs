//! How sure a model is of an answer, and how often it is then right.
//!
//! The geometric mean of the probabilities of an answer's tokens is not yet the
//! probability that the answer is right: models are surer than they should be,
//! each in its own way. A calibration is measured for one model, on answers that
//! were judged, and says which share of the answers with such a mean was right.
//! It is isotonic regression (pool adjacent violators; Ayer et al. 1955, Zadrozny
//! and Elkan 2002), with a line between the middles of its steps.

use serde::{Deserialize, Serialize};

/// Groups of answers that are compared for the calibration error.
const BINS: usize = 10;
/// Folds in which a calibration is tried on answers that it was not made from.
const FOLDS: usize = 5;
/// Fewer judged answers make no calibration.
const FEWEST: usize = 50;
/// Answers of a step, at least: a step of one answer would say 0 or 1.
const STEP: usize = 20;

/// An answer that was judged.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Judged {
    /// The geometric mean of its tokens' probabilities, from 0 to 1.
    pub raw: f64,
    /// Whether it was right.
    pub right: bool,
}

/// From raw values to shares of right answers, for one model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Points", into = "Points")]
pub struct Calibration {
    points: Vec<(f64, f64)>,
}

/// As it is written: pairs of a raw value and a share, ascending.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Points(Vec<(f64, f64)>);

/// How good a calibration is, on answers that it was not made from.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CalibrationQuality {
    /// How many answers were judged.
    pub answers: usize,
    /// The share of them that was right.
    pub right: f64,
    /// The expected calibration error without it: how far the raw values lie from
    /// the shares, over ten groups of as many answers each.
    pub raw_error: f64,
    /// The same with it.
    pub error: f64,
}

/// There are too few judged answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} judged answers are too few for a calibration: judge at least {FEWEST}")]
pub struct TooFewAnswers(pub usize);

impl TryFrom<Points> for Calibration {
    type Error = String;

    fn try_from(Points(points): Points) -> Result<Self, String> {
        let within = |value: f64| (0.0..=1.0).contains(&value);
        let ascending =
            points.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1);
        if points.is_empty() || !ascending || !points.iter().all(|(x, y)| within(*x) && within(*y))
        {
            return Err(
                "a calibration is a list of [raw, share], both from 0 to 1, ascending".to_owned()
            );
        }
        Ok(Self { points })
    }
}

impl From<Calibration> for Points {
    fn from(calibration: Calibration) -> Self {
        Self(calibration.points)
    }
}

impl Calibration {
    /// Makes one, and tries it in five folds.
    ///
    /// # Errors
    /// Where there are fewer than fifty judged answers.
    pub fn fit(judged: &[Judged]) -> Result<(Self, CalibrationQuality), TooFewAnswers> {
        if judged.len() < FEWEST {
            return Err(TooFewAnswers(judged.len()));
        }
        let mut tried = Vec::with_capacity(judged.len());
        for fold in 0..FOLDS {
            let (mut others, mut own) = (Vec::new(), Vec::new());
            for (index, answer) in judged.iter().enumerate() {
                if index % FOLDS == fold { own.push(*answer) } else { others.push(*answer) }
            }
            let made = Self::of(&others);
            tried.extend(own.iter().map(|one| Judged { raw: made.apply(one.raw), ..*one }));
        }
        let quality = CalibrationQuality {
            answers: judged.len(),
            right: share(judged),
            raw_error: calibration_error(judged),
            error: calibration_error(&tried),
        };
        Ok((Self::of(judged), quality))
    }

    fn of(judged: &[Judged]) -> Self {
        let mut sorted = judged.to_vec();
        sorted.sort_by(|one, other| one.raw.total_cmp(&other.raw));
        let mut steps: Vec<Step> = Vec::new();
        // The last step takes what is left over.
        let whole = (sorted.len() / STEP).max(1);
        for number in 0..whole {
            let end = if number + 1 == whole { sorted.len() } else { (number + 1) * STEP };
            steps.push(Step::of(&sorted[number * STEP..end]));
            while let [.., before, last] = steps.as_slice()
                && (before.share() >= last.share() || before.middle() >= last.middle())
            {
                let joined = before.join(last);
                steps.truncate(steps.len() - 2);
                steps.push(joined);
            }
        }
        Self { points: steps.iter().map(|step| (step.middle(), step.share())).collect() }
    }

    /// The share of right answers among those with this raw value: between two
    /// points on the line between them, beyond them that of the nearest.
    #[must_use]
    pub fn apply(&self, raw: f64) -> f64 {
        let last = self.points.len() - 1;
        match self.points.iter().position(|(x, _)| *x >= raw) {
            Some(0) => self.points[0].1,
            None => self.points[last].1,
            Some(at) => {
                let ((x0, y0), (x1, y1)) = (self.points[at - 1], self.points[at]);
                y0 + (y1 - y0) * (raw - x0) / (x1 - x0)
            }
        }
    }
}

/// Answers that are taken together.
#[derive(Debug, Clone, Copy)]
struct Step {
    answers: f64,
    raw: f64,
    right: f64,
}

impl Step {
    fn of(group: &[Judged]) -> Self {
        let one = |right| if right { 1.0 } else { 0.0 };
        Self {
            answers: count(group.len()),
            raw: group.iter().map(|answer| answer.raw).sum(),
            right: group.iter().map(|answer| one(answer.right)).sum(),
        }
    }

    fn join(&self, other: &Self) -> Self {
        Self {
            answers: self.answers + other.answers,
            raw: self.raw + other.raw,
            right: self.right + other.right,
        }
    }

    fn middle(&self) -> f64 {
        (self.raw / self.answers).clamp(0.0, 1.0)
    }

    fn share(&self) -> f64 {
        self.right / self.answers
    }
}

/// A count as a number to reckon with; there are far fewer than 2^52.
fn count(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

fn share(judged: &[Judged]) -> f64 {
    Step::of(judged).share()
}

/// Expected calibration error over groups of as many answers each (Naeini et al.
/// 2015).
fn calibration_error(judged: &[Judged]) -> f64 {
    let mut sorted = judged.to_vec();
    sorted.sort_by(|one, other| one.raw.total_cmp(&other.raw));
    let size = sorted.len().div_ceil(BINS).max(1);
    let distance: f64 = sorted
        .chunks(size)
        .map(|group| {
            let step = Step::of(group);
            (step.raw / step.answers - step.share()).abs() * step.answers
        })
        .sum();
    distance / count(sorted.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(one: f64, other: f64) -> bool {
        (one - other).abs() < 1e-9
    }

    #[test]
    fn between_points_it_is_a_line_and_beyond_them_flat() {
        let calibration: Calibration =
            serde_json::from_str("[[0.5, 0.2], [0.9, 0.6], [1.0, 0.6]]").unwrap();
        for (raw, share) in [(0.1, 0.2), (0.5, 0.2), (0.7, 0.4), (0.95, 0.6), (1.0, 0.6)] {
            assert!(near(calibration.apply(raw), share), "{raw}");
        }
    }

    #[test]
    fn what_is_no_calibration_is_refused() {
        for wrong in ["[]", "[[0.5, 0.5], [0.4, 0.6]]", "[[0.1, 0.9], [0.2, 0.1]]", "[[0, 2]]"] {
            assert!(serde_json::from_str::<Calibration>(wrong).is_err(), "{wrong}");
        }
    }

    /// Answers whose share of right ones is the square of what the model says.
    fn overconfident() -> Vec<Judged> {
        (0..2000_u32)
            .map(|number| {
                let raw = f64::from(number % 100) / 100.0 + 0.005;
                let right = f64::from((number * 7919) % 1000) / 1000.0 < raw * raw;
                Judged { raw, right }
            })
            .collect()
    }

    #[test]
    fn a_model_that_is_too_sure_is_put_right() {
        let (calibration, quality) = Calibration::fit(&overconfident()).unwrap();
        assert!(quality.raw_error > 0.1, "{quality:?}");
        assert!(quality.error < 0.05, "{quality:?}");
        assert!((calibration.apply(0.8) - 0.64).abs() < 0.08, "{calibration:?}");
        let written = serde_json::to_string(&calibration).unwrap();
        assert_eq!(serde_json::from_str::<Calibration>(&written).unwrap(), calibration);
    }

    #[test]
    fn it_only_rises() {
        let (calibration, _) = Calibration::fit(&overconfident()).unwrap();
        let values: Vec<_> =
            (0..=100).map(|raw| calibration.apply(f64::from(raw) / 100.0)).collect();
        assert!(values.windows(2).all(|pair| pair[0] <= pair[1]));
    }

    #[test]
    fn few_answers_make_none() {
        let few = &overconfident()[..49];
        assert_eq!(Calibration::fit(few).unwrap_err(), TooFewAnswers(49));
    }

    #[test]
    fn answers_that_are_all_alike_make_one_step() {
        let alike = vec![Judged { raw: 1.0, right: true }; 60];
        let (calibration, quality) = Calibration::fit(&alike).unwrap();
        assert!(near(calibration.apply(0.3), 1.0) && near(quality.error, 0.0));
    }
}
