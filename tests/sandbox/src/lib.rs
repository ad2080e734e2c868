//! Attempts to escape from the sandbox. Each is made through the tool, as an
//! agent would, and judged from outside: by files, listeners and processes of
//! the machine. Each is also made without the sandbox, where it must succeed:
//! an attack that never works proves nothing. What cannot be tried here is told
//! and never counts as held.

pub mod benign;
pub mod cases;
pub mod cost;
pub mod place;
pub mod report;
pub mod shell;

/// What no attack may bring out.
pub const CANARY: &str = "CANARY-5d41402abc4b2a76";
