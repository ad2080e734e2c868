//! Why the evaluation cannot run.

use std::path::PathBuf;

use agentos_domain::Classified;
use agentos_generation::EngineError;

/// What keeps the evaluation from its figures. A wrong answer is none of it.
#[derive(Debug, thiserror::Error)]
pub enum PocketError {
    /// The file of requests cannot be read.
    #[error("cannot read the requests {path} ({reason}): name a file by --requests", path = .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: std::io::Error,
    },
    /// The file of requests has another form.
    #[error(
        "{path} holds no requests ({reason}): correct it, or name another file by --requests",
        path = .path.display()
    )]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: serde_json::Error,
    },
    /// There is nothing to evaluate.
    #[error("there are no requests to evaluate: add some, or raise --limit")]
    NoRequests,
    /// A request whose right answer cannot be found.
    #[error("request {number} (\"{request}\", {kind}) {problem}: correct it")]
    Request {
        /// Its place in the file, from 1.
        number: usize,
        /// Its kind.
        kind: String,
        /// Its text.
        request: String,
        /// What is wrong with it.
        problem: String,
    },
    /// There is no model.
    #[error("there is no model at {path}: name a GGUF file by --model", path = .path.display())]
    NoModel {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// A workspace cannot be laid out.
    #[error(
        "cannot lay out the workspace {name} ({reason}): correct it, or set TMPDIR to another folder"
    )]
    Workspace {
        /// Its name.
        name: String,
        /// What the system says.
        reason: std::io::Error,
    },
    /// The model cannot be loaded, or its engine stopped.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl Classified for PocketError {
    fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "requests_unreadable",
            Self::Malformed { .. } => "requests_malformed",
            Self::NoRequests => "no_requests",
            Self::Request { .. } => "request_invalid",
            Self::NoModel { .. } => "model_missing",
            Self::Workspace { .. } => "workspace_unusable",
            Self::Engine(error) => error.code(),
        }
    }

    fn is_retryable(&self) -> bool {
        matches!(self, Self::Engine(error) if error.is_retryable())
    }
}
