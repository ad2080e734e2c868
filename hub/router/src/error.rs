//! Why a call of a model failed, and what follows from it.
//!
//! ```text
//!  kind                               the request            the deployment
//!  ─────────────────────────────────  ─────────────────────  ───────────────
//!  connect, timeout, broken, server,  next, then once more   a strike
//!  overloaded, protocol
//!  rate_limited                       next, then once more   rests as long as it says
//!  quota, auth, not_found             next                   rests for minutes
//!  unsupported, too_long              next                   –
//!  invalid, refused                   given up               –
//!  over_budget, unpriced, local_only  next, if that is free  –
//! ```

use std::time::Duration;

use agentos_domain::Classified;
use agentos_store::{BudgetScope, OverBudget, StoreError};

/// What went wrong with one call to one deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// Nobody answers there.
    Connect,
    /// It took longer than it may.
    Timeout,
    /// The answer broke off.
    Broken,
    /// The provider failed.
    Server,
    /// The provider has too much to do.
    Overloaded,
    /// The answer cannot be read.
    Protocol,
    /// Too many requests.
    RateLimited,
    /// The account has no money left, or its limit is reached.
    Quota,
    /// The key is not accepted.
    Auth,
    /// The provider has no such model.
    NotFound,
    /// The deployment cannot do what is asked.
    Unsupported,
    /// The conversation is too long for the model.
    TooLong,
    /// The request is wrong, wherever it goes.
    Invalid,
    /// The provider does not want to answer this.
    Refused,
    /// The budget does not allow the call.
    OverBudget,
    /// There is a budget, and nobody knows what the call costs.
    Unpriced,
    /// The request may not leave the home network.
    LocalOnly,
    /// The answer is less sure than it has to be.
    Unsure,
    /// The hub's own store failed.
    Store,
}

impl ErrorKind {
    /// A word for logs, metrics and clients.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Timeout => "timeout",
            Self::Broken => "broken",
            Self::Server => "server_error",
            Self::Overloaded => "overloaded",
            Self::Protocol => "protocol",
            Self::RateLimited => "rate_limited",
            Self::Quota => "quota",
            Self::Auth => "auth",
            Self::NotFound => "not_found",
            Self::Unsupported => "unsupported",
            Self::TooLong => "context_length_exceeded",
            Self::Invalid => "invalid_request",
            Self::Refused => "refused",
            Self::OverBudget => "budget_exceeded",
            Self::Unpriced => "unpriced",
            Self::LocalOnly => "local_only",
            Self::Unsure => "unsure",
            Self::Store => "store",
        }
    }

    /// The word of a fallback's condition `error_type` that it comes under.
    #[must_use]
    pub fn condition(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::RateLimited | Self::Quota => "rate_limit",
            Self::Connect | Self::Overloaded => "unavailable",
            _ => "error",
        }
    }

    /// Whether nobody says why: the provider may have read the prompt, and may
    /// ask money for it.
    #[must_use]
    pub fn is_unexplained(self) -> bool {
        matches!(self, Self::Timeout | Self::Broken | Self::Protocol)
    }

    /// What follows for the request.
    #[must_use]
    pub fn verdict(self) -> Verdict {
        match self {
            Self::Connect
            | Self::Timeout
            | Self::Broken
            | Self::Server
            | Self::Overloaded
            | Self::Protocol
            | Self::RateLimited => Verdict::NextThenAgain,
            Self::Quota
            | Self::Auth
            | Self::NotFound
            | Self::Unsupported
            | Self::TooLong
            | Self::OverBudget
            | Self::Unpriced
            | Self::LocalOnly
            | Self::Unsure => Verdict::Next,
            Self::Invalid | Self::Refused | Self::Store => Verdict::GiveUp,
        }
    }
}

/// What becomes of a request whose call failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The next deployment is asked; when all have failed, this one once more.
    NextThenAgain,
    /// The next deployment is asked, and this one no more.
    Next,
    /// No other would answer better.
    GiveUp,
}

/// Why one call to one deployment failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct CallError {
    /// What kind of failure.
    pub kind: ErrorKind,
    /// For people. Holds nothing of the conversation and no key.
    pub message: String,
    /// The status of the provider's answer, if it gave one.
    pub status: Option<u16>,
    /// When to try again, if the provider says so.
    pub retry_after: Option<Duration>,
}

impl CallError {
    /// A failure without an answer of the provider.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), status: None, retry_after: None }
    }
}

/// Why a request was not answered.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RouterError {
    /// There is no such model.
    #[error("there is no model `{name}`: use one of {known}")]
    UnknownModel {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// The request cannot be served as it stands.
    #[error("{message}")]
    Invalid {
        /// The field.
        param: &'static str,
        /// What is wrong, and what to do.
        message: String,
    },
    /// The budget does not allow the call.
    #[error("{}", over_budget(.0))]
    OverBudget(OverBudget),
    /// So many requests are answered already.
    #[error("{limit} requests are being answered already: try again in a second")]
    Busy {
        /// How many.
        limit: usize,
    },
    /// Every deployment that may answer rests after failures.
    #[error("no model can answer at the moment: try again in {} s", .retry_after.as_secs())]
    AllResting {
        /// When the first of them is asked again.
        retry_after: Duration,
    },
    /// The last of the deployments that were asked failed so.
    #[error("{deployment} did not answer: {error}")]
    Failed {
        /// Which was asked last.
        deployment: String,
        /// What it said.
        error: CallError,
    },
}

fn over_budget(over: &OverBudget) -> String {
    if over.scope == BudgetScope::Installation {
        // How much others have spent is nobody's business.
        return format!(
            "the budget of all workspaces together does not allow this call, which may cost {} \
             USD: ask a local model, lower max_tokens, or have the budget raised",
            over.asked
        );
    }
    let free = over.limit.0.saturating_sub(over.settled.0).saturating_sub(over.reserved.0);
    let free = agentos_domain::NanoUsd(free.max(0));
    format!(
        "the budget does not allow this call: it may cost {} USD, and of the {} USD of this month \
         {free} USD are left; ask a local model, lower max_tokens, or raise the budget",
        over.asked, over.limit
    )
}

impl Classified for RouterError {
    fn code(&self) -> &'static str {
        match self {
            Self::UnknownModel { .. } => "model_not_found",
            Self::Invalid { .. } => "invalid_request",
            Self::OverBudget(_) => "budget_exceeded",
            Self::Busy { .. } => "busy",
            Self::AllResting { .. } => "unavailable",
            Self::Failed { error, .. } => error.kind.as_str(),
        }
    }

    fn is_retryable(&self) -> bool {
        match self {
            Self::Busy { .. } | Self::AllResting { .. } => true,
            Self::Failed { error, .. } => error.kind.verdict() == Verdict::NextThenAgain,
            _ => false,
        }
    }
}

impl From<StoreError> for CallError {
    fn from(error: StoreError) -> Self {
        Self::new(ErrorKind::Store, format!("the hub cannot note what the call costs: {error}"))
    }
}
