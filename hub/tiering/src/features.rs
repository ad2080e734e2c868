//! The features of a request: what the regression sees.

use crate::grams::{self, grams};
use crate::kind::Kind;
use crate::lexicon::{self, GROUPS};
use crate::reason::Topic;
use crate::request::Request;
use crate::text::Text;

/// Lengths in characters at which the slope of the score may change.
const BENDS: [(&str, f32); 5] = [
    ("length.40", 40.0),
    ("length.120", 120.0),
    ("length.300", 300.0),
    ("length.800", 800.0),
    ("length.3000", 3_000.0),
];
/// Tokens of an answer that count as none wanted in particular.
const USUAL_ANSWER: f32 = 1_024.0;

/// A request and what was counted in it.
#[derive(Debug)]
pub(crate) struct Measured<'a> {
    pub(crate) request: &'a Request<'a>,
    pub(crate) text: Text,
    counts: Vec<u16>,
}

impl<'a> Measured<'a> {
    pub(crate) fn of(request: &'a Request<'a>) -> Self {
        let text = Text::of(request.text);
        let counts = lexicon::counts(text.words());
        Self { request, text, counts }
    }

    /// How often words of a group occur.
    pub(crate) fn count(&self, group: &str) -> usize {
        let at = GROUPS.iter().position(|known| known.name == group);
        at.and_then(|at| self.counts.get(at)).map_or(0, |count| usize::from(*count))
    }
}

/// One feature.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Feature {
    /// The name in the file of weights.
    pub(crate) name: &'static str,
    pub(crate) topic: Topic,
    /// Mostly between 0 and 2.
    pub(crate) value: f32,
}

/// All features of a request, always the same ones in the same order.
#[derive(Debug)]
pub(crate) struct Features {
    pub(crate) dense: Vec<Feature>,
    /// The buckets of its pieces of words.
    pub(crate) grams: Vec<u16>,
    /// What each of those counts.
    pub(crate) gram: f32,
    pub(crate) kind: Kind,
    /// Words of input.
    pub(crate) words: usize,
}

impl Features {
    pub(crate) fn of(request: &Request<'_>) -> Self {
        let measured = Measured::of(request);
        let mut list = List(Vec::with_capacity(96));
        list.lengths(&measured);
        list.signs(&measured.text);
        list.request(request);
        list.language(&measured.text);
        list.groups(&measured.counts);
        list.together(&measured);
        let grams = grams(&measured.text);
        Self {
            dense: list.0,
            gram: grams::share(grams.len()),
            grams,
            kind: Kind::of(&measured),
            words: measured.text.word_count,
        }
    }
}

struct List(Vec<Feature>);

/// A count whose first few matter most.
fn grown(count: usize) -> f32 {
    (1.0 + count as f32).ln()
}

/// A share of something, 0 to 1.
fn share(part: usize, whole: usize) -> f32 {
    if whole == 0 { 0.0 } else { part as f32 / whole as f32 }
}

/// A count up to a limit, 0 to 1.
fn up_to(count: usize, limit: usize) -> f32 {
    share(count.min(limit), limit)
}

fn length_of(text: &Text) -> f32 {
    (1.0 + text.length).ln() / 4.0
}

/// How surely it is a question with options, 0 to 1.
fn choice_of(text: &Text) -> f32 {
    up_to(text.options.count, 4)
}

/// How surely it is a word problem, 0 to 1.
fn problem_of(measured: &Measured<'_>) -> f32 {
    let numbers = measured.text.numbers + measured.count("numerals");
    let amounts = ["amounts", "trade", "shares"];
    let amounts: usize = amounts.iter().map(|group| measured.count(group)).sum();
    (1.0 - choice_of(&measured.text)) * up_to(numbers, 2) * up_to(amounts, 2)
}

impl List {
    fn push(&mut self, name: &'static str, topic: Topic, value: f32) {
        self.0.push(Feature { name, topic, value });
    }

    /// A question with options, a word problem and anything else are not alike:
    /// each has a slope of its own over the length.
    fn lengths(&mut self, measured: &Measured<'_>) {
        use Topic::{Length, Steps};
        let text = &measured.text;
        let length = length_of(text);
        let (choice, problem) = (choice_of(text), problem_of(measured));
        let other = (1.0 - choice) * (1.0 - problem);
        self.push("length", Length, other * length);
        for (name, bend) in BENDS {
            self.push(name, Length, other * (text.length / bend).max(1.0).ln());
        }
        self.push("choice.length", Length, choice * length);
        self.push("problem", Topic::Sums, problem);
        self.push("problem.length", Length, problem * length);
        self.push("problem.sentences", Length, problem * grown(text.sentences));
        // Each quantity and each relation between two of them is about a step.
        let relations = measured.count("shares") + measured.count("sequence") + text.percents;
        let steps = text.numbers + measured.count("numerals") + relations;
        self.push("problem.steps", Steps, problem * grown(steps));
        self.push("problem.relations", Steps, problem * grown(relations));
        self.push("problem.conditions", Steps, problem * grown(measured.count("constraints")));
        self.push("problem.clauses", Steps, problem * grown(text.clauses));
        self.push("problem.questions", Steps, problem * up_to(text.questions, 3));
        self.push("sentences", Length, other * grown(text.sentences));
        self.push("questions", Length, up_to(text.questions, 3));
        self.push("clauses", Topic::Constraints, grown(text.clauses));
        self.push("lines", Topic::Format, grown(text.lines));
        self.push("quoted", Topic::Transform, (1.0 + text.quoted as f32).ln() / 4.0);
        let words = text.word_count.saturating_sub(text.numbers);
        self.push("letters.mean", Topic::Wording, share(text.letters, words.max(1)) / 5.0);
        self.push("letters.many", Topic::Wording, grown(text.long_words));
        self.push("letters.share", Topic::Wording, share(text.long_words, words));
    }

