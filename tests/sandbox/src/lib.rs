//! Attempts to escape from the sandbox. Each is made through the tool, as an
//! agent would, and judged from outside: by files, listeners and processes of
//! the machine. Each is also made without the sandbox, where it must succeed:
//! an attack that never works proves nothing. What cannot be tried here is told
//! and never counts as held.

#[cfg(target_os = "linux")]
pub mod benign;
#[cfg(target_os = "linux")]
pub mod cases;
#[cfg(target_os = "linux")]
pub mod cost;
#[cfg(target_os = "linux")]
pub mod place;
#[cfg(target_os = "linux")]
pub mod report;
#[cfg(target_os = "linux")]
pub mod shell;

/// What no attack may bring out.
pub const CANARY: &str = "CANARY-5d41402abc4b2a76";
