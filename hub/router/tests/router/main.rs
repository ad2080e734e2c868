//! The router against mocks of providers, with a real ledger.

mod cache;
mod confidence;
mod continued;
mod fixture;
mod home;
mod matrix;
mod money;
mod race;
mod rules;
mod wire;
