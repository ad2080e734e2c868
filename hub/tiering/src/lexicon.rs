//! Groups of words, and how words are found in them although a letter is wrong,
//! missing, doubled or has changed places with its neighbour.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::LazyLock;

use crate::grams::Fnv;
use crate::text::is_hangul;

mod groups;

pub(crate) use groups::GROUPS;

/// Words as short as that are compared exactly: too many others are alike.
const MIN_FUZZY: usize = 6;
/// More letters than that are not compared when words are alike.
const MAX_FUZZY: usize = 12;
/// Stems shorter than that are not looked for, but in Hangul.
const MIN_STEM: usize = 3;
/// So many words are looked for although they may be misspelt.
const MAX_TRIES: usize = 250;

/// How often each group occurs in the words of a text.
pub(crate) fn counts<'a>(words: impl Iterator<Item = &'a str>) -> Vec<u16> {
    let mut counts = vec![0_u16; GROUPS.len()];
    let mut tries = MAX_TRIES;
    for word in words.filter(|word| !word.starts_with(|first: char| first.is_ascii_digit())) {
        let mut mask = LEXICON.exactly(word);
        if mask == 0 && tries > 0 && word.len() >= MIN_FUZZY && word.is_ascii() {
            tries -= 1;
            mask = LEXICON.nearly(word);
        }
        while mask != 0 {
            let group = mask.trailing_zeros() as usize;
            mask &= mask - 1;
            if let Some(count) = counts.get_mut(group) {
                *count = count.saturating_add(1);
            }
        }
    }
    counts
}

static LEXICON: LazyLock<Lexicon> = LazyLock::new(Lexicon::of_groups);

/// Sets of groups, by the hash of a word.
type Table = HashMap<u64, u64, BuildHasherDefault<AsItIs>>;

struct Lexicon {
    words: Table,
    stems: Table,
    /// Words with one letter left out.
    near_words: Table,
    /// Stems with one letter left out.
    near_stems: Table,
}

impl Lexicon {
    fn of_groups() -> Self {
        let mut lexicon = Self {
            words: Table::default(),
            stems: Table::default(),
            near_words: Table::default(),
            near_stems: Table::default(),
        };
        for (number, group) in GROUPS.iter().enumerate() {
            let mask = 1 << number;
            for entry in group.words.split_whitespace() {
                lexicon.add(entry, mask);
            }
        }
        lexicon
    }

    fn add(&mut self, entry: &str, mask: u64) {
        let stem = entry.strip_suffix('*').unwrap_or(entry);
        // Korean puts its endings onto the word.
        let is_stem = stem.len() < entry.len() || stem.chars().any(is_hangul);
        let (exact, near) = if is_stem {
            (&mut self.stems, &mut self.near_stems)
        } else {
            (&mut self.words, &mut self.near_words)
        };
        *exact.entry(Fnv::of(stem.as_bytes())).or_default() |= mask;
        if stem.is_ascii() && stem.len() >= MIN_FUZZY {
            let shown = stem.as_bytes();
            let shown = shown.get(..MAX_FUZZY.min(shown.len())).unwrap_or(shown);
            for key in without_one(shown) {
                *near.entry(key).or_default() |= mask;
            }
            *near.entry(Fnv::of(shown)).or_default() |= mask;
        }
    }

    fn exactly(&self, word: &str) -> u64 {
        let mut mask = self.words.get(&Fnv::of(word.as_bytes())).copied().unwrap_or(0);
        let mut hash = Fnv::new();
        for (at, byte) in word.bytes().enumerate() {
            hash.add(u32::from(byte));
            if at + 1 >= MIN_STEM && word.is_char_boundary(at + 1) {
                mask |= self.stems.get(&hash.finish()).copied().unwrap_or(0);
            }
        }
        mask
    }

    /// Two words that differ by one letter too many, too few, wrong or out of
    /// place are the same once each has lost the right letter.
    fn nearly(&self, word: &str) -> u64 {
        let letters = word.as_bytes();
        let whole = letters.get(..MAX_FUZZY.min(letters.len())).unwrap_or(letters);
        let near = |table: &Table, key: u64| table.get(&key).copied().unwrap_or(0);
        let mut mask = near(&self.near_words, Fnv::of(whole));
        for key in without_one(whole) {
            mask |= near(&self.near_words, key);
        }
        if mask != 0 {
            return mask;
        }
        for length in (MIN_FUZZY..=whole.len()).rev() {
            let stem = whole.get(..length).unwrap_or(whole);
            mask |= near(&self.near_stems, Fnv::of(stem));
            for key in without_one(stem) {
                mask |= near(&self.near_stems, key);
            }
            if mask != 0 {
                return mask;
            }
        }
        mask
    }
}

/// The hashes of a word with each of its letters but the first left out: people
/// seldom get the first letter wrong.
fn without_one(word: &[u8]) -> impl Iterator<Item = u64> {
    (1..word.len()).map(move |left_out| {
        let mut hash = Fnv::new();
        for (at, byte) in word.iter().enumerate() {
            if at != left_out {
                hash.add(u32::from(*byte));
            }
        }
        hash.finish()
    })
}

/// Keys that are hashes already.
#[derive(Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<&'static str> {
        let counts = counts(text.split(' '));
        let found = GROUPS.iter().zip(counts).filter(|(_, count)| *count > 0);
        found.map(|(group, _)| group.name).collect()
    }

    #[test]
    fn words_and_stems_are_found() {
        assert_eq!(names("theorem"), ["proof"]);
        assert_eq!(names("translating"), ["transform"]);
        assert_eq!(names("증명하시오"), ["proof"]);
        assert!(names("xylophone").is_empty());
    }

    #[test]
    fn one_wrong_letter_does_not_hide_a_word() {
        for word in ["theroem", "theorm", "theoreem", "theorrm", "sumarize", "summraize"] {
            assert_eq!(names(word).len(), 1, "{word}: {:?}", names(word));
        }
        assert!(names("throne").is_empty());
    }

    #[test]
    fn the_groups_fit_a_set_of_bits_and_have_names_of_their_own() {
        assert!(GROUPS.len() <= 64);
        let mut names: Vec<_> = GROUPS.iter().map(|group| group.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), GROUPS.len());
        for group in GROUPS {
            for entry in group.words.split_whitespace() {
                let stem = entry.trim_end_matches('*');
                assert_eq!(stem.to_lowercase(), stem, "{entry} of {}", group.name);
                assert!(stem.len() >= MIN_STEM || stem == entry, "{entry}: too short a stem");
            }
        }
    }
}
