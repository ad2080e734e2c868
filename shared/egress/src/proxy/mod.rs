//! The way out of a sandbox without a network: an HTTP proxy on a UNIX socket.

mod forward;
mod handler;
mod meter;
mod server;
mod server_name;
mod token;
mod tunnel;

pub use server::{EgressProxy, ProxyLimits};
pub use token::ProxyToken;
