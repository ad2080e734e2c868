//! What kind of request it is: coarse, for the records of outcomes.

use serde::{Deserialize, Serialize};

use crate::features::Measured;

/// A kind of request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A question with options to choose from.
    Choice,
    /// Program text is given or wanted.
    Code,
    /// Mathematics.
    Maths,
    /// A problem in words with numbers in it.
    WordProblem,
    /// Something about files.
    Files,
    /// Something about the house, its network and its appointments.
    Home,
    /// The same content in another form: translations, summaries, corrections.
    Transform,
    /// Something is to be found in a given text.
    Extract,
    /// A text is to be written.
    Writing,
    /// A plan or a design.
    Plan,
    /// Small talk.
    Chat,
    /// Anything else.
    Question,
}

impl Kind {
    /// The first kind that fits, the ones that are told most surely first.
    pub(crate) fn of(measured: &Measured<'_>) -> Self {
        let (text, request) = (&measured.text, measured.request);
        let has = |name: &str| measured.count(name);
        let numbers = text.numbers + has("numerals");
        let amounts = has("amounts") + has("trade") + has("shares");
        if text.options.count > 0 {
            Self::Choice
        } else if text.code >= 4 || has("code") + has("hard_code") >= 2 {
            Self::Code
        } else if text.formulas > 0 || has("proof") > 0 || has("maths") >= 2 {
            Self::Maths
        } else if numbers >= 2 && amounts >= 2 && text.questions > 0 {
            Self::WordProblem
        } else if request.files > 0 || has("files") > 0 {
            Self::Files
        } else if has("transform") > 0 {
            Self::Transform
        } else if request.wants_json || has("extract") > 0 {
            Self::Extract
        } else if has("network") > 0 || (has("command") > 0 && request.tools > 0) {
            Self::Home
        } else if has("creative") > 0 || has("long_answer") > 0 {
            Self::Writing
        } else if has("plan") > 0 {
            Self::Plan
        } else if has("chat") > 0 && text.word_count <= 8 {
            Self::Chat
        } else {
            Self::Question
        }
    }

    /// In the plural, for a sentence.
    pub(crate) fn plural(self) -> &'static str {
        match self {
            Self::Choice => "questions with options",
            Self::Code => "requests about code",
            Self::Maths => "requests about mathematics",
            Self::WordProblem => "word problems",
            Self::Files => "requests about files",
            Self::Home => "requests about the house",
            Self::Transform => "transformations of a text",
            Self::Extract => "requests to find something in a text",
            Self::Writing => "requests to write something",
            Self::Plan => "requests for a plan",
            Self::Chat => "small talk",
            Self::Question => "general questions",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Request;

    fn kind(text: &str) -> Kind {
        Kind::of(&Measured::of(&Request::text(text)))
    }

    #[test]
    fn kinds_are_told_apart() {
        assert_eq!(kind("Which?\nA. one\nB. two\nC. three"), Kind::Choice);
        assert_eq!(kind("Write a python function that sorts"), Kind::Code);
        assert_eq!(kind("Prove that there are infinitely many primes"), Kind::Maths);
        let problem = "Tom buys 3 pens at 2 euros each. How much does he pay?";
        assert_eq!(kind(problem), Kind::WordProblem);
        assert_eq!(kind("Rename the file a.txt"), Kind::Files);
        assert_eq!(kind("Übersetze ins Englische: Guten Tag"), Kind::Transform);
        assert_eq!(kind("안녕하세요"), Kind::Chat);
        assert_eq!(kind("Why is the sky blue?"), Kind::Question);
    }
}
