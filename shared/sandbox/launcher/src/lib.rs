//! The program `agentos-launcher`: confines itself as its arguments say, then becomes the
//! program that they name. In this order: files (Landlock), limits, descriptors,
//! environment, system calls (seccomp), exec. Where a step fails, it says which
//! on standard error, ends with code 125, and nothing has run.

#[cfg(target_os = "linux")]
mod linux;

use std::io::Write as _;
use std::process::ExitCode;

/// The exit code where confinement could not be established.
const NOT_CONFINED: u8 = 125;

/// Which step failed, and why.
struct Failed(&'static str, String);

/// The whole program.
#[must_use]
pub fn run() -> ExitCode {
    let Failed(step, reason) = match linux::run() {
        Ok(code) => return ExitCode::from(code),
        Err(failed) => failed,
    };
    // Nothing is left to do if even standard error is gone.
    let _ = writeln!(std::io::stderr(), "agentos-launcher: {step}: {reason}");
    ExitCode::from(NOT_CONFINED)
}

#[cfg(not(target_os = "linux"))]
mod linux {
    pub(crate) fn run() -> Result<u8, crate::Failed> {
        Err(crate::Failed("platform", "only Linux has Landlock and seccomp".to_owned()))
    }
}
