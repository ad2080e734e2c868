//! The mock does what its script says.

mod embeddings;
mod faults;
mod lifetime;
mod refusals;
mod shapes;
mod support;
mod whole;
