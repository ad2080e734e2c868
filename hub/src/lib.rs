//! The hub's composition: which parts it has, in which order they start and
//! stop. Everything that does something is in the crates below.

mod admin;
mod app;
mod cli;
mod error;
mod logging;
mod paths;

pub use admin::{healthcheck, invite};
pub use app::App;
pub use cli::{Cli, Command, EdgeCommand, LogFormat, ServeArgs};
pub use error::HubError;
pub use logging::start_logging;
pub use paths::DataDir;
