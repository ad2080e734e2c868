//! What can go wrong in setting up and in verifying.

use agentos_domain::Classified;

use crate::config::SECRET_BYTES;

/// Why tokens cannot be verified as configured.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// Neither a secret nor a set of keys is configured.
    #[error("nothing to verify tokens by: set BETTER_AUTH_SECRET or auth.jwks")]
    NothingConfigured,
    /// The secret could be guessed.
    #[error(
        "the secret of the tokens has {bytes} bytes and needs at least {SECRET_BYTES}: \
         make one with `openssl rand -base64 32` and set it as BETTER_AUTH_SECRET"
    )]
    ShortSecret {
        /// Its length.
        bytes: usize,
    },
    /// The secret is a key file, perhaps of a public key that anyone can have.
    #[error(
        "the secret of the tokens is a PEM file, which may be public: \
         set a random text as BETTER_AUTH_SECRET, and give public keys by auth.jwks"
    )]
    SecretIsPem,
    /// An audience or issuer is demanded that has no name.
    #[error("the {name} that tokens must name is empty: name it, or leave the setting out")]
    EmptyDemand {
        /// `audience` or `issuer`.
        name: &'static str,
    },
    /// The leeway would let tokens live too long.
    #[error("a leeway of {millis} ms is too long: set at most 5 s and keep the clocks in step")]
    Leeway {
        /// The leeway given, in milliseconds.
        millis: u128,
    },
    /// The address of the keys cannot be used.
    #[error("the address of the token keys (auth.jwks) {problem}")]
    Url {
        /// What is wrong with it and what would be right.
        problem: &'static str,
    },
    /// The keys could not be read.
    #[error("the token keys could not be read from {place}: {problem}")]
    Read {
        /// The address or file.
        place: String,
        /// What happened.
        problem: String,
    },
    /// What was read is no set of keys that tokens can be verified by.
    #[error("{place} {problem}")]
    KeySet {
        /// The address or file.
        place: String,
        /// What is wrong with it.
        problem: &'static str,
    },
}

impl Classified for AuthError {
    fn code(&self) -> &'static str {
        match self {
            Self::NothingConfigured => "auth_not_configured",
            Self::ShortSecret { .. } => "auth_secret_short",
            Self::SecretIsPem => "auth_secret_is_pem",
            Self::EmptyDemand { .. } => "auth_demand_empty",
            Self::Leeway { .. } => "auth_leeway",
            Self::Url { .. } => "auth_jwks_address",
            Self::Read { .. } => "auth_jwks_unreadable",
            Self::KeySet { .. } => "auth_jwks_invalid",
        }
    }

    fn is_retryable(&self) -> bool {
        matches!(self, Self::Read { .. } | Self::KeySet { .. })
    }
}

/// Why a token is not accepted. The messages can be shown to its bearer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It was valid once.
    #[error("the token has expired: sign in again")]
    Expired,
    /// It never was valid here, or not yet.
    #[error("the token is not valid: {reason}")]
    Invalid {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The keys that it could be verified by cannot be had at the moment.
    #[error("the token cannot be verified now, the issuer's keys cannot be read: try again later")]
    Unavailable,
}

/// The codes are those that clients know from SPEC X1, in capitals.
impl Classified for TokenError {
    fn code(&self) -> &'static str {
        match self {
            Self::Expired => "TOKEN_EXPIRED",
            Self::Invalid { .. } => "INVALID_TOKEN",
            Self::Unavailable => "AUTH_ERROR",
        }
    }

    fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable)
    }
}

/// Shorthand for a refusal.
pub(crate) fn invalid(reason: &'static str) -> TokenError {
    TokenError::Invalid { reason }
}
