//! How well requests are judged that the weights were not made from.

use serde::Serialize;

use super::{Example, data_hash, fit_these};
use crate::decide::decide_with;
use crate::grams::Fnv;
use crate::model::Model;
use crate::outcomes::Outcomes;
use crate::typos::with_typos;

/// The requests are parted into so many; each part is judged by weights that
/// were made from the others.
const FOLDS: u64 = 5;
/// Seeds of typing errors that the fit does not use.
const SEEDS: std::ops::Range<u64> = 101..106;

/// What the cross-validation found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Check {
    /// How many requests there are.
    pub requests: usize,
    /// The share that is decided as its grade says.
    pub accuracy: f64,
    /// The chance that of a smart and a fast request the smart one has the
    /// higher score.
    pub auc: f64,
    /// The same among the questions with options alone.
    pub auc_choice: f64,
    /// The same among the word problems alone.
    pub auc_word_problems: f64,
    /// The mean of the squared error of the score as a probability.
    pub brier: f64,
    /// The share of decisions that stay the same with typing errors.
    pub typos_unchanged: f64,
    /// Which requests these are.
    pub data: String,
}

struct Judged<'a> {
    example: &'a Example,
    score: f64,
    right: bool,
}

/// Judges each request by weights that were made without it.
#[must_use]
pub fn check(examples: &[Example]) -> Check {
    let fold_of = |example: &Example| Fnv::of(example.text.as_bytes()) % FOLDS;
    let (mut judged, mut same, mut tried) = (Vec::new(), 0_usize, 0_usize);
    for fold in 0..FOLDS {
        let (held, rest): (Vec<&Example>, Vec<&Example>) =
            examples.iter().partition(|example| fold_of(example) == fold);
        let model = fit_these(&rest);
        for example in held {
            let (one, unchanged) = judge(&model, example);
            judged.push(one);
            same += unchanged;
            tried += SEEDS.count();
        }
    }
    let all = judged.len().max(1) as f64;
    let right = judged.iter().filter(|one| one.right).count();
    let error =
        |one: &Judged<'_>| (one.score - f64::from(u8::from(one.example.is_smart()))).powi(2);
    Check {
        requests: judged.len(),
        accuracy: right as f64 / all,
        auc: auc(judged.iter()),
        auc_choice: auc(judged.iter().filter(|one| one.example.kind == "choice")),
        auc_word_problems: auc(judged.iter().filter(|one| one.example.kind == "word")),
        brier: judged.iter().map(error).sum::<f64>() / all,
        typos_unchanged: same as f64 / tried.max(1) as f64,
        data: data_hash(),
    }
}

/// A request judged, and with how many sets of typing errors it stays the same.
fn judge<'a>(model: &Model, example: &'a Example) -> (Judged<'a>, usize) {
    let none = Outcomes::default();
    let decision = decide_with(model, &example.request(), &none);
    let same = SEEDS.filter(|seed| {
        let text = with_typos(&example.text, *seed);
        decide_with(model, &example.with_text(&text), &none).tier == decision.tier
    });
    let unchanged = same.count();
    let smart = decision.tier == crate::request::Wanted::Smart;
    let right = smart == example.is_smart();
    (Judged { example, score: f64::from(decision.score), right }, unchanged)
}

/// The area under the curve of true over false alarms; ties count half.
fn auc<'a>(judged: impl Iterator<Item = &'a Judged<'a>>) -> f64 {
    let (smart, fast): (Vec<_>, Vec<_>) = judged.partition(|one| one.example.is_smart());
    let mut won = 0.0;
    for one in &smart {
        for other in &fast {
            won += match one.score.total_cmp(&other.score) {
                std::cmp::Ordering::Greater => 1.0,
                std::cmp::Ordering::Equal => 0.5,
                std::cmp::Ordering::Less => 0.0,
            };
        }
    }
    let pairs = smart.len() * fast.len();
    if pairs == 0 { 0.5 } else { won / pairs as f64 }
}
