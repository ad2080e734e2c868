//! Whether a value stands in what somebody said: as a whole, in any case, in any
//! width of its characters, and never as a part of something longer.

use std::collections::BTreeSet;

use unicode_normalization::UnicodeNormalization as _;

use crate::times::Times;

/// Words that decide nothing: a look-up by these alone is not the user's.
const FUNCTION_WORDS: &[&str] = &[
    "a", "about", "after", "all", "also", "am", "an", "and", "any", "are", "as", "at", "be",
    "because", "been", "before", "but", "by", "can", "could", "did", "do", "does", "for", "from",
    "get", "had", "has", "have", "he", "her", "here", "hey", "hi", "his", "how", "i", "if", "in",
    "into", "is", "it", "its", "just", "like", "make", "me", "my", "need", "no", "not", "of", "on",
    "one", "or", "our", "out", "please", "s", "she", "should", "so", "some", "such", "that", "the",
    "their", "them", "then", "there", "these", "they", "this", "those", "to", "up", "us", "want",
    "was", "we", "were", "what", "when", "where", "which", "who", "will", "with", "would", "you",
    "your",
];

/// Words after which a bare number is an id.
const ID_WORDS: &[&str] = &["id", "ids", "no", "nr", "number", "#"];

/// A text that values are looked for in.
#[derive(Debug, Clone)]
pub(crate) struct Words {
    /// Normalised: see [`normal`].
    text: String,
    /// Its words, in order.
    tokens: Vec<String>,
    /// Which of these are written as names are: with a capital, and not at a
    /// sentence's beginning.
    capital: Vec<bool>,
    /// Its numbers that belong to no date.
    numbers: BTreeSet<String>,
    times: Times,
}

impl Words {
    pub(crate) fn new(text: &str) -> Self {
        let cased: String = text.nfkc().collect();
        let text = normal(text);
        let (times, rest) = Times::read(&text);
        let numbers = rest.split(|char: char| !is_numeric(char)).filter_map(number).collect();
        let (tokens, capital) = cased_tokens(&cased);
        Self { text, tokens, capital, numbers, times }
    }

    /// Whether the text stands here, whole and in one piece. A moment stands
    /// here if its date and its time do, in whatever form.
    pub(crate) fn has(&self, value: &str) -> bool {
        let value = normal(value);
        if value.is_empty() {
            return false;
        }
        if let Some(found) = self.times.has(&value) {
            return found;
        }
        if value.chars().all(|char| char.is_ascii_digit()) {
            return self.has_number(&value);
        }
        contains_whole(&self.text, &value)
            || value.strip_prefix("https://").is_some_and(|rest| contains_whole(&self.text, rest))
    }

    /// Whether the id stands here. A bare number is one only where it is called
    /// so, or quoted: days and amounts are numbers too.
    pub(crate) fn has_id(&self, value: &str) -> bool {
        let value = normal(value);
        if value.is_empty() || !value.chars().all(|char| char.is_ascii_digit()) {
            return self.has(&value);
        }
        let quoted = ['\'', '"', '`']
            .iter()
            .any(|quote| self.text.contains(&format!("{quote}{value}{quote}")));
        let called = self
            .tokens
            .windows(2)
            .any(|pair| ID_WORDS.contains(&pair[0].as_str()) && pair[1] == value);
        quoted || called || self.text.contains(&format!("#{value}"))
    }

    /// Whether the user gave this as the name of something: in quotes, with
    /// capitals, or in a form that no common word has (`a@b.com`, `plan-2.txt`).
    /// Any other words of the user could be picked to find whatever holds them.
    pub(crate) fn names(&self, value: &str) -> bool {
        let value = normal(value);
        if !significant(&value) || !self.has(&value) {
            return false;
        }
        let quoted = ['\'', '"', '`']
            .iter()
            .any(|quote| self.text.contains(&format!("{quote}{value}{quote}")));
        let odd = |char: char| char.is_ascii_digit() || matches!(char, '@' | '_' | '/');
        let formed = value.contains(odd)
            || value.split_once('.').is_some_and(|(_, end)| end.starts_with(char::is_alphanumeric));
        let wanted: Vec<&str> = tokens(&value).collect();
        let capital = self.tokens.windows(wanted.len()).enumerate().any(|(at, window)| {
            window.iter().zip(&wanted).all(|(own, wanted)| own == wanted) && self.capital[at]
        });
        quoted || formed || capital
    }

    /// Whether the number stands here, and is no part of a date.
    pub(crate) fn has_number(&self, value: &str) -> bool {
        number(value).is_some_and(|value| self.numbers.contains(&value))
    }

    /// Whether one of these words stands here.
    pub(crate) fn has_any(&self, words: &[String]) -> bool {
        words.iter().any(|word| contains_whole(&self.text, word))
    }

    /// Whether the text can be split in up to three parts, in order: what stands
    /// here, what `other` knows, what stands here; the middle is there, and one
    /// of the others. So a title is made of a phrase and a value to fill in.
    pub(crate) fn frames(&self, value: &str, other: impl Fn(&str) -> bool) -> bool {
        let value = normal(value);
        let mut cuts: Vec<usize> = vec![0, value.len()];
        let boundary = |at: &usize| is_boundary(&value, *at);
        cuts.extend(value.char_indices().map(|(at, _)| at).filter(boundary));
        cuts.sort_unstable();
        cuts.dedup();
        let own = |part: &str| {
            let part = part.trim_matches(|char: char| !char.is_alphanumeric());
            part.is_empty() || contains_whole(&self.text, part)
        };
        cuts.iter().enumerate().any(|(index, start)| {
            own(&value[..*start])
                && cuts[index + 1..].iter().any(|end| {
                    let (before, after) = (&value[..*start], &value[*end..]);
                    (significant(before) || significant(after))
                        && own(after)
                        && other(value[*start..*end].trim())
                })
        })
    }
}

