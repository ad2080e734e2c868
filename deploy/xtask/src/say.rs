//! Printing.

use std::io::{self, BufRead, IsTerminal, Write};

/// A text to the standard output, as it is. A reader that has gone is no error.
pub(crate) fn raw(text: &str) {
    let mut out = io::stdout().lock();
    drop(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
}

/// A line to the standard output.
pub(crate) fn line(text: &str) {
    raw(&format!("{text}\n"));
}

/// The header of a stage.
pub(crate) fn stage(text: &str) {
    raw(&format!("\n== {text}\n"));
}

/// A line to the standard error.
pub(crate) fn problem(text: &str) {
    drop(writeln!(io::stderr().lock(), "{text}"));
}

/// Whether a person can be asked.
pub(crate) fn at_terminal() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// Asks a question; an empty answer is yes.
pub(crate) fn ask(question: &str) -> bool {
    raw(&format!("{question} [Y/n] "));
    let mut answer = String::new();
    match io::stdin().lock().read_line(&mut answer) {
        Ok(read) => read > 0 && matches!(answer.trim().to_lowercase().as_str(), "" | "y" | "yes"),
        Err(_) => false,
    }
}
