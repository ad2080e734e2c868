//! The budget ledger under chance, load and kills.

mod crash;
mod model;
mod race;
