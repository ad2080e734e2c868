//! Prints the profile of a run for macOS; `deploy/macos/check_sandbox.sh` uses it.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use agentos_sandbox::SeatbeltPolicy;
use clap::Parser;

/// Prints the Seatbelt profile of a program over a run's folder.
#[derive(Debug, Parser)]
#[command(name = "seatbelt-profile", version)]
struct Options {
    /// The run's folder
    #[arg(long)]
    folder: PathBuf,
    /// A folder below it that may be written
    #[arg(long)]
    writable: Vec<PathBuf>,
    /// The folder of temporary files
    #[arg(long)]
    temporary: PathBuf,
    /// The local port of the egress proxy
    #[arg(long)]
    proxy_port: Option<u16>,
}

fn main() -> ExitCode {
    let Options { folder, writable, temporary, proxy_port } = Options::parse();
    let policy =
        SeatbeltPolicy { folder, writable, temporary, proxy_port, ..SeatbeltPolicy::default() };
    agentos_process::exit_code(policy.profile().map_err(|error| error.to_string()).and_then(
        |profile| std::io::stdout().lock().write_all(profile.as_bytes()).map_err(|e| e.to_string()),
    ))
}
