//! An agent's run as a pure state machine: the journal goes in, the next
//! action comes out. No I/O and no clock, so the same code drives a run on the
//! edge, on the hub, and in a simulator, and a run can be taken up at any
//! point by any executor that has the journal.
//!
//! ```text
//!   journal ──► next() ──► Action ──► executor performs it ──► Entry ──┐
//!      ▲                                                               │
//!      └──────────────── committed by the hub ◄────────────────────────┘
//! ```

mod conversation;
mod next;
#[cfg(test)]
mod tests;

pub use conversation::conversation;
pub use next::{Action, RunConfig, next};
