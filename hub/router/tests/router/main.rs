//! The router against mocks of providers, with a real ledger.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod cache;
mod confidence;
mod continued;
mod fixture;
mod home;
mod matrix;
mod money;
mod race;
mod rules;
mod runs;
mod wire;
