//! The figures.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hasher as _};

use agentos_tiering::fit::{self, Example};
use agentos_tiering::{Outcomes, Request, decide};
use nix::time::{ClockId, clock_gettime};
use serde::Serialize;

use crate::curve::{Curve, Question};
use crate::public::Sets;

/// Random routers whose mean is reported.
const SEEDS: u64 = 20;
/// So many words in a row that an own request shares with a public question
/// would mean that it was copied.
const SEQUENCE: usize = 10;

/// All that is measured.
#[derive(Debug, Serialize)]
pub struct Figures {
    /// On MMLU; none without the data.
    pub mmlu: Option<SetFigures>,
    /// On GSM8K; none without the data.
    pub gsm8k: Option<SetFigures>,
    /// The mean CPU time of a decision, in microseconds.
    pub cpu_us: f64,
    /// The time that one decision in a hundred exceeds, in microseconds.
    pub cpu_p99_us: f64,
    /// On the project's own requests, by weights made without them.
    pub own: fit::Check,
    /// Own requests that share ten words in a row with a public question.
    pub copied: Vec<String>,
}

/// What is measured on a public set.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct SetFigures {
    /// Questions.
    pub questions: usize,
    /// The share that the weak model gets right.
    pub weak: f64,
    /// The share that the strong model gets right.
    pub strong: f64,
    /// The share that one of the two gets right.
    pub oracle: f64,
    /// APGR of the decision's score.
    pub apgr: f64,
    /// The share of strong calls for half of the gap.
    pub cpt50: f64,
    /// The share of strong calls for four fifths of the gap.
    pub cpt80: f64,
    /// APGR of the length of the prompt.
    pub length: f64,
    /// Its share of strong calls for half of the gap.
    pub length_cpt50: f64,
    /// Its share of strong calls for four fifths of the gap.
    pub length_cpt80: f64,
    /// APGR of chance.
    pub random: f64,
    /// The share that is decided as smart.
    pub smart: f64,
}

/// Measures everything that there is data for.
///
/// # Errors
/// Where the own requests or the clock cannot be read.
pub fn measure(sets: Option<&Sets>) -> anyhow::Result<Figures> {
    let examples = fit::examples()?;
    let mut texts: Vec<&str> = examples.iter().map(|example| example.text.as_str()).collect();
    if let Some(sets) = sets {
        texts.extend(sets.mmlu.iter().chain(&sets.gsm8k).map(|question| question.text.as_str()));
    }
    let (cpu_us, cpu_p99_us) = costs(&texts)?;
    Ok(Figures {
        mmlu: sets.map(|sets| set_figures(&sets.mmlu)),
        gsm8k: sets.map(|sets| set_figures(&sets.gsm8k)),
        cpu_us,
        cpu_p99_us,
        own: fit::check(&examples),
        copied: sets.map(|sets| copied(&examples, sets)).unwrap_or_default(),
    })
}

fn set_figures(questions: &[Question]) -> SetFigures {
    let all = questions.len().max(1) as f64;
    let share = |holds: &dyn Fn(&Question) -> bool| {
        questions.iter().filter(|question| holds(question)).count() as f64 / all
    };
    let curve = |score: &mut dyn FnMut(&Question) -> f64| {
        let gain = |question: &Question| i32::from(question.strong) - i32::from(question.weak);
        Curve::of(questions.iter().map(|question| (score(question), gain(question))).collect())
    };
    let none = Outcomes::default();
    let score =
        |question: &Question| f64::from(decide(&Request::text(&question.text), &none).score);
    let ours = curve(&mut |question| score(question));
    let length = curve(&mut |question| question.text.chars().count() as f64);
    let random = (1..=SEEDS).map(|seed| {
        let mut number = 0_u64;
        let random = curve(&mut |_| {
            number += 1;
            hash(&(seed, number)) as f64
        });
        random.area()
    });
    SetFigures {
        questions: questions.len(),
        weak: share(&|question| question.weak),
        strong: share(&|question| question.strong),
        oracle: share(&|question| question.weak || question.strong),
        apgr: ours.area(),
        cpt50: ours.share_for(0.5),
        cpt80: ours.share_for(0.8),
        length: length.area(),
        length_cpt50: length.share_for(0.5),
        length_cpt80: length.share_for(0.8),
        random: random.sum::<f64>() / SEEDS as f64,
        smart: share(&|question| score(question) >= 0.5),
    }
}

/// The mean CPU time of a decision and its 99th percentile, in microseconds.
fn costs(texts: &[&str]) -> anyhow::Result<(f64, f64)> {
    let none = Outcomes::default();
    let now = || clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID);
    // Tables are made at the first decision.
    let mut reasons = decide(&Request::text("first"), &none).reasons.len();
    let mut costs = Vec::with_capacity(texts.len());
    for text in texts {
        let begin = now()?;
        reasons += decide(&Request::text(text), &none).reasons.len();
        let spent = now()? - begin;
        costs.push(spent.tv_sec() as f64 * 1e6 + spent.tv_nsec() as f64 / 1e3);
    }
    std::hint::black_box(reasons);
    costs.sort_by(f64::total_cmp);
    let mean = costs.iter().sum::<f64>() / costs.len().max(1) as f64;
    Ok((mean, costs.get(costs.len() * 99 / 100).copied().unwrap_or(0.0)))
}

fn hash(value: &impl std::hash::Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// The hashes of all sequences of words.
fn sequences(text: &str) -> HashSet<u64> {
    let lower = text.to_lowercase();
    let words: Vec<&str> = lower.split(|sign: char| !sign.is_alphanumeric()).collect();
    let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
    words.windows(SEQUENCE).map(|words| hash(&words)).collect()
}

fn copied(examples: &[Example], sets: &Sets) -> Vec<String> {
    let mut public = HashSet::new();
    for question in sets.mmlu.iter().chain(&sets.gsm8k) {
        public.extend(sequences(&question.text));
    }
    let shares = |example: &&Example| !sequences(&example.text).is_disjoint(&public);
    examples.iter().filter(shares).map(|example| example.text.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(text: &str, weak: bool, strong: bool) -> Question {
        Question { text: text.to_owned(), weak, strong }
    }

    #[test]
    fn figures_are_those_of_the_questions() {
        let questions = [
            question("Prove that the sum of two compact operators is compact.", false, true),
            question("Say hello.", true, true),
            question("Name a colour.", true, false),
            question("Derive the general solution of the wave equation.", false, true),
        ];
        let figures = set_figures(&questions);
        assert_eq!((figures.weak, figures.strong, figures.oracle), (0.5, 0.75, 1.0));
        assert!(figures.apgr > 0.9 && figures.random < figures.apgr, "{figures:?}");
    }

    #[test]
    fn what_was_copied_is_found() {
        let mut examples = fit::examples().unwrap();
        examples.retain(|example| example.text.split(' ').count() > 20);
        let text = examples.first().map(|example| example.text.to_uppercase()).unwrap();
        let sets = Sets { mmlu: vec![question(&text, true, true)], gsm8k: Vec::new() };
        let found = copied(&examples, &sets);
        assert_eq!(found.len(), 1);
        let none = Sets { mmlu: vec![question("Is it?", true, true)], gsm8k: Vec::new() };
        assert!(copied(&examples, &none).is_empty());
    }
}
