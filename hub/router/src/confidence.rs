//! How sure a model is of an answer, from the probabilities of its tokens.
//!
//! The geometric mean of them is put right by the model's calibration. Without
//! one nothing is concluded: an answer is then neither sure nor unsure.

use std::collections::BTreeMap;

use agentos_domain::Calibration;
use serde_json::Value;

/// The calibrations of models, by the names that their answers tell.
pub type Calibrations = BTreeMap<String, Calibration>;

/// The mean of an answer's logarithms, as its pieces come.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Mean {
    sum: f64,
    tokens: u32,
    /// What the engine itself says of all tokens, also of those that were no
    /// text.
    told: Option<f64>,
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

    /// Takes what the engine says.
    pub(crate) fn tell(&mut self, mean: f64) {
        self.told = Some(mean);
    }

    /// The geometric mean of the probabilities; none where nothing is known.
    pub(crate) fn raw(self) -> Option<f64> {
        let own = (self.tokens > 0).then(|| (self.sum / f64::from(self.tokens)).exp());
        self.told.or(own).map(|mean| mean.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_mean_is_that_of_all_tokens() {
        let mut mean = Mean::default();
        assert_eq!(mean.raw(), None);
        mean.add(Some(&json!({"content": [{"logprob": 0.0}, {"logprob": -1.0}]})));
        mean.add(None);
        mean.add(Some(&json!({"content": [{"logprob": -2.0}]})));
        assert!((mean.raw().unwrap() - (-1.0_f64).exp()).abs() < 1e-9);
        mean.tell(0.25);
        assert_eq!(mean.raw(), Some(0.25));
    }
}
