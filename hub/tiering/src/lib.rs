//! Which tier a request wants, `fast` or `smart`: decided before any model is
//! called, in microseconds, from the request alone. Without any I/O and without
//! a clock: the weights are part of the program.
//!
//! # How it is decided
//! 1. Rules settle what needs no judgement: an empty text is fast; more than a
//!    small model can read is smart.
//! 2. A logistic regression gives the probability that a small local model gets
//!    the request wrong where a strong one gets it right. It sees measures of
//!    the text (lengths, numbers, code, formulas, options to choose from), how
//!    many words of each group of a lexicon it holds, and hashed pieces of its
//!    words. The lexicon is English, German and Korean; words are found in it
//!    although one letter is wrong.
//! 3. What came of earlier decisions ([`Outcomes`]) shifts that score, for each
//!    kind of request, by a bounded amount.
//!
//! A score of one half or more is smart. The [`Reason`]s are the topics that
//! moved the score most, in the direction in which it fell.
//!
//! # Where the weights come from
//! [`fit`] makes them from `data/requests.jsonl`, requests that were written and
//! graded for this project, by `cargo xtask fit-router`. No public benchmark has
//! a part in it; `cargo xtask eval-router` measures against one.
//!
//! # How good it is
//! Of the project's own 1,015 requests, 83 % are decided as they were graded by
//! weights that were made without them (AUC .94), and 98 % of the decisions stay
//! the same with typing errors. A decision takes some 45 µs.
//!
//! Among RouteLLM's exam questions, all alike in form, it does not yet do better
//! than the length of the prompt, which was the aim: APGR .583 on MMLU (length
//! .586, chance .50) and .562 on GSM8K (length .601, chance .50).

mod decide;
mod features;
pub mod fit;
mod grams;
mod kind;
mod lexicon;
mod model;
mod outcomes;
mod reason;
mod request;
mod text;
mod typos;

pub use decide::{decide, decide_with};
pub use kind::Kind;
pub use model::{Model, ModelError};
pub use outcomes::{Ending, Outcomes};
pub use reason::Reason;
pub use request::{Decision, Request, Wanted};
pub use typos::with_typos;

#[cfg(test)]
mod tests;
