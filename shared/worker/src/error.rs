//! Why a run on the edge stops.

use agentos_domain::Classified;
use agentos_validate::quality::QualityError;

/// What ends a run on this edge without being part of its journal.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// Another attempt holds the task now, or it has ended.
    #[error("the lease is lost: another executor may be at work")]
    Fenced,
    /// This edge stops: the run goes on elsewhere after the step that is done.
    #[error("this edge stops, and the run is given back")]
    HandedOver,
    /// The hub told this edge to stop.
    #[error("the run was cancelled")]
    Cancelled,
    /// The hub refused what it was sent.
    #[error("the hub refused a report: {0}")]
    Refused(String),
    /// The hub sent something that this edge does not understand.
    #[error("cannot read what the hub sent ({0}): update the edge to the hub's version")]
    Malformed(String),
    /// The inference engine has ended.
    #[error("the inference engine has stopped: start the edge again, its log tells why")]
    EngineStopped,
    /// Another process works in the data folder.
    #[error("another edge runs in {}: stop it, or choose another data folder", .0.display())]
    InUse(std::path::PathBuf),
    /// The edge's own disk failed.
    #[error("the edge cannot keep a run on its disk ({0}): look at its data folder")]
    Spool(String),
    /// Files of the run could not be laid out.
    #[error("cannot lay out the files of the run: {0}")]
    Files(String),
    /// Something is to be put into a data folder that nobody uses.
    #[error("the data folder {} is not there: name the one that is in use", .0.display())]
    NoDataDir(std::path::PathBuf),
    /// The checkers of code cannot be installed.
    #[error(transparent)]
    Checkers(#[from] QualityError),
}

impl Classified for WorkerError {
    fn code(&self) -> &'static str {
        match self {
            Self::Fenced => "fenced",
            Self::HandedOver => "handed_over",
            Self::Cancelled => "cancelled",
            Self::Refused(_) => "hub_refused",
            Self::Malformed(_) => "malformed",
            Self::EngineStopped => "engine_stopped",
            Self::InUse(_) => "in_use",
            Self::Spool(_) => "spool_failed",
            Self::Files(_) => "files_unavailable",
            Self::NoDataDir(_) => "no_data_dir",
            Self::Checkers(error) => error.code(),
        }
    }

    fn is_retryable(&self) -> bool {
        matches!(self, Self::Files(_) | Self::Spool(_) | Self::EngineStopped)
    }
}
