//! The end of a program.

use std::fmt::Display;
use std::io::Write as _;
use std::process::ExitCode;

/// Says on standard error why the program failed, in one line, and returns the
/// exit code.
pub fn exit_code<E: Display>(result: Result<(), E>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to do if even standard error is gone.
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
