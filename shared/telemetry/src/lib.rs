//! What the programs tell of themselves: log lines, and traces by
//! OpenTelemetry (feature `otel`).
//!
//! The id of a request is carried by every line and span that the request sets
//! off, on both machines. What users write, what models answer and what files
//! hold never stands in either.

mod format;
mod log_file;
mod logging;
pub mod names;
mod traces;

pub use format::{LogFormat, LogFormatError};
pub use log_file::LogFileOptions;
pub use logging::{LogOptions, LoggingError, start_logging};
pub use traces::{Traces, TracesGuard, join_trace};
