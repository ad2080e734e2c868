//! What it costs a request that somebody must be let in: processor time of
//! whole requests through the API's router.
//!
//! The same answer is asked for again and again, once of a hub where it is
//! open to everyone and once of one that guards it: what is more is the cost of
//! finding out who asks, counting the request and checking the scope. The ways
//! of asking take turns, and of all turns the median counts.

mod issuer;
mod measure;

pub use measure::{Costs, measure};

/// What a measurement can fail with.
pub type CostError = Box<dyn std::error::Error + Send + Sync>;
