//! The `agentos` binary against a stub of the hub.

#[cfg(test)]
mod approvals;
mod billing;
#[cfg(test)]
mod commands;
#[cfg(test)]
mod config;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod live;
#[cfg(test)]
mod provider_keys;
#[cfg(test)]
mod schedules;
#[cfg(test)]
mod support;
