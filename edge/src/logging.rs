//! Log lines to standard error.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

use crate::cli::LogFormat;
use crate::error::EdgeError;

/// Starts logging for this process.
///
/// # Errors
/// Where `level` is no filter.
pub fn start_logging(level: &str, format: LogFormat) -> Result<(), EdgeError> {
    // First, so that a filter that names it wins: llama.cpp tells every detail
    // of a load at `info`.
    let quiet = format!("llama-cpp-2=warn,{level}");
    let filter = EnvFilter::try_new(quiet).map_err(|_| EdgeError::LogLevel(level.to_owned()))?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    match format {
        LogFormat::Text => lines.init(),
        LogFormat::Json => lines.json().init(),
    }
    Ok(())
}
