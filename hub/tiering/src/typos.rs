//! Typing errors, for the fit and for measuring what they change.

/// Keys beside each other, row by row.
const ROWS: [&str; 3] = ["qwertyuiop", "asdfghjkl", "zxcvbnm"];
/// Of the words that are long enough, one in so many is misspelt.
const ONE_IN: u64 = 10;
/// Shorter words are left alone.
const MIN_LETTERS: usize = 4;

/// A text with a typing error in about every tenth of its longer words, and in
/// one of them at least. The same seed makes the same errors.
#[must_use]
pub fn with_typos(text: &str, seed: u64) -> String {
    let mut dice = Dice(seed ^ text.len() as u64);
    let words = text.split_inclusive(|sign: char| !sign.is_alphabetic());
    let words: Vec<&str> = words.collect();
    let long = |word: &str| word.chars().filter(|sign| sign.is_alphabetic()).count() >= MIN_LETTERS;
    let candidates = words.iter().filter(|word| long(word)).count() as u64;
    let sure = if candidates == 0 { 0 } else { dice.below(candidates) };
    let (mut out, mut number) = (String::with_capacity(text.len() + 8), 0);
    for word in words {
        if !long(word) {
            out.push_str(word);
            continue;
        }
        let misspelt = dice.below(ONE_IN) == 0 || number == sure;
        number += 1;
        if misspelt { out.push_str(&misspell(word, &mut dice)) } else { out.push_str(word) }
    }
    out
}

/// One letter left out, doubled, exchanged with the next, or the key beside it.
fn misspell(word: &str, dice: &mut Dice) -> String {
    let mut letters: Vec<char> = word.chars().collect();
    let count = letters.iter().filter(|sign| sign.is_alphabetic()).count();
    // The first letter is seldom wrong.
    let at = 1 + dice.below(count as u64 - 1) as usize;
    match dice.below(4) {
        0 => {
            letters.remove(at);
        }
        1 => letters.insert(at, letters.get(at).copied().unwrap_or('e')),
        2 => letters.swap(at, if at + 1 < count { at + 1 } else { at - 1 }),
        _ => {
            if let Some(letter) = letters.get_mut(at) {
                *letter = beside(*letter, dice);
            }
        }
    }
    let misspelt: String = letters.iter().collect();
    // Two letters that are the same were exchanged.
    if misspelt == word {
        letters.remove(at);
        return letters.into_iter().collect();
    }
    misspelt
}

fn beside(letter: char, dice: &mut Dice) -> char {
    let row = ROWS.iter().find(|row| row.contains(letter));
    let Some((row, at)) = row.and_then(|row| Some((row, row.find(letter)?))) else { return 'e' };
    let next = if at == 0 || (dice.below(2) == 0 && at + 1 < row.len()) { at + 1 } else { at - 1 };
    row.chars().nth(next).unwrap_or('e')
}

/// SplitMix64: the same on every machine.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_an_error_where_there_are_words_and_the_seed_says_which() {
        let text = "Please summarize the attached document, and be brief.";
        for seed in 0..50 {
            let wrong = with_typos(text, seed);
            assert_ne!(wrong, text, "seed {seed}");
            assert_eq!(wrong, with_typos(text, seed));
            assert!(wrong.len().abs_diff(text.len()) <= 6);
        }
        assert_ne!(with_typos(text, 1), with_typos(text, 2));
        assert_eq!(with_typos("7 * 8 = ?", 3), "7 * 8 = ?");
        assert_eq!(with_typos("", 3), "");
    }
}
