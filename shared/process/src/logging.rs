//! Log lines to standard error and to a file.

use std::io::IsTerminal as _;
use std::sync::Arc;

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::writer::{BoxMakeWriter, MakeWriterExt as _};

use crate::log_file::LogFile;

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people
    Text,
    /// One JSON object a line
    Json,
}

impl LogFormat {
    /// The format of this name: `text` or `json`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::from_str(name, true).ok()
    }
}

/// A text that is no log filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no log level: use error, warn, info, debug, trace, or a filter such as agentos_link=debug"
)]
pub struct LogLevelError(String);

/// Starts logging for this process, to standard error and, where there is one,
/// to a file. llama.cpp, which tells every detail of a load at `info`, is quiet
/// unless `level` names it (`llama-cpp-2=info`).
///
/// # Errors
/// Where `level` is no filter.
pub fn start_logging(
    level: &str,
    format: LogFormat,
    file: Option<LogFile>,
) -> Result<(), LogLevelError> {
    let console = std::io::stderr().is_terminal() && file.is_none();
    let lines = tracing_subscriber::fmt().with_env_filter(filter(level)?).with_ansi(console);
    let writer = match file {
        None => BoxMakeWriter::new(std::io::stderr),
        Some(file) => BoxMakeWriter::new(std::io::stderr.and(Arc::new(file))),
    };
    match format {
        LogFormat::Text => lines.with_writer(writer).init(),
        LogFormat::Json => lines.with_writer(writer).json().init(),
    }
    Ok(())
}

fn filter(level: &str) -> Result<EnvFilter, LogLevelError> {
    // The later directive wins where both name the same target.
    EnvFilter::try_new(format!("llama-cpp-2=warn,{level}"))
        .map_err(|_| LogLevelError(level.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_have_names_and_a_pattern_is_none() {
        assert_eq!(LogFormat::named("json"), Some(LogFormat::Json));
        assert_eq!(LogFormat::named("text"), Some(LogFormat::Text));
        assert_eq!(LogFormat::named("%(message)s"), None);
    }

    #[test]
    fn a_word_that_is_no_level_is_refused_by_name() {
        assert!(filter("info").is_ok());
        assert!(filter("agentos_link=debug,warn").is_ok());
        let error = filter("agentos=loud").unwrap_err().to_string();
        assert!(error.contains("`agentos=loud`"), "{error}");
    }
}
