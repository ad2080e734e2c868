//! The hub's command line.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use agentos_process::default_data_dir;
use agentos_telemetry::LogFormat;

/// The hub of an Agent OS: database, scheduler, API.
#[derive(Debug, Parser)]
#[command(name = "agentos-hub", version)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What the hub's program can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the hub until it is stopped
    Serve(ServeArgs),
    /// Install ruff, black and mypy for tasks that the hub works on itself
    InstallCheckers {
        /// The configuration file; without it ./agent_os.yaml and the other usual places
        #[arg(long)]
        config: Option<PathBuf>,
        /// The hub's data folder
        #[arg(long)]
        data: Option<PathBuf>,
        /// A Python with `venv`; packages come from the index that its pip is configured for
        #[arg(long, default_value = "python3")]
        python: PathBuf,
    },
    /// Manage edges from the hub's own machine
    #[command(subcommand)]
    Edge(EdgeCommand),
    /// Ask the hub on this machine whether it is well; exit code 0 if so
    Healthcheck {
        /// The hub's data folder
        #[arg(long, env = "AGENT_OS_DATA", default_value_os_t = default_data_dir("hub"))]
        data: PathBuf,
    },
}

/// Edges, from the hub's own machine.
#[derive(Debug, Subcommand)]
pub enum EdgeCommand {
    /// Print a one-time token by which an edge joins
    Invite {
        /// The hub's data folder
        #[arg(long, env = "AGENT_OS_DATA", default_value_os_t = default_data_dir("hub"))]
        data: PathBuf,
        /// What the edge shall be called
        #[arg(long)]
        name: Option<String>,
    },
}

/// How the hub runs. Whatever is not given here comes from the environment, the
/// configuration file or the defaults, in this order.
#[derive(Debug, Clone, Default, Args)]
pub struct ServeArgs {
    /// The configuration file; without it ./agent_os.yaml and the other usual places
    #[arg(long)]
    pub config: Option<PathBuf>,
    /// Folder for the database, the files and the keys
    #[arg(long)]
    pub data: Option<PathBuf>,
    /// Address that the API listens on
    #[arg(long)]
    pub host: Option<IpAddr>,
    /// Port that the API listens on
    #[arg(long)]
    pub port: Option<u16>,
    /// Address and port of the API in one; wins over --host and --port
    #[arg(long)]
    pub listen: Option<SocketAddr>,
    /// Address and port (UDP and TCP) where edges dial in
    #[arg(long)]
    pub link_listen: Option<SocketAddr>,
    /// Another name or address under which edges reach this hub; repeatable
    #[arg(long = "link-name", value_delimiter = ',')]
    pub link_names: Vec<String>,
    /// The most runs that one edge works on at once
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub runs_per_edge: Option<u32>,
    /// Seconds without a sign of life after which a run is given to another
    #[arg(long, value_parser = clap::value_parser!(u64).range(3..=3600))]
    pub lease_seconds: Option<u64>,
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
