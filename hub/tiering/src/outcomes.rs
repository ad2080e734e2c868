//! What came of earlier decisions, and how far that shifts later ones.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::kind::Kind;
use crate::request::Wanted;

/// The most that outcomes shift a score, in log-odds: at one, an even chance
/// becomes 73 %.
const MAX_SHIFT: f32 = 1.0;
/// How much more often the strong model has to be better before it is worth
/// more, per log-odds.
const GAIN: f32 = 4.0;
/// Endings that are assumed before any was seen.
const ASSUMED: f32 = 20.0;
/// The share of bad ones among them, on the fast tier …
const BAD_FAST: f32 = 0.15;
/// … and on the smart one.
const BAD_SMART: f32 = 0.05;
/// At so many endings of a kind the older ones begin to fade.
const MANY: u32 = 200;

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// As it should.
    Good,
    /// The answer failed its validation, was not confident enough and went to
    /// another model, or the user asked again.
    Bad,
}

/// Counts of endings, for each kind of request and each tier. The caller stores
/// them; as JSON they are an object of a few hundred bytes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Outcomes {
    kinds: BTreeMap<Kind, Tiers>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct Tiers {
    fast: Tally,
    smart: Tally,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct Tally {
    good: u32,
    bad: u32,
}

impl Outcomes {
    /// Counts one ending of a request that was served by `tier`.
    pub fn record(&mut self, kind: Kind, tier: Wanted, ending: Ending) {
        let tiers = self.kinds.entry(kind).or_default();
        match tier {
            Wanted::Fast => tiers.fast.add(ending),
            Wanted::Smart => tiers.smart.add(ending),
        }
    }

    /// By how much the score of this kind of request moves, in log-odds: up
    /// where the fast tier ended badly more often than was assumed, down where
    /// less. Where the smart tier fails as often, it is no remedy, and nothing
    /// is gained. Bounded, and nothing without a record.
    #[must_use]
    pub fn shift(&self, kind: Kind) -> f32 {
        let Some(tiers) = self.kinds.get(&kind) else { return 0.0 };
        let better = tiers.fast.bad_share(BAD_FAST) - tiers.smart.bad_share(BAD_SMART);
        let shift = GAIN * (better - (BAD_FAST - BAD_SMART));
        shift.clamp(-MAX_SHIFT, MAX_SHIFT)
    }
}

impl Tally {
    fn add(&mut self, ending: Ending) {
        if self.good.saturating_add(self.bad) >= MANY {
            self.good /= 2;
            self.bad /= 2;
        }
        match ending {
            Ending::Good => self.good = self.good.saturating_add(1),
            Ending::Bad => self.bad = self.bad.saturating_add(1),
        }
    }

    /// The share of bad endings, drawn towards what is assumed while there are
    /// few.
    fn bad_share(self, assumed: f32) -> f32 {
        let (good, bad) = (self.good as f32, self.bad as f32);
        (bad + ASSUMED * assumed) / (good + bad + ASSUMED)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn recorded(fast: (usize, usize), smart: (usize, usize)) -> f32 {
        let mut outcomes = Outcomes::default();
        for (tier, (good, bad)) in [(Wanted::Fast, fast), (Wanted::Smart, smart)] {
            (0..good).for_each(|_| outcomes.record(Kind::Code, tier, Ending::Good));
            (0..bad).for_each(|_| outcomes.record(Kind::Code, tier, Ending::Bad));
        }
        assert_eq!(outcomes.shift(Kind::Chat), 0.0, "another kind is not concerned");
        outcomes.shift(Kind::Code)
    }

    #[test]
    fn bad_endings_move_the_score_up_and_good_ones_down() {
        assert_eq!(recorded((0, 0), (0, 0)), 0.0);
        assert!(recorded((20, 20), (0, 0)) > 0.5);
        assert!(recorded((40, 0), (0, 0)) < -0.2);
        // One bad ending by itself says little.
        assert!(recorded((0, 1), (0, 0)) < 0.2);
    }

    #[test]
    fn what_the_strong_model_fails_at_as_well_is_not_sent_to_it() {
        assert!(recorded((20, 20), (20, 20)) < recorded((20, 20), (40, 0)));
        assert!(recorded((20, 20), (20, 20)) < 0.0);
    }

    #[test]
    fn old_outcomes_fade() {
        let mut outcomes = Outcomes::default();
        (0..10_000).for_each(|_| outcomes.record(Kind::Code, Wanted::Fast, Ending::Bad));
        assert_eq!(outcomes.shift(Kind::Code), MAX_SHIFT);
        (0..400).for_each(|_| outcomes.record(Kind::Code, Wanted::Fast, Ending::Good));
        assert!(outcomes.shift(Kind::Code) < 0.1);
    }

    #[test]
    fn they_are_stored_as_json() {
        let mut outcomes = Outcomes::default();
        outcomes.record(Kind::WordProblem, Wanted::Fast, Ending::Bad);
        let text = serde_json::to_string(&outcomes).unwrap();
        let expected = r#"{"word_problem":{"fast":{"good":0,"bad":1},"smart":{"good":0,"bad":0}}}"#;
        assert_eq!(text, expected);
        assert_eq!(serde_json::from_str::<Outcomes>(&text).unwrap(), outcomes);
    }

    proptest! {
        #[test]
        fn the_shift_is_bounded(fast in any::<(u32, u32)>(), smart in any::<(u32, u32)>()) {
            let tally = |(good, bad)| Tally { good, bad };
            let tiers = Tiers { fast: tally(fast), smart: tally(smart) };
            let outcomes = Outcomes { kinds: BTreeMap::from([(Kind::Code, tiers)]) };
            let shift = outcomes.shift(Kind::Code);
            prop_assert!(shift.abs() <= MAX_SHIFT, "{shift}");
        }

        #[test]
        fn one_more_bad_ending_never_moves_it_down(good in 0..90_u32, bad in 0..90_u32) {
            let at = |bad| {
                let tiers = Tiers { fast: Tally { good, bad }, smart: Tally::default() };
                Outcomes { kinds: BTreeMap::from([(Kind::Code, tiers)]) }.shift(Kind::Code)
            };
            prop_assert!(at(bad + 1) >= at(bad));
        }
    }
}
