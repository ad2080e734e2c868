//! Pieces of words, hashed. They say what the lexicon does not know, and a
//! wrong letter changes only few of them.

use crate::text::Text;

/// Buckets that the pieces fall into.
pub(crate) const BUCKETS: usize = 4_096;
/// Words that are taken apart: what is asked for is said early.
const WORDS: usize = 250;
/// Letters in a piece, the marks at the ends of the word included.
const SIZES: std::ops::RangeInclusive<usize> = 3..=5;

/// The buckets of a text, each once, in order.
pub(crate) fn grams(text: &Text) -> Vec<u16> {
    let mut seen = vec![false; BUCKETS];
    let mut marked = Vec::new();
    for word in text.words().take(WORDS) {
        marked.clear();
        marked.push('^');
        // How large a number is, is counted elsewhere.
        marked.extend(word.chars().map(|sign| if sign.is_ascii_digit() { '0' } else { sign }));
        marked.push('$');
        for size in SIZES {
            for piece in marked.windows(size) {
                if let Some(seen) = seen.get_mut(bucket(piece)) {
                    *seen = true;
                }
            }
        }
    }
    let present = seen.iter().enumerate().filter(|(_, seen)| **seen);
    present.filter_map(|(at, _)| u16::try_from(at).ok()).collect()
}

/// What each of so many pieces counts, so that long texts do not outweigh.
pub(crate) fn share(count: usize) -> f32 {
    if count == 0 { 0.0 } else { 1.0 / (count as f32).sqrt() }
}

fn bucket(piece: &[char]) -> usize {
    let mut hash = Fnv::new();
    for sign in piece {
        hash.add(u32::from(*sign));
    }
    // The high bits are mixed best.
    (hash.finish() >> 40) as usize % BUCKETS
}

/// The FNV-1a hash: the same on every machine, and nothing of it is secret.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fnv(u64);

impl Fnv {
    pub(crate) fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    pub(crate) fn add(&mut self, value: u32) {
        self.0 = (self.0 ^ u64::from(value)).wrapping_mul(0x0000_0100_0000_01b3);
    }

    pub(crate) fn finish(self) -> u64 {
        self.0
    }

    /// The hash of bytes.
    pub(crate) fn of(bytes: &[u8]) -> u64 {
        let mut hash = Self::new();
        for byte in bytes {
            hash.add(u32::from(*byte));
        }
        hash.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_letter_changes_few_pieces() {
        let one = grams(&Text::of("please summarize the attached document"));
        let other = grams(&Text::of("please sumarize the attached documnet"));
        let common = one.iter().filter(|piece| other.contains(piece)).count();
        assert!(common * 10 > one.len() * 7, "{common} of {} are left", one.len());
        assert!(grams(&Text::of("")).is_empty());
    }

    #[test]
    fn the_hash_is_that_of_the_specification() {
        assert_eq!(Fnv::of(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(Fnv::of(b"a"), 0xaf63_dc4c_8601_ec8c);
    }
}
