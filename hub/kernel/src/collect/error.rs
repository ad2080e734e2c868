//! Why a provider's bill could not be read.

use std::time::Duration;

/// What went wrong, for people, and whether it may pass by itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct CollectError {
    /// A stable word in `snake_case`.
    pub(crate) code: &'static str,
    /// What happened and what to do about it. It holds no secret.
    pub(crate) message: String,
    /// Whether the same request may succeed later.
    pub(crate) may_pass: bool,
    /// How long the provider asks to wait.
    pub(crate) wait: Option<Duration>,
}

impl CollectError {
    /// One that stays until something is changed.
    pub(crate) fn lasting(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), may_pass: false, wait: None }
    }

    /// One that may pass.
    pub(crate) fn passing(code: &'static str, message: impl Into<String>) -> Self {
        Self { may_pass: true, ..Self::lasting(code, message) }
    }
}
