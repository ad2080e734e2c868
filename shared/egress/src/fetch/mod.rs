//! Fetching a page for a model: outside the sandbox, under every check.

mod body;
mod error;
mod exchange;
mod fetcher;
mod limits;

pub use error::FetchError;
pub use exchange::{TlsConfig, tls_config};
pub use fetcher::{FetchRequest, Fetched, Fetcher};
pub use limits::FetchLimits;
