//! The store on SQLite: one writer thread that commits in groups, a few
//! read-only connections.

mod audit;
mod budgets;
mod calls;
mod changes;
mod edges;
mod fault;
mod files;
mod in_place;
mod jobs;
mod journal;
mod kernel;
mod keys;
mod leases;
mod ledger;
mod open;
mod proposals;
mod provider_keys;
mod queue;
mod readers;
mod results;
mod rows;
mod runs;
mod schedules;
mod service;
mod spend;
mod tasks;
#[cfg(test)]
mod tests;
mod verbs;
mod writer;

pub use in_place::Disk;
pub use service::{SqliteConfig, SqliteStore};
pub use writer::WriteStats;
