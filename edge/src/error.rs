//! Why the edge does not start, or stops.

use std::path::PathBuf;

use agentos_config::ConfigErrors;
use agentos_domain::Classified;
use agentos_generation::EngineError;
use agentos_link::{LinkError, TokenError};
use agentos_telemetry::LoggingError;
use agentos_worker::WorkerError;

/// What ends the edge.
#[derive(Debug, thiserror::Error)]
pub enum EdgeError {
    /// The data folder cannot be used.
    #[error("cannot use {}: check its permissions and free space, or choose another folder by --data", path.display())]
    DataDir {
        /// Which file or folder.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// The edge has no identity yet.
    #[error("this edge has not joined a hub: run `agentos edge invite` at the hub, then `agentos-edge join HUB:7443 TOKEN --data {}`", data.display())]
    NotJoined {
        /// Its data folder.
        data: PathBuf,
    },
    /// The edge has an identity already.
    #[error("this edge has joined already: use --replace to give its identity up, or another folder by --data {}", data.display())]
    AlreadyJoined {
        /// Its data folder.
        data: PathBuf,
    },
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigErrors),
    /// Logging cannot start.
    #[error(transparent)]
    Logging(#[from] LoggingError),
    /// The token is not as it was made.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The inference engine.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The link.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The worker.
    #[error(transparent)]
    Worker(#[from] WorkerError),
}

impl Classified for EdgeError {
    fn code(&self) -> &'static str {
        match self {
            Self::DataDir { .. } => "data_dir",
            Self::NotJoined { .. } => "not_joined",
            Self::AlreadyJoined { .. } => "already_joined",
            Self::Config(error) => error.code(),
            Self::Logging(_) => "logging",
            Self::Token(_) => "token_invalid",
            Self::Engine(error) => error.code(),
            Self::Link(error) => error.code(),
            Self::Worker(error) => error.code(),
        }
    }

    fn is_retryable(&self) -> bool {
        match self {
            Self::Engine(error) => error.is_retryable(),
            Self::Link(error) => error.is_retryable(),
            Self::Worker(error) => error.is_retryable(),
            _ => false,
        }
    }
}