/// Whether a key says anything: it has a word that is no function word.
pub(crate) fn significant(key: &str) -> bool {
    tokens(&normal(key)).any(|token| !FUNCTION_WORDS.contains(&token))
}

/// One form for what reads alike: NFKC, lower case, one space between words,
/// straight quotes.
pub(crate) fn normal(text: &str) -> String {
    let mut normal = String::with_capacity(text.len());
    let mut space = false;
    for char in text.nfkc().flat_map(char::to_lowercase) {
        if char.is_whitespace() {
            space = !normal.is_empty();
            continue;
        }
        if std::mem::take(&mut space) {
            normal.push(' ');
        }
        normal.push(match char {
            '\u{2018}' | '\u{2019}' | '\u{2032}' => '\'',
            '\u{201C}' | '\u{201D}' | '\u{2033}' => '"',
            other => other,
        });
    }
    normal
}

/// Whether a token of the text mixes letters that look alike: ASCII ones with
/// ones that are no Latin letters. No honest address does.
pub(crate) fn is_spoofed(text: &str) -> bool {
    let normal: String = text.nfkc().collect();
    let hidden = agentos_domain::escaped(text).contains("\\u{");
    let mixed = normal.split(|char: char| !char.is_alphabetic()).any(|word| {
        let foreign = |char: char| {
            // Greek, Coptic, Cyrillic, Armenian, Cherokee, Lisu: they hold
            // letters that are drawn like Latin ones.
            matches!(u32::from(char), 0x370..=0x58F | 0x13A0..=0x13FF | 0x1C80..=0x1C8F
                | 0x1D26..=0x1D2B | 0x2C80..=0x2CFF | 0x2DE0..=0x2DFF | 0xA4D0..=0xA4FF
                | 0xA640..=0xA69F | 0xAB70..=0xABBF)
        };
        word.chars().any(foreign) && word.chars().any(|char| char.is_ascii_alphabetic())
    });
    hidden || mixed
}

fn tokens(text: &str) -> impl Iterator<Item = &str> {
    text.split(|char: char| !char.is_alphanumeric() && char != '#').filter(|word| !word.is_empty())
}

/// The words of a text that is not in lower case yet, and which of them are
/// written as names are.
fn cased_tokens(text: &str) -> (Vec<String>, Vec<bool>) {
    let (mut words, mut capital, mut begins, mut word) =
        (Vec::new(), Vec::new(), true, String::new());
    for char in text.chars().chain(['\n']) {
        if char.is_alphanumeric() || char == '#' {
            word.push(char);
            continue;
        }
        if !word.is_empty() {
            capital.push(!begins && word.starts_with(char::is_uppercase));
            words.push(word.to_lowercase());
            (begins, word) = (false, String::new());
        }
        begins |= matches!(char, '.' | '!' | '?' | ':' | '\n');
    }
    (words, capital)
}

fn is_numeric(char: char) -> bool {
    char.is_ascii_digit() || matches!(char, '.' | ',')
}

/// A number in one form: no separators of thousands, no zeros at the end.
fn number(text: &str) -> Option<String> {
    let text = text.trim_end_matches(['.', ',']).replace(',', "");
    if !text.starts_with(|char: char| char.is_ascii_digit()) {
        return None;
    }
    let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
    if part.contains('.') {
        return None;
    }
    let part = part.trim_end_matches('0');
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    Some(if part.is_empty() { whole.to_owned() } else { format!("{whole}.{part}") })
}

/// Characters that join what belongs together: parts of an address, a path, an
/// amount. Beside one of them a value is only a part.
fn joins(char: char) -> bool {
    matches!(
        char,
        '@' | '.' | '_' | '-' | '+' | '/' | '\\' | ':' | '%' | '#' | '&' | '=' | '~' | ','
    )
}

/// Whether a value may end, or another begin, at this byte of the text.
fn is_boundary(text: &str, at: usize) -> bool {
    let (before, after) = text.split_at(at);
    let inside = |char: Option<char>| char.is_some_and(char::is_alphanumeric);
    !(inside(before.chars().next_back()) && inside(after.chars().next()))
}

/// Whether the value stands in the text and is no part of something longer.
/// Both are normalised.
pub(crate) fn contains_whole(text: &str, value: &str) -> bool {
    if value.is_empty() {
        return false;
    }
    text.match_indices(value).any(|(at, _)| {
        let end = at + value.len();
        ends_before(&text[..at], value) && ends_after(&text[end..], value)
    })
}

fn ends_before(before: &str, value: &str) -> bool {
    if value.starts_with(|char: char| !char.is_alphanumeric()) {
        return true;
    }
    let mut last = before.chars().rev();
    match last.next() {
        Some(char) if char.is_alphanumeric() => false,
        // `x@a.com` holds no `a.com`; `(see: a.com)` does.
        Some(char) if joins(char) => {
            char == '/' && before.ends_with("https://")
                || !last.next().is_some_and(|char| char.is_alphanumeric() || joins(char))
        }
        _ => true,
    }
}

fn ends_after(after: &str, value: &str) -> bool {
    if value.ends_with(|char: char| !char.is_alphanumeric()) {
        return true;
    }
    let mut next = after.chars();
    match next.next() {
        Some(char) if char.is_alphanumeric() => false,
        // `a.com/b` holds no `a.com`; a sentence that ends with `a.com.` does.
        Some(char) if joins(char) => {
            !next.next().is_some_and(|char| char.is_alphanumeric() || (joins(char) && char != '.'))
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests;
