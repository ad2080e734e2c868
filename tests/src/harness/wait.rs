//! Waiting for conditions.

use std::time::Duration;

use agentos_domain::{Clock, SystemClock};
use anyhow::{Result, bail};

/// How long any wait may take. Generous: a machine under load is no failure.
pub const DEADLINE: Duration = Duration::from_secs(60);
/// Between two looks at a condition.
pub const PAUSE: Duration = Duration::from_millis(20);

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
    loop {
        let last = match probe().await {
            Ok(Some(value)) => return Ok(value),
            Ok(None) => "not yet".to_owned(),
            Err(error) => format!("{error:#}"),
        };
        if SystemClock.monotonic().saturating_sub(start) > DEADLINE {
            bail!("waited {} s for {what}: {last}", DEADLINE.as_secs());
        }
        tokio::time::sleep(PAUSE).await;
    }
}
