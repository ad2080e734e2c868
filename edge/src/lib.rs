//! The edge's composition: which parts it has, in which order they start and
//! stop. The tools are handed in, so that a program with other tools is the
//! same edge.

mod app;
mod cli;
mod error;
mod join;
mod settings;

pub use app::App;
pub use cli::{Cli, Command, JoinArgs, RunArgs, TransportArg};
pub use error::EdgeError;
pub use join::join;
pub use settings::Settings;
