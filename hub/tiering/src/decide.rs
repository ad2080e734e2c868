//! The decision: rules first, then the score.

use crate::features::Features;
use crate::model::{Model, probability};
use crate::outcomes::Outcomes;
use crate::reason::{Reason, thousands};
use crate::request::{Decision, Request, Wanted};

/// From here on a request is smart.
const THRESHOLD: f32 = 0.5;
/// More characters than that do not fit beside an answer into the few thousand
/// tokens that a small model is given.
const MAX_FAST: usize = 60_000;
/// So many topics are told.
const MAX_REASONS: usize = 3;
/// A topic that moved the score by less is not worth telling.
const WORTH_TELLING: f32 = 0.1;

/// Decides by the weights that are part of the program, and by what came of
/// earlier decisions.
#[must_use]
pub fn decide(request: &Request<'_>, outcomes: &Outcomes) -> Decision {
    decide_with(Model::shipped(), request, outcomes)
}

/// Decides by other weights.
#[must_use]
pub fn decide_with(model: &Model, request: &Request<'_>, outcomes: &Outcomes) -> Decision {
    let features = Features::of(request);
    let kind = features.kind;
    if let Some((tier, reason)) = ruled(request, features.words) {
        let score = if tier == Wanted::Smart { 1.0 } else { 0.0 };
        return Decision { tier, score, kind, reasons: vec![reason] };
    }
    let scored = model.scored(&features);
    let shift = outcomes.shift(kind);
    let score = probability(scored.logit + shift);
    let tier = if score >= THRESHOLD { Wanted::Smart } else { Wanted::Fast };
    let topics = scored.topics.iter();
    let mut reasons: Vec<Reason> =
        topics.map(|(topic, weight)| topic.reason(*weight, features.words)).collect();
    if shift != 0.0 {
        let often = if shift > 0.0 { "often" } else { "seldom" };
        let text = format!("{} {often} went wrong on the fast tier", kind.plural());
        reasons.push(Reason { word: "outcomes".to_owned(), text, weight: shift });
    }
    Decision { tier, score, kind, reasons: weightiest(reasons, tier) }
}

/// What needs no judgement.
fn ruled(request: &Request<'_>, words: usize) -> Option<(Wanted, Reason)> {
    if !request.text.contains(char::is_alphanumeric) && request.files == 0 {
        return Some((Wanted::Fast, Reason::rule("empty", "no words")));
    }
    // Bytes are looked at first: they are counted already.
    if request.text.len() > MAX_FAST && request.text.chars().nth(MAX_FAST).is_some() {
        let text = format!("{} words are more than a small model reads", thousands(words));
        return Some((Wanted::Smart, Reason::rule("too_long", text)));
    }
    None
}

/// The topics that moved the score most in the direction of the decision. Where
/// none did, many small signs decided, and that is told.
fn weightiest(mut reasons: Vec<Reason>, tier: Wanted) -> Vec<Reason> {
    let towards = |weight: f32| if tier == Wanted::Smart { weight } else { -weight };
    reasons.retain(|reason| towards(reason.weight) >= WORTH_TELLING);
    reasons.sort_by(|one, other| {
        let order = towards(other.weight).total_cmp(&towards(one.weight));
        order.then_with(|| one.word.cmp(&other.word))
    });
    reasons.truncate(MAX_REASONS);
    if reasons.is_empty() {
        reasons.push(Reason::rule("usual", "nothing out of the ordinary, many small signs"));
    }
    reasons
}
