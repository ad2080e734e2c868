//! The edge's command line.

use std::path::PathBuf;

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
}

/// `$XDG_DATA_HOME/agentos/edge`, or the usual place below the home folder.
fn default_data_dir() -> PathBuf {
    let base = std::env::var_os("XDG_DATA_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::home_dir().map(|home| home.join(".local/share")))
        .unwrap_or_else(|| PathBuf::from("."));
    base.join("agentos/edge")
}

/// How an edge joins.
#[derive(Debug, Clone, Args)]
pub struct JoinArgs {
    /// The hub, as HOST:PORT
    pub hub: String,
    /// The one-time token
    pub token: String,
    /// Folder for the edge's identity, models and caches
    #[arg(long, env = "AGENT_OS_EDGE_DATA", default_value_os_t = default_data_dir())]
    pub data: PathBuf,
    /// What the edge is called
    #[arg(long, default_value = "edge")]
    pub name: String,
    /// Join again although this edge has joined before; its old identity is lost
    #[arg(long)]
    pub replace: bool,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people
    Text,
    /// One JSON object a line
    Json,
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

/// How the edge runs.
#[derive(Debug, Clone, Args)]
pub struct RunArgs {
    /// Folder for the edge's identity, models and caches
    #[arg(long, env = "AGENT_OS_EDGE_DATA", default_value_os_t = default_data_dir())]
    pub data: PathBuf,
    /// The hub, as HOST:PORT; without it, the one that was joined
    #[arg(long, env = "AGENT_OS_HUB")]
    pub hub: Option<String>,
    /// A model in GGUF format; without it, demonstration weights with random output
    #[arg(long, env = "AGENT_OS_MODEL")]
    pub model: Option<PathBuf>,
    /// Tokens of context
    #[arg(long, env = "AGENT_OS_CONTEXT_TOKENS", default_value_t = 8192,
        value_parser = clap::value_parser!(u32).range(256..))]
    pub context_tokens: u32,
    /// Threads for the model; without it, all cores but one
    #[arg(long, env = "AGENT_OS_THREADS", value_parser = clap::value_parser!(u32).range(1..=256))]
    pub threads: Option<u32>,
    /// Layers of the model that go to the GPU, where there is one
    #[arg(long, env = "AGENT_OS_GPU_LAYERS", default_value_t = 999)]
    pub gpu_layers: u32,
    /// How the edge reaches its hub
    #[arg(long, value_enum, default_value_t = TransportArg::Auto)]
    pub transport: TransportArg,
    /// What to log: error, warn, info, debug, trace, or a filter such as agentos_link=debug
    #[arg(long, env = "AGENT_OS_LOG_LEVEL", default_value = "info")]
    pub log_level: String,
    /// How log lines are written
    #[arg(long, env = "AGENT_OS_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
}

impl RunArgs {
    /// Threads for the model. A core is left free: a model that shares all
    /// cores with other work waits for its slowest thread at every token.
    #[must_use]
    pub fn model_threads(&self) -> u32 {
        self.threads.unwrap_or_else(|| {
            let cores = std::thread::available_parallelism().map_or(1, usize::from);
            u32::try_from(cores.saturating_sub(1)).unwrap_or(1).max(1)
        })
    }
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
