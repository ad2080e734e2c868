//! How the weights are made: from the requests in `data/requests.jsonl`, by
//! logistic regression with a quadratic penalty. Deterministic, in seconds.
//!
//! Each request has a grade from 0 (any model can do it) to 4 (surely needs a
//! strong one), by the question whether a local model of 1.7 to 8 billion
//! parameters probably gets it wrong where a frontier model gets it right.
//! Grades are targets of the regression; from 2 on a request counts as smart.
//! Each request is seen a few times more with typing errors.

mod check;
mod solve;

pub use check::{Check, check};

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::features::Features;
use crate::grams::{BUCKETS, Fnv};
use crate::model::{File, Model, Weight, to_hex};
use crate::request::Request;
use crate::typos::with_typos;
use solve::{Problem, Row};

/// The requests, one JSON object a line.
const REQUESTS: &str = include_str!("../../data/requests.jsonl");
/// The probability that the strong model is needed, by grade.
const TARGETS: [f64; 5] = [0.03, 0.2, 0.55, 0.85, 0.97];
/// The lowest grade that counts as smart.
const SMART: u8 = 2;
/// Copies with typing errors, and how much each counts.
const MISSPELT: u64 = 2;
const MISSPELT_WEIGHT: f64 = 0.5;
/// Penalties on the weights, chosen by cross-validation on the project's own
/// requests: of a feature in units of its spread, and of a piece of a word.
const PENALTY: f64 = 1.0;
const GRAM_PENALTY: f64 = 1.0;

/// Why the requests cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum FitError {
    /// A line is no request.
    #[error("requests.jsonl, line {line}: {source}")]
    Line {
        /// Which line, from 1.
        line: usize,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A grade is too high.
    #[error("requests.jsonl, line {line}: grade {grade}: give 0 to 4")]
    Grade {
        /// Which line, from 1.
        line: usize,
        /// What it says.
        grade: u8,
    },
}

/// A request with its grade.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Example {
    /// 0 to 4; see the module.
    pub grade: u8,
    /// What the author took it for: only for reports.
    pub kind: String,
    /// `en`, `de` or `ko`: only for reports.
    pub lang: String,
    /// The message of the user.
    pub text: String,
    /// As in [`Request`].
    #[serde(default)]
    pub turns: usize,
    /// As in [`Request`].
    #[serde(default)]
    pub tools: usize,
    /// As in [`Request`].
    #[serde(default)]
    pub files: usize,
    /// As in [`Request`].
    #[serde(default)]
    pub json: bool,
    /// As in [`Request`].
    #[serde(default)]
    pub max_tokens: Option<u32>,
}

impl Example {
    /// The request, with another text in place of its own.
    #[must_use]
    pub fn with_text<'a>(&self, text: &'a str) -> Request<'a> {
        Request {
            text,
            system: None,
            turns: self.turns,
            tools: self.tools,
            files: self.files,
            wants_json: self.json,
            max_tokens: self.max_tokens,
        }
    }

    /// The request.
    #[must_use]
    pub fn request(&self) -> Request<'_> {
        self.with_text(&self.text)
    }

    /// Whether it should be smart.
    #[must_use]
    pub fn is_smart(&self) -> bool {
        self.grade >= SMART
    }
}

/// The requests that the weights are made from.
///
/// # Errors
/// Where a line cannot be read.
pub fn examples() -> Result<Vec<Example>, FitError> {
    let mut examples = Vec::new();
    for (line, text) in (1..).zip(REQUESTS.lines()) {
        let example: Example =
            serde_json::from_str(text).map_err(|source| FitError::Line { line, source })?;
        if usize::from(example.grade) >= TARGETS.len() {
            return Err(FitError::Grade { line, grade: example.grade });
        }
        examples.push(example);
    }
    Ok(examples)
}

/// The hash of the requests, by which weights of other requests are noticed.
#[must_use]
pub fn data_hash() -> String {
    format!("{:016x}", Fnv::of(REQUESTS.as_bytes()))
}

/// Makes the weights.
#[must_use]
pub fn fit(examples: &[Example]) -> Model {
    let examples: Vec<&Example> = examples.iter().collect();
    fit_these(&examples)
}

pub(crate) fn fit_these(examples: &[&Example]) -> Model {
    let mut rows = Vec::new();
    for example in examples {
        let target = TARGETS.get(usize::from(example.grade)).copied().unwrap_or(0.5);
        let row = |text: &str, weight| Row {
            features: Features::of(&example.with_text(text)),
            target,
            weight,
        };
        rows.push(row(&example.text, 1.0));
        for seed in 1..=MISSPELT {
            rows.push(row(&with_typos(&example.text, seed), MISSPELT_WEIGHT));
        }
    }
    let problem = Problem::of(&rows);
    let solution = problem.solve(PENALTY, GRAM_PENALTY);
    let names = rows.first().map(|row| row.features.dense.iter().map(|one| one.name));
    let dense: BTreeMap<String, Weight> = names
        .into_iter()
        .flatten()
        .zip(solution.dense)
        .map(|(name, (weight, mean))| (name.to_owned(), Weight(rounded(weight), rounded(mean))))
        .collect();
    let largest = solution.grams.iter().fold(0.0_f64, |largest, weight| largest.max(weight.abs()));
    let step = rounded(largest / 127.0).max(f32::MIN_POSITIVE);
    let grams: Vec<i8> =
        solution.grams.iter().map(|weight| (weight / f64::from(step)).round() as i8).collect();
    debug_assert_eq!(grams.len(), BUCKETS, "one weight a bucket");
    let bias = rounded(solution.bias);
    let file = File { data: data_hash(), bias, step, dense, grams: to_hex(&grams) };
    Model::of(file, grams)
}

/// Six places are more than the requests can tell.
fn rounded(value: f64) -> f32 {
    ((value * 1e6).round() / 1e6) as f32
}
