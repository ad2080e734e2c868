//! Why a decision fell as it did.

use serde::{Deserialize, Serialize};

/// One reason of a decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reason {
    /// A word for programs, such as `proof`.
    pub word: String,
    /// A few words for people.
    pub text: String,
    /// How much it moved the score, in log-odds: above zero towards the strong
    /// model. 0 where a rule decided.
    pub weight: f32,
}

impl Reason {
    pub(crate) fn rule(word: &str, text: impl Into<String>) -> Self {
        Self { word: word.to_owned(), text: text.into(), weight: 0.0 }
    }
}

/// What features are about, as far as people are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Topic {
    Length,
    Steps,
    Sums,
    Maths,
    Proof,
    Code,
    HardCode,
    Reasoning,
    LongAnswer,
    Writing,
    Plan,
    Transform,
    Extract,
    Lookup,
    Chat,
    Command,
    Files,
    Network,
    Choice,
    Constraints,
    Statistics,
    Logic,
    Law,
    Medicine,
    Science,
    Computing,
    Finance,
    Society,
    Ethics,
    Language,
    Conversation,
    Format,
    Wording,
}

impl Topic {
    /// The word for programs, what people read where the topic asks for the
    /// strong model, and where it does not.
    fn told(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Length => ("length", "much input", "little input"),
            Self::Steps => ("steps", "several steps or quantities", "a few quantities"),
            Self::Sums => ("arithmetic", "a calculation", "a simple calculation"),
            Self::Maths => ("maths", "mathematics", "simple mathematics"),
            Self::Proof => ("proof", "asks for a proof", "a simple proof"),
            Self::Code => ("code", "program text", "simple program text"),
            Self::HardCode => ("hard_code", "hard questions of programming", "simple programming"),
            Self::Reasoning => {
                ("reasoning", "asks for reasons or a comparison", "simple reasons or comparisons")
            }
            Self::LongAnswer => {
                ("long_answer", "a long or thorough answer wanted", "a short answer will do")
            }
            Self::Writing => ("writing", "a demanding text to write", "a simple text to write"),
            Self::Plan => ("plan", "asks for a plan or a design", "a simple plan"),
            Self::Transform => {
                ("transform", "a difficult change of a text", "only changes a given text")
            }
            Self::Extract => {
                ("extract", "something intricate to find", "something to find in a given text")
            }
            Self::Lookup => ("lookup", "a difficult fact", "a simple fact"),
            Self::Chat => ("chat", "a conversation with weight", "small talk"),
            Self::Command => ("command", "an intricate command", "a simple command"),
            Self::Files => ("files", "work with several files", "simple work with files"),
            Self::Network => ("network", "a question of networks", "everyday use of the network"),
            Self::Choice => ("choice", "options to choose from", "options to choose from"),
            Self::Constraints => ("constraints", "conditions to be kept", "simple conditions"),
            Self::Statistics => ("statistics", "statistics", "simple statistics"),
            Self::Logic => ("logic", "formal logic", "simple logic"),
            Self::Law => ("law", "a question of law", "a simple question of law"),
            Self::Medicine => {
                ("medicine", "a question of medicine", "a simple question of medicine")
            }
            Self::Science => ("science", "natural science", "simple science"),
            Self::Computing => ("computing", "computer science", "simple computing"),
            Self::Finance => ("finance", "finance or economics", "simple economics"),
            Self::Society => ("society", "history or society", "general knowledge of society"),
            Self::Ethics => ("ethics", "a moral question", "a simple moral question"),
            Self::Language => {
                ("language", "a language that small models know less", "the language of the text")
            }
            Self::Conversation => ("conversation", "a long conversation", "a short conversation"),
            Self::Format => {
                ("format", "an intricate form of the text", "a simple form of the answer")
            }
            Self::Wording => (
                "wording",
                "worded like requests that need the strong model",
                "worded like simple requests",
            ),
        }
    }

    /// Whether every text has some of it, so that only more or less than usual
    /// is worth telling. Of the others it is told that they are there.
    pub(crate) fn is_everywhere(self) -> bool {
        matches!(self, Self::Length | Self::Wording)
    }

    /// Whether more of it never makes a request easier. The fit keeps to that,
    /// whatever the few requests that it sees suggest.
    pub(crate) fn never_easier(self) -> bool {
        use Topic::{
            Computing, Constraints, Ethics, Finance, HardCode, Law, Length, Logic, LongAnswer,
            Maths, Medicine, Plan, Proof, Reasoning, Science, Statistics, Steps, Sums,
        };
        let hard = [
            Computing,
            Constraints,
            Ethics,
            Finance,
            HardCode,
            Law,
            Length,
            Logic,
            LongAnswer,
            Maths,
            Medicine,
            Plan,
            Proof,
            Reasoning,
            Science,
            Statistics,
            Steps,
            Sums,
        ];
        hard.contains(&self)
    }

    /// The reason that a topic is, by how much it moved the score.
    pub(crate) fn reason(self, weight: f32, words: usize) -> Reason {
        let (word, up, down) = self.told();
        let text = match (self, words) {
            (Self::Length, 1) => "one word of input".to_owned(),
            (Self::Length, _) => format!("{} words of input", thousands(words)),
            _ if weight > 0.0 => up.to_owned(),
            _ => down.to_owned(),
        };
        Reason { word: word.to_owned(), text, weight }
    }
}

/// A number with commas between its thousands.
pub(crate) fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_read_numbers_with_commas() {
        assert_eq!(thousands(7), "7");
        assert_eq!(thousands(1_800), "1,800");
        assert_eq!(thousands(1_234_567), "1,234,567");
        assert_eq!(Topic::Length.reason(0.5, 1_800).text, "1,800 words of input");
    }
}
