//! The hub's composition: which parts it has, in which order they start and
//! stop. Everything that does something is in the crates below.

mod admin;
mod app;
mod billing;
mod cli;
mod error;
mod executor;
mod models;
mod notify;
mod paths;
mod pinned;
mod settings;
mod tls;
mod tokens;

pub use admin::{healthcheck, install_checkers, invite};
pub use app::App;
pub use cli::{Cli, Command, EdgeCommand, ServeArgs};
pub use error::HubError;
pub use paths::DataDir;
pub use settings::Settings;
pub use tokens::Tokens;
