//! The hub's REST API and live events.
//!
//! Handlers only translate: HTTP into the engine's verbs, and what the engine
//! answers into JSON. Five rules hold for every route, and none is left to a
//! handler: `routes` is the one table of routes and of the scope that each
//! needs, `auth` checks it before a handler runs, `limits` holds back who asks
//! too often, `openapi` describes each, and `observe` gives every response its
//! request id and every error its body (RFC 9457).
//!
//! ```text
//!  connection ► observe ► cors ► gate (who asks? too often?) ► require (scope) ► handler
//! ```

mod approvals;
mod auth;
mod billing;
mod body;
mod browser;
mod connections;
mod cors;
mod docs;
mod edges;
mod error;
mod events;
mod files;
mod health;
mod http2;
mod http_metrics;
mod keys;
mod limits;
mod metrics;
mod observe;
mod openai;
mod openapi;
mod problem;
mod provider_keys;
mod routes;
mod schedules;
mod server;
mod session;
mod sessions;
mod spending;
mod stall;
mod state;
mod tasks;
#[cfg(test)]
mod tests;
mod tls;
mod trigger;

pub use auth::{TokenRefusal, TokenVerifier};
pub use error::ApiError;
pub use limits::{Rate, RateLimits};
pub use routes::router;
pub use server::Api;
pub use state::{ApiConfig, ApiState, Services};
pub use tls::{ServerTls, TlsError};
