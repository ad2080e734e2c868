//! Signals that stop a program.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Cancels on SIGTERM or Ctrl-C; returns then, or when `cancel` is cancelled
/// by somebody else.
///
/// # Errors
/// Where signals cannot be listened for.
pub async fn stop_on_signal(cancel: CancellationToken) -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        () = cancel.cancelled() => return Ok(()),
    }
    tracing::info!("stopping");
    cancel.cancel();
    Ok(())
}
