//! Waiting for conditions.

use std::time::Duration;

use agentos_domain::{Clock, SystemClock};
use anyhow::{Result, bail};

/// How long any wait may take. Generous: a machine under load is no failure.
pub const DEADLINE: Duration = Duration::from_secs(60);
/// Between the first looks at a condition.
pub const PAUSE: Duration = Duration::from_millis(20);
/// Between later looks: often enough, and within what the API allows a client.
const LATER_PAUSE: Duration = Duration::from_millis(100);
/// How many looks are the first ones.
const FIRST_LOOKS: u32 = 40;

/// Looks until `probe` has a value. An error of `probe` counts as "not yet"
/// and is shown when the time is over.
///
/// # Errors
/// If there is no value after [`DEADLINE`].
pub async fn eventually<T>(
    what: &str,
    mut probe: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<T> {
    let start = SystemClock.monotonic();
    let mut looks = 0;
    loop {
        looks += 1;
        let last = match probe().await {
            Ok(Some(value)) => return Ok(value),
            Ok(None) => "not yet".to_owned(),
            Err(error) => format!("{error:#}"),
        };
        if SystemClock.monotonic().saturating_sub(start) > DEADLINE {
            bail!("waited {} s for {what}: {last}", DEADLINE.as_secs());
        }
        tokio::time::sleep(if looks < FIRST_LOOKS { PAUSE } else { LATER_PAUSE }).await;
    }
}
