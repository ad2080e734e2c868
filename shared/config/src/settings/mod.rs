//! The table of settings: the one place that says what there is.

mod agent;
mod billing;
mod edge;
mod engine;
mod hub;
mod logging;
mod models;
mod toolbox;
mod workflow;

pub(crate) use agent::AGENT;
pub(crate) use edge::EDGE;
pub(crate) use hub::HUB;
pub(crate) use workflow::WORKFLOW;
