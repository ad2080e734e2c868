//! How a log line is written.

use std::fmt;
use std::str::FromStr;

use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

/// How log lines are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
    /// By a pattern.
    Pattern(LogPattern),
}

/// A text that is no log format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no log format: use text, json, or a pattern of %(asctime)s, %(name)s, \
     %(levelname)s and %(message)s"
)]
pub struct LogFormatError(String);

impl FromStr for LogFormat {
    type Err = LogFormatError;

    fn from_str(text: &str) -> Result<Self, LogFormatError> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => LogPattern::parse(text)
                .map(Self::Pattern)
                .ok_or_else(|| LogFormatError(text.to_owned())),
        }
    }
}

/// A line as Python's `logging` describes it: text with the fields
/// `%(asctime)s`, `%(name)s`, `%(levelname)s` and `%(message)s`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogPattern(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// In UTC, by RFC 3339.
    Time,
    /// The part of the program.
    Name,
    Level,
    /// The message, its fields, and those of the request that it belongs to.
    Message,
}

impl LogPattern {
    /// `None` for an unknown field, or for no field at all.
    fn parse(text: &str) -> Option<Self> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("%(") {
            if !before.is_empty() {
                pieces.push(Piece::Text(before.to_owned()));
            }
            let (field, after) = after.split_once(")s")?;
            pieces.push(match field {
                "asctime" => Piece::Time,
                "name" => Piece::Name,
                "levelname" => Piece::Level,
                "message" => Piece::Message,
                _ => return None,
            });
            rest = after;
        }
        if pieces.is_empty() {
            return None;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.to_owned()));
        }
        Some(Self(pieces))
    }
}

impl<S, N> FormatEvent<S, N> for LogPattern
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut line: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => line.write_str(text)?,
                Piece::Time => SystemTime.format_time(&mut line)?,
                Piece::Name => line.write_str(event.metadata().target())?,
                Piece::Level => write!(line, "{}", event.metadata().level())?,
                Piece::Message => {
                    context.format_fields(line.by_ref(), event)?;
                    write_spans(context, &mut line)?;
                }
            }
        }
        writeln!(line)
    }
}

/// The fields of the spans around an event, the outermost first.
fn write_spans<S, N>(context: &FmtContext<'_, S, N>, line: &mut Writer<'_>) -> fmt::Result
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    for span in context.event_scope().into_iter().flat_map(|scope| scope.from_root()) {
        let extensions = span.extensions();
        match extensions.get::<FormattedFields<N>>() {
            Some(fields) if !fields.is_empty() => write!(line, " {fields}")?,
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn formats_have_names_and_patterns_known_fields() {
        assert_eq!("json".parse(), Ok(LogFormat::Json));
        assert_eq!("text".parse(), Ok(LogFormat::Text));
        for wrong in ["", "xml", "%(message)", "%(msg)s", "no field"] {
            let error = wrong.parse::<LogFormat>().unwrap_err().to_string();
            assert!(error.contains(&format!("`{wrong}`")), "{error}");
        }
    }

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_pattern_gives_its_fields_in_order_and_the_request_with_the_message() {
        let Ok(LogFormat::Pattern(pattern)) =
            "[%(levelname)s] %(name)s - %(message)s <%(asctime)s>".parse()
        else {
            panic!("a pattern")
        };
        let sink = Sink::default();
        let writer = sink.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .event_format(pattern)
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            let _request = tracing::info_span!("request", request_id = "req_1").entered();
            tracing::warn!(target: "agentos", task = 7, "slow");
        });
        let line = String::from_utf8(sink.0.lock().unwrap().clone()).unwrap();
        let (start, time) = line.trim_end().split_once(" <").unwrap();
        assert_eq!(start, r#"[WARN] agentos - slow task=7 request_id="req_1""#);
        assert!(time.ends_with("Z>") && time.contains('T'), "{time}");
    }
}
