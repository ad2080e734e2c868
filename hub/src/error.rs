//! Why the hub does not start, or stops.

use std::path::PathBuf;

use agentos_api::{ApiError, TlsError};
use agentos_auth::AuthError;
use agentos_config::ConfigErrors;
use agentos_domain::Classified;
use agentos_engine::{EngineError, MasterKeyError};
use agentos_link::{LinkError, RegistryError};
use agentos_snapshot::SnapshotError;
use agentos_store::StoreError;
use agentos_telemetry::LoggingError;
use agentos_worker::WorkerError;

/// What ends the hub.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// The data folder cannot be used.
    #[error("cannot use {}: check its permissions and free space, or choose another folder by --data", path.display())]
    DataDir {
        /// Which file or folder.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// A file of the API's certificate or key cannot be read.
    #[error("{setting}: cannot read {} ({source}): name a PEM file that the hub's user can read", path.display())]
    TlsFile {
        /// Which setting names it.
        setting: &'static str,
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The API's certificate or key cannot be used.
    #[error("{setting}: {} {error}", path.display())]
    Tls {
        /// Which setting names it.
        setting: &'static str,
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        error: TlsError,
    },
    /// The master key that is given is not one.
    #[error("security.secrets_key: {0}")]
    SecretsKey(#[from] MasterKeyError),
    /// The models cannot be used as they are configured.
    #[error("{0}")]
    Models(String),
    /// What providers charge cannot be collected as it is configured.
    #[error("{0}")]
    Billing(String),
    /// The client of webhooks cannot be made.
    #[error("webhooks cannot be called ({0}): report this as a bug")]
    Webhook(String),
    /// Logging cannot start.
    #[error(transparent)]
    Logging(#[from] LoggingError),
    /// No hub answers on this machine.
    #[error("no hub answers for {}: start it with `agentos-hub serve --data {}` ({reason})", data.display(), data.display())]
    NotRunning {
        /// The data folder that was asked about.
        data: PathBuf,
        /// What happened.
        reason: String,
    },
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigErrors),
    /// Who may sign tokens.
    #[error(transparent)]
    Auth(#[from] AuthError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store of files.
    #[error(transparent)]
    Files(#[from] SnapshotError),
    /// The link.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The engine.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The hub's own executor.
    #[error("the hub's own executor failed")]
    Executor(#[from] WorkerError),
    /// The hub's own executor may not connect.
    #[error("the hub's own executor failed")]
    Session(#[from] RegistryError),
    /// The API.
    #[error(transparent)]
    Api(#[from] ApiError),
}

impl Classified for HubError {
    fn code(&self) -> &'static str {
        match self {
            Self::DataDir { .. } => "data_dir",
            Self::TlsFile { .. } => "tls_file",
            Self::Tls { error, .. } => error.code(),
            Self::SecretsKey(_) => "secrets_key",
            Self::Models(_) => "models",
            Self::Billing(_) => "billing",
            Self::Webhook(_) => "webhook",
            Self::Logging(_) => "logging",
            Self::NotRunning { .. } => "not_running",
            Self::Config(error) => error.code(),
            Self::Auth(error) => error.code(),
            Self::Store(error) => error.code(),
            Self::Files(error) => error.code(),
            Self::Link(error) => error.code(),
            Self::Engine(error) => error.code(),
            Self::Executor(error) => error.code(),
            Self::Session(_) => "executor_session",
            Self::Api(error) => error.code(),
        }
    }

    fn is_retryable(&self) -> bool {
        match self {
            Self::DataDir { .. }
            | Self::TlsFile { .. }
            | Self::Tls { .. }
            | Self::SecretsKey(_)
            | Self::Models(_)
            | Self::Billing(_)
            | Self::Webhook(_)
            | Self::Logging(_)
            | Self::Config(_) => false,
            Self::Auth(error) => error.is_retryable(),
            Self::NotRunning { .. } => true,
            Self::Store(error) => error.is_retryable(),
            Self::Files(error) => error.is_retryable(),
            Self::Link(error) => error.is_retryable(),
            Self::Engine(error) => error.is_retryable(),
            Self::Executor(error) => error.is_retryable(),
            Self::Session(_) => true,
            Self::Api(error) => error.is_retryable(),
        }
    }
}
