//! Named points of the programs at which a test can have the process killed,
//! as by `kill -9` or the loss of the machine.
//!
//! A point costs nothing unless the feature `crash-points` is on, which no
//! shipped program asks for. With it, a process that finds
//! `AGENT_OS_CRASH_AT=NAME:NTH` in its environment kills itself when it passes
//! that point for the nth time, or with `NAME:NTH:stop` stops as it is; and the file that `AGENT_OS_CRASH_LOG` names
//! gets a line for each point that a process passes, and for its end.

#[cfg(feature = "crash-points")]
mod active;
mod points;

pub use points::{POINTS, Point, Program};

/// The variable that names where a process ends: `NAME:NTH`, or where it stops:
/// `NAME:NTH:stop`.
pub const CRASH_AT: &str = "AGENT_OS_CRASH_AT";

/// The variable that names a file for what was passed: a line `passed NAME` at
/// the first passage of each point, a line `killed NAME` or `stopped NAME` before
/// that happens.
pub const CRASH_LOG: &str = "AGENT_OS_CRASH_LOG";

/// This process is at a point of [`POINTS`].
#[cfg(feature = "crash-points")]
pub fn crash_point(name: &'static str) {
    active::pass(name);
}

/// This process is at a point of [`POINTS`].
#[cfg(not(feature = "crash-points"))]
#[inline(always)]
pub const fn crash_point(_name: &'static str) {}
