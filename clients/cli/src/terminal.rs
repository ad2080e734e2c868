//! The only place that prints.

use std::io::{self, IsTerminal, Write};

use serde::Serialize;

use crate::text::{clean, clean_json, one_line, shorten};

/// Where data (standard output) and everything else (standard error) go.
pub(crate) struct Terminal {
    out: Box<dyn Write + Send>,
    err: Box<dyn Write + Send>,
    look: Look,
    /// Whether the last line of the standard error will be overwritten.
    passing: bool,
}

/// How to print.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    /// Whether a person sees the standard output as it is written.
    pub(crate) live_out: bool,
    /// Whether a person sees the standard error, and lines of it can be
    /// overwritten.
    pub(crate) live_err: bool,
    /// Whether the standard error takes colours.
    pub(crate) color: bool,
    /// Characters of a line.
    pub(crate) width: usize,
    /// Results and errors only.
    pub(crate) quiet: bool,
}

/// How a line on the standard error stands out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// As it is.
    Plain,
    /// Beside the point.
    Dim,
    /// Wrong.
    Red,
}

impl Terminal {
    /// The terminal of this process.
    pub(crate) fn of_process(quiet: bool, env: &dyn Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| env(name).is_some_and(|value| !value.is_empty());
        let dumb = env("TERM").as_deref() == Some("dumb");
        let live_err = io::stderr().is_terminal() && !dumb;
        let color = live_err && !set("NO_COLOR");
        let columns = env("COLUMNS").and_then(|columns| columns.parse().ok());
        let seen = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
        let width = columns.or(seen).unwrap_or(80).clamp(20, 1_000);
        let live_out = io::stdout().is_terminal();
        let look = Look { live_out, live_err, color, width, quiet };
        Self { out: Box::new(io::stdout()), err: Box::new(io::stderr()), look, passing: false }
    }

    /// A terminal that writes elsewhere.
    #[cfg(test)]
    pub(crate) fn new(out: Box<dyn Write + Send>, err: Box<dyn Write + Send>, look: Look) -> Self {
        Self { out, err, look, passing: false }
    }

    /// Characters of a line.
    pub(crate) fn width(&self) -> usize {
        self.look.width
    }

    /// Whether only results and errors are wanted.
    pub(crate) fn quiet(&self) -> bool {
        self.look.quiet
    }

    /// Whether live text goes to the standard output.
    pub(crate) fn live_is_data(&self) -> bool {
        self.look.live_out && !self.look.quiet
    }

    /// Whether a person sees the standard output as it is written.
    pub(crate) fn out_is_terminal(&self) -> bool {
        self.look.live_out
    }

    /// How far something is: a line that the next one overwrites, where a person
    /// looks at it.
    pub(crate) fn progress(&mut self, text: &str) -> io::Result<()> {
        if self.look.quiet || !self.look.live_err {
            return Ok(());
        }
        // A line of the whole width would be broken by some terminals.
        let line = shorten(&one_line(text), self.look.width.saturating_sub(1));
        write!(self.err, "\r{line}\u{1b}[K")?;
        self.passing = true;
        self.err.flush()
    }

    /// Takes the line about progress away.
    pub(crate) fn end_progress(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.passing) {
            write!(self.err, "\r\u{1b}[K")?;
            self.err.flush()?;
        }
        Ok(())
    }

    /// A line of data, made harmless.
    pub(crate) fn line(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "{}", clean(text))?;
        self.out.flush()
    }

    /// Data as it is, for files that are downloaded into a pipe.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        self.out.flush()
    }

    /// Text of a model as it comes: to the standard output where a person
    /// looks at it, else to the standard error, so that a pipe gets only the
    /// answer.
    pub(crate) fn live(&mut self, text: &str) -> io::Result<()> {
        if self.look.quiet {
            return Ok(());
        }
        let stream = if self.look.live_out { &mut self.out } else { &mut self.err };
        stream.write_all(clean(text).as_bytes())?;
        stream.flush()
    }

    /// A line beside the data, unless it is to be quiet.
    pub(crate) fn note(&mut self, tone: Tone, text: &str) -> io::Result<()> {
        if self.look.quiet { Ok(()) } else { self.say(tone, text) }
    }

    /// A line beside the data in any case.
    pub(crate) fn say(&mut self, tone: Tone, text: &str) -> io::Result<()> {
        let (on, off) = match tone {
            _ if !self.look.color => ("", ""),
            Tone::Plain => ("", ""),
            Tone::Dim => ("\u{1b}[2m", "\u{1b}[0m"),
            Tone::Red => ("\u{1b}[31m", "\u{1b}[0m"),
        };
        writeln!(self.err, "{on}{}{off}", clean(text))?;
        self.err.flush()
    }

    /// What went wrong and what to do about it.
    pub(crate) fn error(&mut self, message: &str, hint: &str) -> io::Result<()> {
        self.say(Tone::Red, &format!("error: {message}"))?;
        self.say(Tone::Plain, &format!("  try: {hint}"))
    }

    /// A JSON document: indented, made harmless.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> io::Result<()> {
        let json = serde_json::to_string_pretty(value).map_err(io::Error::other)?;
        writeln!(self.out, "{}", clean_json(&json))?;
        self.out.flush()
    }

    /// A JSON document on one line.
    pub(crate) fn json_line(&mut self, value: &impl Serialize) -> io::Result<()> {
        let json = serde_json::to_string(value).map_err(io::Error::other)?;
        writeln!(self.out, "{}", clean_json(&json))?;
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn progress(live_err: bool, quiet: bool) -> String {
        let err = Buffer::default();
        let look = Look { live_out: true, live_err, color: false, width: 20, quiet };
        let mut terminal = Terminal::new(Box::new(io::sink()), Box::new(err.clone()), look);
        terminal.progress("openai_collector: 31 of 90").unwrap();
        terminal.progress("a\u{1b}[2J\nb").unwrap();
        terminal.end_progress().unwrap();
        terminal.end_progress().unwrap();
        let written = err.0.lock().unwrap().clone();
        String::from_utf8(written).unwrap()
    }

    #[test]
    fn progress_is_one_line_that_goes_away_and_is_for_people_alone() {
        let seen = progress(true, false);
        assert!(!seen.contains('\n') && !seen.contains("\u{1b}[2J"), "{seen:?}");
        let parts: Vec<_> = seen.split('\r').collect();
        assert_eq!((parts.len(), parts[3]), (4, "\u{1b}[K"), "{seen:?}");
        assert!(parts[1].starts_with("openai_collector"), "{seen:?}");
        assert!(parts[1].trim_end_matches("\u{1b}[K").chars().count() < 20, "{seen:?}");
        assert_eq!(progress(false, false), "");
        assert_eq!(progress(true, true), "");
    }
}
