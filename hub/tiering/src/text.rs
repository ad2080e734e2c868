//! A text, measured.

use std::ops::Range;

/// Of a longer text only so many characters at the beginning are looked at
/// closely: that is where people say what they want …
const HEAD: usize = 4_000;
/// … or at the end, after what they pasted.
const TAIL: usize = 1_000;
/// A Hangul or Han character says about as much as so many Latin ones.
const DENSE: f32 = 2.2;

/// What can be counted in a text.
#[derive(Debug, Default)]
pub(crate) struct Text {
    /// Length in Latin characters; denser scripts count more.
    pub(crate) length: f32,
    /// Words in all.
    pub(crate) word_count: usize,
    /// What is looked at closely, in lower case.
    pub(crate) lower: String,
    words: Vec<Range<usize>>,
    /// Numbers written in digits.
    pub(crate) numbers: usize,
    /// Of these, how many have four digits or more.
    pub(crate) big_numbers: usize,
    /// Signs of currencies and per cent.
    pub(crate) units: usize,
    /// Of these, the latter.
    pub(crate) percents: usize,
    /// Operators and relations between things: `= + ^ < >` and the like.
    pub(crate) operators: usize,
    /// Signs that only mathematics uses, and LaTeX commands.
    pub(crate) formulas: usize,
    /// Signs of program text.
    pub(crate) code: usize,
    /// Ends of sentences.
    pub(crate) sentences: usize,
    /// Question marks.
    pub(crate) questions: usize,
    /// Commas, semicolons and colons.
    pub(crate) clauses: usize,
    /// Lines after the first.
    pub(crate) lines: usize,
    /// Characters between quotation marks or in lines after the first: mostly
    /// material, and not what is asked for.
    pub(crate) quoted: usize,
    /// Words of all capitals, two letters or more.
    pub(crate) capitals: usize,
    /// Letters in all words.
    pub(crate) letters: usize,
    /// Words of nine letters or more.
    pub(crate) long_words: usize,
    /// Hangul characters.
    pub(crate) hangul: usize,
    /// Options to choose from, and what they hold.
    pub(crate) options: Options,
}

/// The options of a question that asks for a choice.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Options {
    /// How many there are; fewer than three are none.
    pub(crate) count: usize,
    /// Characters of all of them.
    pub(crate) length: usize,
    /// How many are mostly numbers or formulas.
    pub(crate) numeric: usize,
}

impl Text {
    pub(crate) fn of(raw: &str) -> Self {
        let view = view(raw);
        let mut text = Self { lower: view.to_lowercase(), ..Self::default() };
        text.measure_whole(raw);
        text.measure_signs(&view);
        text.measure_words(&view);
        text.options = options(&view);
        // They belong to the question.
        text.quoted = text.quoted.saturating_sub(text.options.length);
        text
    }

    /// The words that are looked at closely, in lower case. Numbers are words.
    pub(crate) fn words(&self) -> impl Iterator<Item = &str> {
        self.words.iter().filter_map(|range| self.lower.get(range.clone()))
    }

    fn measure_whole(&mut self, raw: &str) {
        let mut inside = false;
        for sign in raw.trim().chars() {
            self.length += if is_dense(sign) { DENSE } else { 1.0 };
            let letter = sign.is_alphanumeric();
            self.word_count += usize::from(letter && !inside);
            inside = letter || (inside && matches!(sign, '\'' | '’' | '.' | ','));
        }
    }

    fn measure_signs(&mut self, view: &str) {
        let (mut quote, mut before) = (false, ' ');
        let mut first_line = true;
        for sign in view.trim().chars() {
            match sign {
                '=' | '+' | '^' | '<' | '>' | '*' | '~' | '|' | '&' => self.operators += 1,
                '%' => {
                    self.units += 1;
                    self.percents += 1;
                }
                '$' | '€' | '£' | '₩' => self.units += 1,
                '?' | '？' => self.questions += 1,
                ',' | ';' | ':' => self.clauses += 1,
                '\n' => {
                    self.lines += 1;
                    first_line = false;
                }
                '"' | '“' | '”' | '„' => quote = !quote,
                '\\' | '∫' | '∑' | '√' | '≤' | '≥' | '∀' | '∃' | '∈' | '→' | '×' | '·' | '−'
                | '∞' | 'π' => {
                    self.formulas += 1;
                }
                '{' | '}' | '[' | ']' | '_' | '`' | '@' | '#' => self.code += 1,
                _ => {}
            }
            // A dot within a number or a name ends nothing.
            let ended = sign.is_whitespace() && matches!(before, '.' | '!' | '?' | '？' | '。');
            self.sentences += usize::from(ended);
            self.quoted += usize::from(quote || !first_line);
            self.hangul += usize::from(is_hangul(sign));
            // Calls, as in `f(x)`.
            self.code += usize::from(sign == '(' && (before.is_alphanumeric() || before == '_'));
            before = sign;
        }
        self.sentences += 1;
    }

