//! The table of settings: the one place that says what there is.

mod agent;
mod edge;
mod engine;
mod hub;
mod logging;
mod models;

pub(crate) use agent::AGENT;
pub(crate) use edge::EDGE;
pub(crate) use hub::HUB;
