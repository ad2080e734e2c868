//! File work off the asynchronous threads, with an end to it.

use std::sync::Arc;
use std::time::Duration;

use agentos_domain::ToolError;
use agentos_sandbox::GrantedRoot;
use tokio_util::sync::CancellationToken;

use crate::ToolContext;

/// The longest that one call of a file tool takes.
const DEADLINE: Duration = Duration::from_secs(60);

/// The error of a call that was ended.
pub(crate) fn cancelled() -> ToolError {
    ToolError::new("cancelled", "the call was cancelled before it ended")
}

/// Ends a call that nobody waits for any more.
pub(crate) fn check(cancel: &CancellationToken) -> Result<(), ToolError> {
    if cancel.is_cancelled() { Err(cancelled()) } else { Ok(()) }
}

/// Runs `work` on a blocking thread. Its token is cancelled when the call is,
/// when its deadline passes, and when the future is dropped.
pub(crate) async fn run<T: Send + 'static>(
    context: &ToolContext,
    work: impl FnOnce(&GrantedRoot, &CancellationToken) -> Result<T, ToolError> + Send + 'static,
) -> Result<T, ToolError> {
    let cancel = context.cancel.child_token();
    let _guard = cancel.clone().drop_guard();
    let root = Arc::clone(&context.root);
    let token = cancel.clone();
    let working = tokio::task::spawn_blocking(move || {
        check(&token)?;
        work(&root, &token)
    });
    tokio::select! {
        biased;
        () = cancel.cancelled() => Err(cancelled()),
        done = tokio::time::timeout(DEADLINE, working) => match done {
            Ok(Ok(result)) => result,
            Ok(Err(error)) => {
                tracing::error!(%error, "a tool broke down");
                Err(ToolError::new("internal", "the tool broke down: report this as a bug"))
            }
            Err(_) => Err(ToolError::new(
                "timed_out",
                format!("not done after {} s: ask for less at once", DEADLINE.as_secs()),
            )),
        },
    }
}
