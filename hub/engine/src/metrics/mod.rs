//! What the hub counts, in the text format of Prometheus.
//!
//! `family` holds the kinds of metrics, `tasks` what is counted of tasks.
//! Labels take few values: names of agents and tools are those that are
//! configured, models are the first that turn up, ids are never labels.

mod family;
mod tasks;
#[cfg(test)]
mod tests;

pub use family::{CounterFamily, HistogramFamily, gauge, info};
pub(crate) use tasks::Metrics;
