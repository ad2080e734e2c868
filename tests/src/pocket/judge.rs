//! Whether a run did what was asked.

use super::answer::Answer;
use super::drive::Made;
use super::facts::base;
use super::truth::Expected;

/// Lines of a file, besides the one that was asked for, that an answer may hold.
const SPARE_LINES: usize = 2;
const MISSING: &[&str] = &["no ", "not ", "cannot "];
const REFUSED: &[&str] = &["cannot", "can't", "can not", "unable", "only"];

/// Whether a run did what was asked; one without an answer did not.
pub(crate) fn is_right(expected: &Expected, made: &Made) -> bool {
    let Some(answer) = &made.answer else { return false };
    let answer = Answer::new(answer);
    match expected {
        Expected::Named { wanted, others, none } => names(&answer, wanted, others, none),
        Expected::Lines { wanted, after } => {
            wanted.iter().all(|line| answer.holds(line))
                && after.as_ref().is_none_or(|line| !answer.holds(line))
        }
        Expected::Number(0) => answer.counts(0) || answer.says_any(&["no ", "none"]),
        Expected::Number(number) => answer.counts(*number),
        Expected::Text(text) => answer.holds(text),
        Expected::Moment { date, minute } => answer.contains(date) && answer.contains(minute),
        Expected::Before { winner, loser } => comes_first(&answer, winner, loser),
        Expected::Value { value, others } => {
            let told = others.iter().filter(|line| answer.holds(line)).count();
            answer.holds(value) && told <= SPARE_LINES
        }
        Expected::Missing => made.reads_only && answer.says_any(MISSING),
        Expected::Refusal => made.calls.is_empty() && answer.says_any(REFUSED),
    }
}

fn names(answer: &Answer, wanted: &[String], others: &[String], none: &[&str]) -> bool {
    // Names are compared as answers are.
    let same = |left: &str, right: &str| left.to_lowercase() == right.to_lowercase();
    let shared = |path: &str| wanted.iter().filter(|other| same(base(other), base(path))).count();
    let is_named = |path: &String| {
        // One name for two things names neither.
        let found = if shared(path) > 1 { answer.find_path(path) } else { answer.find(path) };
        found.is_some()
    };
    let is_told = |path: &String| {
        // The name of a wanted file elsewhere is that one's.
        let found = match (shared(path) > 0, path.contains('/')) {
            (true, true) => answer.find_path(path),
            (true, false) => None,
            (false, _) => answer.find(path),
        };
        found.is_some()
    };
    let said_none = !wanted.is_empty() || answer.says_any(none);
    said_none && wanted.iter().all(is_named) && !others.iter().any(is_told)
}

fn comes_first(answer: &Answer, winner: &str, loser: &str) -> bool {
    let place = |path: &str| {
        let alike = base(winner).to_lowercase() == base(loser).to_lowercase();
        if alike { answer.find_path(path) } else { answer.find(path) }
    };
    match (place(winner), place(loser)) {
        (Some(winner), Some(loser)) => winner < loser,
        (winner, _) => winner.is_some(),
    }
}
