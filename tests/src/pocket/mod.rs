//! The evaluation of the pocket model: a very small model that drives the
//! tools of `FileOpsAgent`.
//!
//! Requests that the model was not trained on run through the real engine, the
//! real tools and the real state machine of a run, in one process without hub
//! or edge. What is right is found without the tools: by looking at the files.
//!
//! ```text
//!   requests ──► layout ──► facts ──► truth ──► Expected ─┐
//!      │           │                                      ├─► judge ──► report
//!      └───────────┴──► drive (engine, tools, run) ► Made ┘
//! ```

mod answer;
mod call;
mod drive;
mod error;
mod facts;
mod judge;
mod layout;
mod options;
mod report;
mod requests;
mod run;
#[cfg(test)]
mod tests;
mod truth;

pub use error::PocketError;
pub use options::Options;
pub use report::{Failure, Figures, Outcome, Tally};
pub use run::run;
