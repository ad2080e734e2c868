//! The life of a process. When it ends, nothing of the process happens any
//! more: what it was doing is dropped where it stood, and what it waits for
//! never comes.

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A process, as far as it can be killed.
#[derive(Debug, Clone)]
pub(crate) struct Life {
    dead: CancellationToken,
    tracker: TaskTracker,
}

impl Life {
    pub(crate) fn new(tracker: &TaskTracker) -> Self {
        Self { dead: CancellationToken::new(), tracker: tracker.clone() }
    }

    pub(crate) fn end(&self) {
        self.dead.cancel();
    }

    pub(crate) fn is_over(&self) -> bool {
        self.dead.is_cancelled()
    }

    pub(crate) async fn over(&self) {
        self.dead.cancelled().await;
    }

    /// Does work in the process; it is dropped when the process dies.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let dead = self.dead.clone();
        self.tracker.spawn(async move {
            dead.run_until_cancelled(work).await;
        });
    }

    /// What comes of `work`; `None` where the process died first.
    pub(crate) async fn while_alive<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        self.dead.run_until_cancelled(work).await
    }

    /// As [`Life::while_alive`], for those that are part of the process: after
    /// its death they wait for ever.
    pub(crate) async fn or_never<T>(&self, work: impl Future<Output = T>) -> T {
        match self.while_alive(work).await {
            Some(value) => value,
            None => std::future::pending().await,
        }
    }
}
