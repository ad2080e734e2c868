//! The system's benchmark: what the link, the journal, the path of tokens and
//! the hub at rest cost, on the machine at hand.
//!
//! Everything but the memory of the hub at idle is measured in one process: a
//! hub (store, engine, link) and an edge (link, worker) that speak over
//! loopback with certificates on both sides.
//!
//! ```text
//!   disk ─┐                       ┌─ link       pings over QUIC and TCP
//!   steps ┤ the store alone       ├─ tool_call  intent and result over QUIC
//!         └──► report ◄── system ─┼─ tokens     the engine, with and without the path
//!   idle ────► (a real process)   │
//! ```

pub(crate) mod disk;
mod error;
pub(crate) mod idle;
mod link;
mod machine;
mod options;
mod report;
mod run;
mod stats;
pub(crate) mod steps;
mod system;
mod tokens;
mod tool_call;

pub use error::BenchError;
pub use machine::Machine;
pub use options::Options;
pub(crate) use options::Rounds;
pub use report::{Figures, Row, rows, table};
pub use run::{Outcome, run};
pub use stats::Samples;
