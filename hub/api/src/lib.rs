//! The hub's REST API and live events.
//!
//! Handlers only translate: HTTP into the engine's verbs, and what the engine
//! answers into JSON. Three rules hold for every route, and none is left to a
//! handler: `routes` is the one table of routes and of the scope that each
//! needs, `auth` checks it before a handler runs, and `observe` gives every
//! response its request id and every error its body (RFC 9457).

mod auth;
mod body;
mod edges;
mod error;
mod events;
mod files;
mod health;
mod observe;
mod problem;
mod routes;
mod server;
mod stall;
mod state;
mod tasks;
#[cfg(test)]
mod tests;

pub use error::ApiError;
pub use routes::router;
pub use server::Api;
pub use state::{ApiConfig, ApiState};
