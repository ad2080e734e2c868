//! Runs agents: on an edge, and on the hub where no edge is there.
//!
//! [`Worker`] serves the hub's calls: a run is handed over by `Execute`, its
//! live events are followed by `Attach`, a model is used directly by
//! `Generate`. What a run does is reported to the hub step by step; until the
//! hub has answered, nothing counts.
//!
//! ```text
//!   hub ── Execute ──► executor ──► runs ──► runner ──► engine, tools
//!   hub ◄── Attach ─── events ◄─────────────────────┤
//!   hub ◄── Append ─── hub client ◄─────────────────┘
//!                                        spool: what a restart must not lose
//! ```

mod answers;
mod attempts;
mod blocking;
mod calls;
mod checkers;
mod error;
mod events;
mod executor;
mod files;
mod hub;
mod inference;
mod load;
mod models;
mod reports;
mod runner;
mod runs;
mod spans;
mod spool;
#[cfg(test)]
mod tests;
mod toolbox;
mod worker;

pub use blocking::Blocking;
pub use checkers::install_checkers;
pub use error::WorkerError;
pub use toolbox::Toolbox;
pub use worker::{Worker, WorkerConfig};
