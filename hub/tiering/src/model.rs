//! The weights, and the score that they give.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::features::Features;
use crate::grams::BUCKETS;
use crate::reason::Topic;
use crate::request::Request;

/// The weights that are part of the program.
const SHIPPED: &str = include_str!("../data/weights.json");

/// Why a file of weights cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// It is not the JSON that was expected.
    #[error("weights: {0}; make them anew by `cargo xtask fit-router`")]
    Json(#[from] serde_json::Error),
    /// The weights of the pieces of words are not as many as they should be.
    #[error(
        "weights: {0} weights of pieces, not {BUCKETS}; make them anew by `cargo xtask fit-router`"
    )]
    Grams(usize),
}

/// A logistic regression over the features of a request.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    pub(crate) file: File,
    /// The weights of the dense features, in their order.
    dense: Vec<Weight>,
    grams: Vec<i8>,
}

/// A weight of a feature, and the feature's mean over the requests of the fit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, Default)]
pub(crate) struct Weight(pub(crate) f32, pub(crate) f32);

/// The weights as they are written.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct File {
    /// The hash of the requests that the weights were made from.
    pub(crate) data: String,
    /// The score of a usual request.
    pub(crate) bias: f32,
    /// What one unit of a piece's weight counts.
    pub(crate) step: f32,
    pub(crate) dense: BTreeMap<String, Weight>,
    /// The weights of the pieces, two hexadecimal digits each.
    pub(crate) grams: String,
}

/// A score, and what made it.
#[derive(Debug, Clone)]
pub(crate) struct Scored {
    /// In log-odds.
    pub(crate) logit: f32,
    /// What each topic added: for people, not to be summed up.
    pub(crate) topics: BTreeMap<Topic, f32>,
}

impl Model {
    /// The weights that are part of the program.
    pub fn shipped() -> &'static Self {
        static MODEL: LazyLock<Model> =
            // A test holds that they can be read; without them all is smart.
            LazyLock::new(|| {
                Model::parse(SHIPPED).unwrap_or_else(|_| Model::of(File::default(), Vec::new()))
            });
        &MODEL
    }

    /// Reads a file of weights. Features that it does not name count nothing.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn parse(text: &str) -> Result<Self, ModelError> {
        let file: File = serde_json::from_str(text)?;
        let grams = from_hex(&file.grams);
        if grams.len() != BUCKETS {
            return Err(ModelError::Grams(grams.len()));
        }
        Ok(Self::of(file, grams))
    }

    pub(crate) fn of(file: File, grams: Vec<i8>) -> Self {
        let features = Features::of(&Request::default()).dense;
        let dense =
            features.iter().map(|one| file.dense.get(one.name).copied().unwrap_or_default());
        Self { dense: dense.collect(), file, grams }
    }

    /// The file of weights.
    ///
    /// # Errors
    /// Where a weight is not a number.
    pub fn to_text(&self) -> Result<String, ModelError> {
        let mut text = serde_json::to_string_pretty(&self.file)?;
        text.push('\n');
        Ok(text)
    }

    /// The probability that the strong model is needed, by the weights alone.
    #[must_use]
    pub fn score(&self, request: &Request<'_>) -> f32 {
        probability(self.scored(&Features::of(request)).logit)
    }

    /// The hash of the requests that the weights were made from.
    #[must_use]
    pub fn data(&self) -> &str {
        &self.file.data
    }

    pub(crate) fn scored(&self, features: &Features) -> Scored {
        let mut topics = BTreeMap::new();
        let mut logit = self.file.bias;
        for (feature, Weight(weight, mean)) in features.dense.iter().zip(&self.dense) {
            let part = weight * (feature.value - mean);
            logit += part;
            let told = if feature.topic.is_everywhere() { part } else { weight * feature.value };
            *topics.entry(feature.topic).or_insert(0.0) += told;
        }
        let weight = |bucket: &u16| self.grams.get(usize::from(*bucket)).copied().unwrap_or(0);
        let sum: i32 = features.grams.iter().map(|bucket| i32::from(weight(bucket))).sum();
        let part = sum as f32 * self.file.step * features.gram;
        *topics.entry(Topic::Wording).or_insert(0.0) += part;
        Scored { logit: logit + part, topics }
    }
}

/// The probability that log-odds stand for.
pub(crate) fn probability(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}

pub(crate) fn to_hex(grams: &[i8]) -> String {
    grams.iter().map(|weight| format!("{:02x}", weight.cast_unsigned())).collect()
}

/// What is no digit ends it; the caller counts.
fn from_hex(text: &str) -> Vec<i8> {
    let pairs = text.as_bytes().chunks_exact(2);
    let bytes = pairs.map_while(|pair| {
        let pair = std::str::from_utf8(pair).ok()?;
        u8::from_str_radix(pair, 16).ok()
    });
    bytes.map(u8::cast_signed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_digits_are_read_as_written() {
        let grams = [0, 1, -1, 127, -127, -128];
        assert_eq!(to_hex(&grams), "0001ff7f8180");
        assert_eq!(from_hex(&to_hex(&grams)), grams);
        assert_eq!(from_hex("01zz02"), [1]);
    }

    #[test]
    fn a_file_that_is_damaged_is_refused() {
        let shipped = Model::shipped().to_text().unwrap();
        assert_eq!(&Model::parse(&shipped).unwrap(), Model::shipped());
        assert!(matches!(Model::parse("{"), Err(ModelError::Json(_))));
        let cut = shipped.replacen("\"grams\": \"", "\"grams\": \"!", 1);
        assert!(matches!(Model::parse(&cut), Err(ModelError::Grams(_))));
    }
}
