//! What an answer says: without regard to case, and with white space of any
//! length equal to one space.

use super::facts::base;

/// Number words, from zero.
const NUMBER_WORDS: [&str; 13] = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve",
];

/// A text in lower case, without double spaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer(String);

fn plain(text: &str) -> String {
    let text = text.to_lowercase().replace('\u{2019}', "'");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether a character can be part of a file's name or path.
fn is_name(character: char) -> bool {
    character.is_alphanumeric() || "_-./".contains(character)
}

/// Whether a name can end before `rest`: a point at its end is punctuation,
/// and a folder may be written with a slash.
fn name_ends(rest: &str) -> bool {
    let rest = rest.strip_prefix('/').unwrap_or(rest);
    let mut characters = rest.chars();
    match characters.next() {
        Some('.') => characters.next().is_none_or(char::is_whitespace),
        Some(character) => !is_name(character),
        None => true,
    }
}

/// Whether a name can begin after `before`, which may end in `./`.
fn name_begins(before: &str) -> bool {
    let before = before.strip_suffix("./").unwrap_or(before);
    before.chars().next_back().is_none_or(|character| !is_name(character))
}

impl Answer {
    pub(crate) fn new(text: &str) -> Self {
        Self(plain(text))
    }

    /// Whether a word that begins with `phrase` stands in it.
    pub(crate) fn says(&self, phrase: &str) -> bool {
        self.0.match_indices(phrase).any(|(at, _)| {
            let before = self.0.get(..at).and_then(|before| before.chars().next_back());
            before.is_none_or(|before| !before.is_alphanumeric())
        })
    }

    pub(crate) fn says_any(&self, phrases: &[&str]) -> bool {
        phrases.iter().any(|phrase| self.says(phrase))
    }

    /// Whether a text stands in it, also within longer words.
    pub(crate) fn contains(&self, text: &str) -> bool {
        self.0.contains(&plain(text))
    }

    /// Whether a text stands in it that is no part of longer words or numbers.
    pub(crate) fn holds(&self, text: &str) -> bool {
        let text = plain(text);
        let inner = |edge: Option<char>, outside: Option<char>| {
            edge.is_some_and(char::is_alphanumeric) && outside.is_some_and(char::is_alphanumeric)
        };
        let (first, last) = (text.chars().next(), text.chars().next_back());
        text.is_empty()
            || self.0.match_indices(&text).any(|(at, found)| {
                let before = self.0.get(..at).unwrap_or_default();
                let after = self.0.get(at + found.len()..).unwrap_or_default();
                !inner(first, before.chars().next_back()) && !inner(last, after.chars().next())
            })
    }

    /// Where a name stands that is no part of a longer one.
    fn find_name(&self, name: &str) -> Option<usize> {
        let name = plain(name);
        let mut places = self.0.match_indices(&name).filter(|(at, found)| {
            let before = self.0.get(..*at).unwrap_or_default();
            let after = self.0.get(at + found.len()..).unwrap_or_default();
            name_begins(before) && name_ends(after)
        });
        places.next().map(|(at, _)| at)
    }

    /// Where a file or folder is named by its whole path.
    pub(crate) fn find_path(&self, path: &str) -> Option<usize> {
        self.find_name(path)
    }

    /// Where a file or folder is named by its whole path or, failing that, by
    /// its name.
    pub(crate) fn find(&self, path: &str) -> Option<usize> {
        self.find_name(path).or_else(|| self.find_name(base(path)))
    }

    /// Whether a number stands in it, in digits (with or without commas
    /// between thousands) or, up to twelve, as a word.
    pub(crate) fn counts(&self, number: u64) -> bool {
        let word = usize::try_from(number).ok().and_then(|at| NUMBER_WORDS.get(at));
        let separates = |c: char| c.is_whitespace() || "()[]{}|*`\"=—–".contains(c);
        self.0.split(separates).any(|token| {
            let token = token.trim_matches(|c: char| !c.is_alphanumeric());
            word.is_some_and(|word| token == *word) || digits(token) == Some(number)
        })
    }
}

/// `1234` or `1,234` as a number.
fn digits(token: &str) -> Option<u64> {
    let mut groups = token.split(',');
    let first = groups.next()?;
    let rest: Vec<&str> = groups.collect();
    let grouped = rest.is_empty()
        || ((1..=3).contains(&first.len()) && rest.iter().all(|group| group.len() == 3));
    let joined = first.to_owned() + &rest.concat();
    (grouped && joined.bytes().all(|byte| byte.is_ascii_digit())).then(|| joined.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_no_parts_of_other_names() {
        let answer = Answer::new("See **notes/A.md**, `b.md`. And c.md.");
        for named in ["notes/a.md", "b.md", "x/b.md", "c.md"] {
            assert!(answer.find(named).is_some(), "{named}");
        }
        for other in ["a.md", "md", "c", "notes", "x/a.md", "b.md.bak"] {
            assert!(answer.find(other).is_none(), "{other}");
        }
        assert!(Answer::new("a.md.bak and b-a.md").find("a.md").is_none());
        assert!(Answer::new("in drafts/ and ./notes/a.md").find("drafts").is_some());
        assert!(Answer::new("in drafts/ and ./notes/a.md").find("notes/a.md").is_some());
        assert!(Answer::new("../notes/a.md").find("notes/a.md").is_none());
    }

    #[test]
    fn numbers_are_whole_tokens() {
        let says = |text: &str, number| Answer::new(text).counts(number);
        assert!(says("There are 3 files.", 3));
        assert!(says("It has 1,234 bytes", 1234) && says("(1234)", 1234) && says("**7**.", 7));
        assert!(says("Three files", 3) && says("twelve", 12) && says("zero", 0));
        assert!(!says("There are 13 files", 3));
        assert!(!says("on 2026-03-04 at 3:15 in a3.md", 3));
        assert!(!says("3.5 and 1,23 and 3rd", 3) && !says("1,23", 123));
        assert!(!says("", 0));
    }

    #[test]
    fn texts_stand_as_a_whole() {
        let answer = Answer::new("The  code is\nQX-12, fee 40\u{a0}EUR; it\u{2019}s");
        assert!(answer.holds("code is qx-12") && answer.holds("40 eur") && answer.holds("it's"));
        assert!(!answer.holds("QX-1") && !answer.holds("X-12") && !answer.holds("4"));
        assert!(answer.holds(" "));
    }

    #[test]
    fn phrases_begin_a_word() {
        assert!(Answer::new("There are no files").says("no "));
        assert!(!Answer::new("a piano here").says("no "));
        assert!(Answer::new("I can\u{2019}t do that").says_any(&["unable", "can't"]));
    }
}
