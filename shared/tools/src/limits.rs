//! How often a tool may be called.
//!
//! The count is this process's own and starts anew with it. A limit of
//! `10/minute` lets ten calls through at once after a pause, and gives one back
//! every six seconds (GCRA).

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use agentos_domain::{Clock, RateLimit, ToolError, ToolName};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};

/// The most workspaces that one limit tells apart before it forgets those that
/// have their whole allowance again.
const MAX_TRACKED: usize = 1000;

/// Time that never goes back, from the clock that tests can move.
#[derive(Clone)]
struct Monotonic(Arc<dyn Clock>);

impl governor::clock::Clock for Monotonic {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.monotonic()
    }
}

/// The limit of one tool, for each workspace by itself.
pub(crate) struct Limiter {
    limit: RateLimit,
    limiter: RateLimiter<String, HashMapStateStore<String>, Monotonic, NoOpMiddleware<Duration>>,
    clock: Monotonic,
}

impl Limiter {
    /// `None` where the limit is nought, which a [`RateLimit`] cannot be.
    pub(crate) fn new(limit: RateLimit, clock: Arc<dyn Clock>) -> Option<Self> {
        let calls = NonZeroU32::new(limit.calls)?;
        let quota = Quota::with_period(limit.per.duration() / limit.calls)?.allow_burst(calls);
        let clock = Monotonic(clock);
        let limiter = RateLimiter::new(quota, HashMapStateStore::default(), clock.clone());
        Some(Self { limit, limiter, clock })
    }

    /// Counts a call of a workspace.
    ///
    /// # Errors
    /// `rate_limited`, with when to try again; the call does not count.
    pub(crate) fn admit(&self, tool: &ToolName, workspace: &str) -> Result<(), ToolError> {
        if self.limiter.len() > MAX_TRACKED {
            self.limiter.retain_recent();
        }
        self.limiter.check_key(&workspace.to_owned()).map_err(|early| {
            let wait = early.wait_time_from(governor::clock::Clock::now(&self.clock));
            // Rounded up: who comes back then is let through.
            let seconds = wait.as_millis().div_ceil(1000).max(1);
            let message = format!(
                "`{tool}` may be called {} times at most: try again in {seconds} s, or do without",
                self.limit
            );
            ToolError::new("rate_limited", message)
        })
    }
}