    fn measure_words(&mut self, view: &str) {
        let lower = std::mem::take(&mut self.lower);
        for word in pieces(&lower) {
            let letters = lower.get(word.clone()).unwrap_or_default();
            if letters.starts_with(|first: char| first.is_ascii_digit()) {
                self.numbers += 1;
                let digits = letters.bytes().filter(u8::is_ascii_digit).count();
                self.big_numbers += usize::from(digits >= 4);
            } else {
                let count = letters.chars().count();
                self.letters += count;
                self.long_words += usize::from(count >= 9);
            }
            self.words.push(word);
        }
        self.lower = lower;
        for word in pieces(view).filter_map(|range| view.get(range)) {
            let shouted = word.len() >= 2 && word.bytes().all(|byte| byte.is_ascii_uppercase());
            self.capitals += usize::from(shouted);
        }
    }
}

/// What is looked at closely of a text.
fn view(raw: &str) -> String {
    let raw = raw.trim();
    let count = raw.chars().count();
    if count <= HEAD + TAIL {
        return raw.to_owned();
    }
    let mut view: String = raw.chars().take(HEAD).collect();
    view.push('\n');
    view.extend(raw.chars().skip(count - TAIL));
    view
}

/// Runs of letters and digits. Digits go on over a dot or a comma that digits
/// follow.
fn pieces(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut signs = text.char_indices().peekable();
    std::iter::from_fn(move || {
        let (start, first) = signs.find(|(_, sign)| sign.is_alphanumeric())?;
        let (mut end, mut last) = (start + first.len_utf8(), first);
        while let Some(&(at, sign)) = signs.peek() {
            let next = text.get(at + sign.len_utf8()..).and_then(|rest| rest.chars().next());
            let point = matches!(sign, '.' | ',')
                && last.is_ascii_digit()
                && next.is_some_and(|next| next.is_ascii_digit());
            if !sign.is_alphanumeric() && !point {
                break;
            }
            (end, last) = (at + sign.len_utf8(), sign);
            signs.next();
        }
        Some(start..end)
    })
}

/// Lines such as `A. one`, `b) two` or `(C) three`.
fn options(view: &str) -> Options {
    let mut found = Options::default();
    let mut wanted = 'a';
    for line in view.lines() {
        let Some(option) = option_of(line, wanted) else { continue };
        wanted = char::from_u32(u32::from(wanted) + 1).unwrap_or('a');
        found.count += 1;
        found.length += option.chars().count();
        let signs = option.chars().filter(|sign| !sign.is_whitespace());
        let (mut all, mut plain) = (0_usize, 0_usize);
        for sign in signs {
            all += 1;
            plain += usize::from(sign.is_alphabetic());
        }
        found.numeric += usize::from(plain * 2 < all || all <= 2);
    }
    if found.count >= 3 { found } else { Options::default() }
}

fn option_of(line: &str, wanted: char) -> Option<&str> {
    let line = line.trim_start().trim_start_matches('(');
    let mut signs = line.chars();
    let letter = signs.next()?;
    let mark = signs.next()?;
    let fits = letter.to_ascii_lowercase() == wanted && matches!(mark, '.' | ')' | ':');
    fits.then(|| signs.as_str().trim())
}

pub(crate) fn is_hangul(sign: char) -> bool {
    matches!(sign, '\u{1100}'..='\u{11ff}' | '\u{3130}'..='\u{318f}' | '\u{ac00}'..='\u{d7af}')
}

/// Whether a character stands for a syllable or a word.
fn is_dense(sign: char) -> bool {
    is_hangul(sign) || matches!(sign, '\u{3040}'..='\u{30ff}' | '\u{4e00}'..='\u{9fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_numbers_and_signs_are_counted() {
        let text = Text::of("Is 3.5 % of $1,200 more than f(x)? Say why. NAS!");
        assert_eq!(text.numbers, 2);
        assert_eq!(text.big_numbers, 1);
        assert_eq!((text.units, text.questions, text.sentences), (2, 1, 3));
        assert_eq!((text.code, text.capitals), (1, 1));
        let words: Vec<&str> = text.words().collect();
        let expected = ["is", "3.5", "of", "1,200", "more", "than", "f", "x", "say", "why", "nas"];
        assert_eq!(words, expected);
    }

    #[test]
    fn options_are_found_in_their_usual_forms() {
        let text = Text::of("Which?\nA. one\nB. 2 + 2\nC. 17\nD. four");
        assert_eq!((text.options.count, text.options.numeric), (4, 2));
        assert_eq!(Text::of("Which?\n(a) one\n(b) two\n(c) three").options.count, 3);
        assert_eq!(Text::of("A. Smith wrote it.\nB. Jones did not.").options.count, 0);
    }

    #[test]
    fn of_a_long_text_beginning_and_end_are_looked_at() {
        let raw = format!("first {} last", "filler ".repeat(3_000));
        let text = Text::of(&raw);
        let words: Vec<&str> = text.words().collect();
        assert_eq!((words.first(), words.last()), (Some(&"first"), Some(&"last")));
        assert!(words.len() < 800, "{} words were looked at", words.len());
        assert_eq!(text.word_count, 3_002);
    }

    #[test]
    fn syllables_count_more_than_letters() {
        assert!(Text::of("가나다").length > 6.0);
        assert_eq!(Text::of("가나다 abc").hangul, 3);
    }
}
