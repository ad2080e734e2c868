//! What a provider says a call consumed.
//!
//! Providers count differently, and here it becomes one: a token of the prompt
//! is of exactly one kind. OpenAI's `prompt_tokens` contain those read from and
//! written to the cache; Anthropic's `input_tokens` do not.

mod anthropic;
mod fields;
mod openai;
mod reported;

use agentos_domain::{Classified, NanoUsd, TokenCounts};

use crate::Service;

pub use anthropic::{AnthropicUsage, from_anthropic};
pub use openai::from_openai;

/// What a call consumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metered {
    /// Its tokens by kind.
    pub counts: TokenCounts,
    /// How it was served, as far as the usage tells. OpenAI tells it beside the
    /// usage: set `service.tier` from there ([`crate::ServiceTier::named`]).
    pub service: Service,
    /// What was billed, where the answer says so and it can be meant. It goes
    /// before every estimate.
    pub reported_cost: Option<NanoUsd>,
    /// Whether parts were reported that exceed their whole, and were cut to it.
    pub clamped: bool,
}

/// Why a usage tells nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UsageError {
    /// There is none, as in a stream that broke off or was not asked for it.
    #[error("the answer has no usage: ask for it in the request, and bill an estimate")]
    Missing,
    /// It is something else than an object.
    #[error("the usage is no object: bill an estimate")]
    NotAnObject,
    /// It lacks what the API guarantees.
    #[error("the usage lacks `{field}`: bill an estimate")]
    Lacks {
        /// The field.
        field: String,
    },
    /// It holds something else than a number of tokens.
    #[error("`{field}` of the usage is no number of tokens: bill an estimate")]
    NotACount {
        /// The field.
        field: String,
    },
}

impl Classified for UsageError {
    fn code(&self) -> &'static str {
        match self {
            Self::Missing => "usage_missing",
            Self::NotAnObject | Self::Lacks { .. } | Self::NotACount { .. } => "usage_unreadable",
        }
    }

    fn is_retryable(&self) -> bool {
        false
    }
}
