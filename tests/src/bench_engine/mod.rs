//! The engine's benchmark: what its promises cost when there is much to do.
//!
//! ```text
//!   seed ──► restart ─┐  a hub and an edge, each a process: kill -9 and start
//!            approval ┤  over a large journal; from a person's yes to the tool
//!   asker ─► waiting ─┼─► report
//!            queue ───┤  a hub, a process: thousands of tasks in its queue
//!   filler ► claims ──┤  the store alone: whose turn it is
//!   bench::steps ─────┘  the store alone: steps, beside the disk's own fsync
//! ```

mod approval;
mod asker;
mod claims;
mod filler;
mod machine;
mod options;
mod queue;
mod real_hub;
mod report;
mod restart;
mod run;
mod waiting;

pub use options::Options;
pub use report::{Aim, Figures};
pub use run::{Outcome, run};
