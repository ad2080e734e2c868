//! What can go wrong in the kernel itself. What goes wrong in a plugin is part
//! of its run.

use std::path::PathBuf;

use agentos_domain::Classified;
use agentos_store::StoreError;

/// Why the kernel did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum KernelError {
    /// There is no such plugin.
    #[error("there is no plugin `{name}`: the plugins are {known}")]
    UnknownPlugin {
        /// What was asked for.
        name: String,
        /// Those that there are.
        known: String,
    },
    /// Nothing collects this provider's bill.
    #[error("there is no provider `{name}`: the providers are {known}")]
    UnknownProvider {
        /// What was asked for.
        name: String,
        /// Those that there are.
        known: String,
    },
    /// There is no such task.
    #[error("there is no task `{name}`: the tasks are {known}")]
    UnknownTask {
        /// What was asked for.
        name: String,
        /// Those that there are.
        known: String,
    },
    /// Two plugins have one name.
    #[error("two plugins have the name `{name}`: give one of them another")]
    PluginTwice {
        /// The name.
        name: String,
    },
    /// The time zone is not known.
    #[error("there is no time zone `{name}`: give one such as Europe/Berlin or UTC")]
    UnknownZone {
        /// What was configured.
        name: String,
    },
    /// What was asked for cannot be meant.
    #[error("{reason}")]
    Invalid {
        /// What is wrong and what to give instead.
        reason: String,
    },
    /// A file could not be written.
    #[error("cannot write {path}: {reason}: choose another place, or make room there")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// The kernel is ending.
    #[error("the hub is stopping: ask again when it is back")]
    Stopping,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Classified for KernelError {
    fn code(&self) -> &'static str {
        match self {
            Self::UnknownPlugin { .. } => "unknown_plugin",
            Self::UnknownProvider { .. } => "unknown_provider",
            Self::UnknownTask { .. } => "unknown_task",
            Self::PluginTwice { .. } => "plugin_twice",
            Self::UnknownZone { .. } => "unknown_time_zone",
            Self::Invalid { .. } => "invalid_request",
            Self::Write { .. } => "cannot_write",
            Self::Stopping => "stopping",
            Self::Store(error) => error.code(),
        }
    }

    fn is_retryable(&self) -> bool {
        match self {
            Self::Stopping => true,
            Self::Store(error) => error.is_retryable(),
            _ => false,
        }
    }
}
