//! The store's promises, and what SQLite adds to them.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

mod conformance;
mod durability;
mod fixture;
mod ledger;
mod opening;
