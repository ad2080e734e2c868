//! Where work that blocks is done.

use crate::error::WorkerError;

/// Where work on files is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Blocking {
    /// On threads of its own, so that nothing else has to wait.
    #[default]
    Threads,
    /// Where it is asked for: in a simulator nothing may happen beside it.
    InPlace,
}

impl Blocking {
    pub(crate) async fn run<T: Send + 'static>(
        self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, WorkerError> {
        match self {
            Self::InPlace => Ok(work()),
            Self::Threads => tokio::task::spawn_blocking(work)
                .await
                .map_err(|error| WorkerError::Files(error.to_string())),
        }
    }
}
