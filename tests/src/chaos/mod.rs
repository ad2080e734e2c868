//! The chaos test: real processes under load, killed at every crash point and
//! anywhere else, stopped, cut off, moved, and out of disk; and a checker that
//! reads the history of it all.
//!
//! ```text
//!   load, person ──► hub ◄──── link ────► edge ──► tools ──► effects
//!        │            ▲                     ▲                   │
//!        │            └── drive: schedule ──┘                   │
//!        └──────────────► history ◄─────────────────────────────┘
//!                            └──► check ──► verdict ──► report
//! ```
//! A seed determines the load and what is done to the processes; the moments
//! at which they are hit are the machine's.

mod check;
mod collect;
mod drive;
mod effects;
mod engine;
mod ground;
mod history;
mod load;
mod options;
mod person;
mod plan;
mod random;
mod report;
mod run;
mod schedule;
mod world;

pub use effects::tools;
pub use engine::PlannedEngine;
pub use options::Options;
pub use report::Report;
pub use run::{Extent, run};
pub use world::Programs;
