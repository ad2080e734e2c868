//! What came of decisions between tiers, in a file of the data folder. It is a
//! help, not a record: where it is lost, the hub decides as on its first day.

use std::path::Path;
use std::time::Duration;

use agentos_router::Router;
use agentos_tiering::Outcomes;

use crate::paths::write_private;

/// The file.
const FILE: &str = "tier_outcomes.json";
/// How often it is written, where something is new.
const EVERY: Duration = Duration::from_mins(1);

/// What an earlier process has left.
pub(super) fn read(data: &Path) -> Outcomes {
    let path = data.join(FILE);
    let Ok(text) = std::fs::read_to_string(&path) else { return Outcomes::default() };
    serde_json::from_str(&text).unwrap_or_else(|error| {
        tracing::warn!(file = %path.display(), %error, "it cannot be read; tiers are learnt anew");
        Outcomes::default()
    })
}

/// Writes what is new until it is dropped.
pub(crate) async fn keep(data: &Path, router: &Router) {
    let mut written = router.outcomes();
    loop {
        tokio::time::sleep(EVERY).await;
        let now = router.outcomes();
        if now != written && write(data, &now) {
            written = now;
        }
    }
}

/// Whether it is written.
fn write(data: &Path, outcomes: &Outcomes) -> bool {
    let Ok(text) = serde_json::to_string(outcomes) else { return false };
    let written = write_private(&data.join(FILE), &text);
    if let Err(error) = &written {
        tracing::warn!(%error, "what came of decisions between tiers could not be kept");
    }
    written.is_ok()
}

#[cfg(test)]
mod tests {
    use agentos_tiering::{Ending, Request, Wanted, decide};

    use super::*;

    #[test]
    fn what_was_written_is_read_and_nonsense_is_nothing() {
        let data = tempfile::tempdir().unwrap();
        assert_eq!(read(data.path()), Outcomes::default());
        let mut outcomes = Outcomes::default();
        let kind = decide(&Request::text("hi"), &outcomes).kind;
        outcomes.record(kind, Wanted::Fast, Ending::Bad);
        assert!(write(data.path(), &outcomes));
        assert!(!write(&data.path().join("missing"), &outcomes));
        assert_eq!(read(data.path()), outcomes);
        std::fs::write(data.path().join(FILE), "{").unwrap();
        assert_eq!(read(data.path()), Outcomes::default());
    }
}
