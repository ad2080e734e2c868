//! The machine's clocks. The domain crate has a `Clock`, but with it xtask
//! would have to build its dependencies first.

#![expect(clippy::disallowed_types, reason = "the one place of xtask that reads the clocks")]

use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

static START: OnceLock<Instant> = OnceLock::new();

/// Time since the first call; never goes back.
pub(crate) fn now() -> Duration {
    START.get_or_init(Instant::now).elapsed()
}

/// Nanoseconds since 1970, for names that must differ from run to run.
pub(crate) fn unix_nanos() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos()
}
