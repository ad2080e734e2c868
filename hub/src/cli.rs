//! The hub's command line.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::paths::default_data_dir;

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
    /// Manage edges from the hub's own machine
    #[command(subcommand)]
    Edge(EdgeCommand),
    /// Ask the hub on this machine whether it is well; exit code 0 if so
    Healthcheck {
        /// The hub's data folder
        #[arg(long, env = "AGENT_OS_DATA", default_value_os_t = default_data_dir())]
        data: PathBuf,
    },
}

/// Edges, from the hub's own machine.
#[derive(Debug, Subcommand)]
pub enum EdgeCommand {
    /// Print a one-time token by which an edge joins
    Invite {
        /// The hub's data folder
        #[arg(long, env = "AGENT_OS_DATA", default_value_os_t = default_data_dir())]
        data: PathBuf,
        /// What the edge shall be called
        #[arg(long)]
        name: Option<String>,
    },
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people
    Text,
    /// One JSON object a line
    Json,
}

/// How the hub runs.
#[derive(Debug, Clone, Args)]
pub struct ServeArgs {
    /// Folder for the database, the files and the keys
    #[arg(long, env = "AGENT_OS_DATA", default_value_os_t = default_data_dir())]
    pub data: PathBuf,
    /// Address that the API listens on
    #[arg(long, env = "AGENTOS_HOST", default_value = "127.0.0.1")]
    pub host: IpAddr,
    /// Port that the API listens on
    #[arg(long, env = "AGENTOS_PORT", default_value_t = 7777)]
    pub port: u16,
    /// Address and port of the API in one; wins over --host and --port
    #[arg(long)]
    pub listen: Option<SocketAddr>,
    /// Address and port (UDP and TCP) where edges dial in
    #[arg(long, env = "AGENT_OS_LINK_LISTEN", default_value = "0.0.0.0:7443")]
    pub link_listen: SocketAddr,
    /// Another name or address under which edges reach this hub; repeatable
    #[arg(long = "link-name", env = "AGENT_OS_LINK_NAMES", value_delimiter = ',')]
    pub link_names: Vec<String>,
    /// The most runs that one edge works on at once
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..))]
    pub runs_per_edge: u16,
    /// Seconds without a sign of life after which a run is given to another
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(3..=3600))]
    pub lease_seconds: u64,
    /// What to log: error, warn, info, debug, trace, or a filter such as agentos_link=debug
    #[arg(long, env = "AGENT_OS_LOG_LEVEL", default_value = "info")]
    pub log_level: String,
    /// How log lines are written
    #[arg(long, env = "AGENT_OS_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
}

impl ServeArgs {
    /// Where the API listens.
    #[must_use]
    pub fn api_address(&self) -> SocketAddr {
        self.listen.unwrap_or(SocketAddr::new(self.host, self.port))
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

    #[test]
    fn listen_wins_over_host_and_port() {
        let cli = Cli::parse_from(["agentos-hub", "serve", "--port", "1", "--listen", "[::1]:2"]);
        let Command::Serve(args) = cli.command else { panic!("serve") };
        assert_eq!(args.api_address().to_string(), "[::1]:2");
    }
}