    fn signs(&mut self, text: &Text) {
        self.push("numbers", Topic::Steps, grown(text.numbers));
        self.push("numbers.4", Topic::Steps, grown(text.numbers.saturating_sub(4)));
        self.push("numbers.big", Topic::Sums, grown(text.big_numbers));
        self.push("numbers.share", Topic::Steps, share(text.numbers, text.word_count));
        self.push("units", Topic::Steps, grown(text.units));
        self.push("operators", Topic::Sums, grown(text.operators));
        self.push("formulas", Topic::Maths, grown(text.formulas));
        self.push("code.signs", Topic::Code, grown(text.code));
        self.push("capitals", Topic::Wording, grown(text.capitals));
        let options = text.options;
        self.push("options", Topic::Choice, up_to(options.count, 4));
        let mean = share(options.length, options.count);
        self.push("options.length", Topic::Choice, (1.0 + mean).ln() / 3.0);
        self.push("options.numeric", Topic::Choice, share(options.numeric, options.count));
    }

    fn request(&mut self, request: &Request<'_>) {
        self.push("files.any", Topic::Files, up_to(request.files, 1));
        self.push("files.many", Topic::Files, grown(request.files.saturating_sub(1)));
        self.push("tools", Topic::Command, up_to(request.tools, 1));
        self.push("turns", Topic::Conversation, grown(request.turns));
        self.push("json", Topic::Format, f32::from(u8::from(request.wants_json)));
        let wanted = request.max_tokens.map_or(USUAL_ANSWER, |tokens| tokens as f32);
        self.push("answer", Topic::LongAnswer, (wanted / USUAL_ANSWER).max(1.0).ln());
        let system = request.system.map_or(0, str::len);
        self.push("system", Topic::Conversation, (1.0 + system as f32 / 1_000.0).ln());
    }

    fn language(&mut self, text: &Text) {
        let german = text.words().filter(|word| is_german(word)).count();
        self.push("german", Topic::Language, up_to(german * 8, text.word_count.max(8)));
        let signs = text.letters.max(1);
        self.push("korean", Topic::Language, share(text.hangul.min(signs), signs));
    }

    fn groups(&mut self, counts: &[u16]) {
        for (group, count) in GROUPS.iter().zip(counts) {
            let value = grown(usize::from(*count).min(12));
            self.push(group.name, group.topic, value);
        }
    }

    /// What means more together than by itself.
    fn together(&mut self, measured: &Measured<'_>) {
        let text = &measured.text;
        let maths = ["maths", "sums", "logic", "statistics", "proof"];
        let maths = grown(maths.iter().map(|group| measured.count(group)).sum());
        self.push("choice.maths", Topic::Maths, choice_of(text) * maths);
        let changes = up_to(measured.count("transform"), 1);
        self.push("transform.length", Topic::Transform, changes * length_of(text));
        let code = up_to(text.code, 6);
        self.push("code.length", Topic::Code, code * length_of(text));
    }
}

/// Whether a word is one that German texts cannot do without.
fn is_german(word: &str) -> bool {
    const WORDS: [&str; 24] = [
        "der", "die", "das", "und", "ist", "nicht", "ein", "eine", "ich", "mit", "für", "auf",
        "wie", "was", "den", "dem", "von", "zu", "im", "mir", "wir", "sich", "einen", "wird",
    ];
    WORDS.contains(&word) || word.contains(['ä', 'ö', 'ü', 'ß'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_are_always_the_same_and_finite() {
        let names = |text: &str| -> Vec<_> {
            let features = Features::of(&Request::text(text)).dense;
            assert!(features.iter().all(|one| one.value.is_finite()), "{text}: {features:?}");
            features.iter().map(|one| one.name).collect()
        };
        let empty = names("");
        assert_eq!(names("Which?\nA. 1\nB. 2\nC. 3\n```x = f(1)```"), empty);
        assert_eq!(names(&"가".repeat(20_000)), empty);
        let mut distinct = empty.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), empty.len(), "two features have one name");
    }

    #[test]
    fn languages_are_told() {
        let value = |text: &str, name: &str| {
            let features = Features::of(&Request::text(text)).dense;
            features.iter().find(|one| one.name == name).map(|one| one.value)
        };
        assert!(value("Wie ist das Wetter in der Stadt?", "german") > Some(0.9));
        assert_eq!(value("How is the weather?", "german"), Some(0.0));
        assert_eq!(value("오늘 날씨 어때", "korean"), Some(1.0));
    }
}
