//! Log lines to standard error and to a file.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::sync::Arc;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::writer::{BoxMakeWriter, MakeWriterExt as _};
use tracing_subscriber::layer::{Layer, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::log_file::{LogFile, LogFileOptions};
use crate::traces::{self, Traces, TracesGuard};
use crate::{LogFormat, LogFormatError};

/// What is logged, how and where to.
#[derive(Debug)]
pub struct LogOptions<'a> {
    /// A level, or a filter such as `agentos_link=debug,warn`.
    pub level: &'a str,
    /// How a line is written.
    pub format: LogFormat,
    /// A file beside standard error.
    pub file: Option<LogFileOptions>,
    /// Where traces go.
    pub traces: Traces<'a>,
}

/// Why logging cannot start.
#[derive(Debug, thiserror::Error)]
pub enum LoggingError {
    /// A text that is no log filter.
    #[error(
        "`{0}` is no log level: use error, warn, info, debug, trace, or a filter such as \
         agentos_link=debug"
    )]
    Level(String),
    /// A text that is no log format.
    #[error(transparent)]
    Format(#[from] LogFormatError),
    /// The log file.
    #[error("cannot open the log file {}: correct logging.path, or set it to null", path.display())]
    File {
        /// Where it was to be.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The export of traces.
    #[error("cannot export traces to {endpoint} ({reason}): correct telemetry.otlp_endpoint")]
    Traces {
        /// Where they were to go.
        endpoint: String,
        /// What is wrong.
        reason: String,
    },
}

/// Starts logging for this process, to standard error and, where there is one,
/// to a file. llama.cpp, which tells every detail of a load at `info`, is quiet
/// unless `level` names it (`llama-cpp-2=info`). Where traces are exported, this
/// has to be called within a runtime of tokio, and what it returns be kept: it
/// sends what is left when it is dropped.
///
/// # Errors
/// Where `level` is no filter, the file cannot be opened, or traces cannot be
/// exported.
pub fn start_logging(options: LogOptions<'_>) -> Result<TracesGuard, LoggingError> {
    let filter = filter(options.level)?;
    let console = std::io::stderr().is_terminal() && options.file.is_none();
    let writer = match options.file {
        None => BoxMakeWriter::new(std::io::stderr),
        Some(file) => {
            let path = file.path.clone();
            let file = LogFile::open(file).map_err(|source| LoggingError::File { path, source })?;
            BoxMakeWriter::new(std::io::stderr.and(Arc::new(file)))
        }
    };
    let (traces, guard) = traces::start(&options.traces)?;
    let lines = tracing_subscriber::fmt::layer().with_ansi(console).with_writer(writer);
    let lines = match options.format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().boxed(),
        LogFormat::Pattern(pattern) => lines.event_format(pattern).boxed(),
    };
    tracing_subscriber::registry().with(traces).with(lines).with(filter).init();
    traces::tell(&options.traces);
    Ok(guard)
}

fn filter(level: &str) -> Result<EnvFilter, LoggingError> {
    // The later directive wins where both name the same target.
    EnvFilter::try_new(format!("llama-cpp-2=warn,{level}"))
        .map_err(|_| LoggingError::Level(level.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_is_no_level_is_refused_by_name() {
        assert!(filter("info").is_ok());
        assert!(filter("agentos_link=debug,warn").is_ok());
        let error = filter("agentos=loud").unwrap_err().to_string();
        assert!(error.contains("`agentos=loud`"), "{error}");
    }
}
