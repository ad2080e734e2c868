//! The end of a program.

use std::fmt::Display;
use std::io::Write as _;
use std::process::ExitCode;

/// Says on standard error why the program failed, in one line, and returns the
/// exit code.
pub fn exit_code<E: Display>(result: Result<(), E>) -> ExitCode {
    verdict(result.map(|()| true))
}

/// As [`exit_code`], for a program that checks something: what does not hold is
/// a failure, too. The program itself has said what that is.
pub fn verdict<E: Display>(result: Result<bool, E>) -> ExitCode {
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // Nothing is left to do if even standard error is gone.
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_holds_is_a_success() {
        assert_eq!(verdict(Ok::<_, &str>(true)), ExitCode::SUCCESS);
        assert_eq!(verdict(Ok::<_, &str>(false)), ExitCode::FAILURE);
        assert_eq!(exit_code(Ok::<_, &str>(())), ExitCode::SUCCESS);
        assert_eq!(exit_code(Err("it broke")), ExitCode::FAILURE);
    }
}
