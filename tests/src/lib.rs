//! Shared parts of the end-to-end tests and benchmarks. The tests themselves
//! are in `tests/`, one file per topic.

pub mod auth_cost;
pub mod bench;
pub mod bench_engine;
pub mod chaos;
pub mod harness;
pub mod pocket;
