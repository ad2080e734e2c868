//! The edge's command line.

use std::path::PathBuf;

use agentos_process::default_data_dir;
use agentos_telemetry::LogFormat;
use clap::{Args, Parser, Subcommand, ValueEnum};

/// The edge of an Agent OS: models and agents.
#[derive(Debug, Parser)]
#[command(name = "agentos-edge", version)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What the edge's program can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Join a hub by a one-time token (made by `agentos edge invite`)
    Join(JoinArgs),
    /// Run the edge until it is stopped
    Run(RunArgs),
    /// Install ruff, black and mypy, which CodeAgent's Python has to pass
    InstallCheckers(CheckersArgs),
}

/// Where the checkers of code are installed.
#[derive(Debug, Clone, Args)]
pub struct CheckersArgs {
    /// The configuration file; without it ./agent_os_edge.yaml and the other usual places
    #[arg(long)]
    pub config: Option<PathBuf>,
    /// Folder for the edge's identity, models and caches
    #[arg(long)]
    pub data: Option<PathBuf>,
    /// A Python with `venv`; packages come from the index that its pip is configured for
    #[arg(long, default_value = "python3")]
    pub python: PathBuf,
}

/// How an edge joins.
#[derive(Debug, Clone, Args)]
pub struct JoinArgs {
    /// The hub, as HOST:PORT
    pub hub: String,
    /// The one-time token
    pub token: String,
    /// Folder for the edge's identity, models and caches
    #[arg(long, env = "AGENT_OS_EDGE_DATA", default_value_os_t = default_data_dir("edge"))]
    pub data: PathBuf,
    /// What the edge is called
    #[arg(long, default_value = "edge")]
    pub name: String,
    /// Join again although this edge has joined before; its old identity is lost
    #[arg(long)]
    pub replace: bool,
}

/// How the edge reaches its hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TransportArg {
    /// QUIC, and TCP where UDP does not pass
    Auto,
    /// QUIC alone
    Quic,
    /// TCP alone
    Tcp,
}

/// How the edge runs. Whatever is not given here comes from the environment, the
/// configuration file or the defaults, in this order.
#[derive(Debug, Clone, Default, Args)]
pub struct RunArgs {
    /// The configuration file; without it ./agent_os_edge.yaml and the other usual places
    #[arg(long)]
    pub config: Option<PathBuf>,
    /// Folder for the edge's identity, models and caches
    #[arg(long)]
    pub data: Option<PathBuf>,
    /// The hub, as HOST:PORT; without it, the one that was joined
    #[arg(long)]
    pub hub: Option<String>,
    /// A model in GGUF format; without it, the built-in pocket model, a demonstration
    #[arg(long)]
    pub model: Option<PathBuf>,
    /// Tokens of context
    #[arg(long, value_parser = clap::value_parser!(u32).range(256..))]
    pub context_tokens: Option<u32>,
    /// Threads for the model; without it, all cores but one
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=256))]
    pub threads: Option<u32>,
    /// Layers of the model that go to the GPU, where there is one
    #[arg(long)]
    pub gpu_layers: Option<u32>,
    /// How the edge reaches its hub
    #[arg(long, value_enum)]
    pub transport: Option<TransportArg>,
    /// What to log: error, warn, info, debug, trace, or a filter such as agentos_link=debug
    #[arg(long)]
    pub log_level: Option<String>,
    /// How log lines are written: text, json, or a pattern such as "%(asctime)s %(message)s"
    #[arg(long)]
    pub log_format: Option<LogFormat>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
