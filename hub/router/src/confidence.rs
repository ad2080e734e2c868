//! How sure a model is of an answer, from the probabilities of its tokens.
//!
//! The geometric mean of the tokens' probabilities is not yet the probability
//! that the answer is right: models are surer than they should be, each in its
//! own way. A calibration, measured for one model on questions whose answers are
//! known, says which share of the answers with such a mean was right. Without
//! one nothing is concluded.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// From raw values to shares of right answers, for one model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Points", into = "Points")]
pub struct Calibration {
    points: Vec<(f64, f64)>,
}

/// As it is written: pairs of a raw value and a share, ascending.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Points(Vec<(f64, f64)>);

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
    /// The share of right answers among those with this raw value: between two
    /// points on the line between them.
    #[must_use]
    pub fn apply(&self, raw: f64) -> f64 {
        let above = self.points.iter().position(|(x, _)| *x >= raw);
        match above {
            Some(0) => self.points[0].1,
            None => self.points[self.points.len() - 1].1,
            Some(at) => {
                let ((x0, y0), (x1, y1)) = (self.points[at - 1], self.points[at]);
                y0 + (y1 - y0) * (raw - x0) / (x1 - x0)
            }
        }
    }
}

/// The calibrations of models, by their names.
pub type Calibrations = BTreeMap<String, Calibration>;

/// The mean of an answer's logarithms, as its pieces come.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Mean {
    sum: f64,
    tokens: u32,
}

impl Mean {
    /// Takes the tokens of a piece, as OpenAI writes them.
    pub(crate) fn add(&mut self, logprobs: Option<&Value>) {
        let tokens = logprobs.and_then(|logprobs| logprobs["content"].as_array());
        for token in tokens.into_iter().flatten() {
            if let Some(logprob) = token["logprob"].as_f64() {
                self.sum += logprob;
                self.tokens += 1;
            }
        }
    }

    /// The geometric mean of the probabilities; none without tokens.
    pub(crate) fn raw(self) -> Option<f64> {
        (self.tokens > 0).then(|| (self.sum / f64::from(self.tokens)).exp().clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn between_points_it_is_a_line_and_beyond_them_flat() {
        let calibration: Calibration =
            serde_json::from_value(json!([[0.5, 0.2], [0.9, 0.6], [1.0, 0.6]])).unwrap();
        let near = |raw: f64, share: f64| (calibration.apply(raw) - share).abs() < 1e-9;
        assert!(near(0.1, 0.2) && near(0.5, 0.2) && near(0.7, 0.4) && near(0.95, 0.6));
        assert!(near(1.0, 0.6));
    }

    #[test]
    fn what_is_no_calibration_is_refused() {
        for wrong in [json!([]), json!([[0.5, 0.5], [0.4, 0.6]]), json!([[0.1, 0.9], [0.2, 0.1]])] {
            assert!(serde_json::from_value::<Calibration>(wrong).is_err());
        }
    }

    #[test]
    fn the_mean_is_that_of_all_tokens() {
        let mut mean = Mean::default();
        assert_eq!(mean.raw(), None);
        mean.add(Some(&json!({"content": [{"logprob": 0.0}, {"logprob": -1.0}]})));
        mean.add(None);
        mean.add(Some(&json!({"content": [{"logprob": -2.0}]})));
        assert!((mean.raw().unwrap() - (-1.0_f64).exp()).abs() < 1e-9);
    }
}
