//! Whether Python is well made: ruff, black and mypy, of pinned versions.
//!
//! They are no security control: of thirty malicious snippets ruff's and
//! bandit's rules flag eleven. They read code and do not run it, but mypy loads
//! plug-ins that a configuration names: each is told to read no configuration,
//! gets an empty environment and a folder with nothing but the files in question.

mod setup;
mod tools;

use std::path::PathBuf;

use agentos_domain::Classified;

use crate::finding::Finding;
use crate::results::WrittenFile;

pub use setup::{REQUIREMENTS, is_set_up, set_up};
pub use tools::VenvChecker;

/// Something that says whether code is well made.
#[async_trait::async_trait]
pub trait Checker: Send + Sync + 'static {
    /// What it finds in these files; files of other languages are passed over.
    ///
    /// # Errors
    /// Where the check itself cannot be made, which is no fault of the code.
    async fn check(&self, files: &[WrittenFile]) -> Result<Vec<Finding>, QualityError>;
}

/// Why code could not be checked.
#[derive(Debug, thiserror::Error)]
pub enum QualityError {
    /// A program is not there or cannot be started.
    #[error("`{program}` cannot be run ({reason}): set the checkers up again")]
    NotRunnable {
        /// Its path.
        program: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// It took too long.
    #[error("`{tool}` took longer than {seconds} s: check fewer files at once")]
    TimedOut {
        /// Which of them.
        tool: String,
        /// The limit.
        seconds: u64,
    },
    /// The folder for the files cannot be made.
    #[error("the files to check cannot be laid out ({0}): check the disk, then try again")]
    Files(String),
    /// Python or pip failed.
    #[error("the checkers cannot be set up: {0}")]
    SetUp(String),
}

impl Classified for QualityError {
    fn code(&self) -> &'static str {
        match self {
            Self::NotRunnable { .. } => "checker_not_runnable",
            Self::TimedOut { .. } => "checker_timed_out",
            Self::Files(_) => "io",
            Self::SetUp(_) => "checker_set_up",
        }
    }

    fn is_retryable(&self) -> bool {
        matches!(self, Self::TimedOut { .. } | Self::Files(_))
    }
}

#[cfg(test)]
mod tests;
