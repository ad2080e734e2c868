//! Why nothing was fetched.

use agentos_domain::{Classified, ToolError};
use url::Url;

use crate::{CredentialError, HostError, Refusal};

/// Why nothing was fetched. An answer of a server, whatever its status, is
/// none of these.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// A connection was refused, at the first hop or a later one.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The credential cannot be used.
    #[error(transparent)]
    Credential(#[from] CredentialError),
    /// Neither `http` nor `https`.
    #[error("only http and https can be fetched: give an address that begins with https://")]
    Scheme,
    /// It holds a name or a password.
    #[error("the address holds a name or password: leave out what stands before the @")]
    UserInfo,
    /// It has characters that no request can hold.
    #[error("the address has characters that no request can hold: encode them with %")]
    Address,
    /// A redirect leads nowhere.
    #[error("the server redirects to something that is no address: fetch another page")]
    Location,
    /// A redirect from https to http.
    #[error("the server redirects from https to http, which is not followed")]
    Downgrade,
    /// A redirect to another host, which nobody allowed.
    #[error("the page is elsewhere: fetch {url} if that is what you want")]
    Elsewhere {
        /// Where the server points.
        url: Box<Url>,
    },
    /// More redirects than are followed.
    #[error("the server redirects more than {limit} times: fetch another page")]
    TooManyRedirects {
        /// How many are followed.
        limit: usize,
    },
    /// The connection could not be secured.
    #[error("no secure connection to the server can be made ({reason}): fetch another page")]
    Tls {
        /// What is wrong.
        reason: String,
    },
    /// The server speaks no HTTP, or broke off.
    #[error("the server's answer cannot be read ({reason}): try again later")]
    Protocol {
        /// What is wrong.
        reason: String,
    },
    /// The body is packed in a way that was not asked for.
    #[error("the server packs its answer in an unknown way: fetch another page")]
    Encoding,
    /// It took too long.
    #[error("the server took too long {stage}: try again later")]
    Timeout {
        /// What was waited for.
        stage: &'static str,
    },
    /// The body came too slowly.
    #[error("the server sends too slowly: fetch another page")]
    TooSlow,
}

impl Classified for FetchError {
    fn code(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.code(),
            Self::Credential(error) => error.code(),
            Self::Scheme => "scheme_not_allowed",
            Self::UserInfo => "user_info_in_url",
            Self::Address => "invalid_url",
            Self::Location => "invalid_redirect",
            Self::Downgrade => "redirect_to_http",
            Self::Elsewhere { .. } => "redirect_elsewhere",
            Self::TooManyRedirects { .. } => "too_many_redirects",
            Self::Tls { .. } => "tls",
            Self::Protocol { .. } => "protocol",
            Self::Encoding => "unknown_encoding",
            Self::Timeout { .. } => "timed_out",
            Self::TooSlow => "too_slow",
        }
    }

    fn is_retryable(&self) -> bool {
        match self {
            Self::Refused(refusal) => refusal.is_retryable(),
            Self::Protocol { .. } | Self::Timeout { .. } | Self::TooSlow => true,
            _ => false,
        }
    }
}

impl From<HostError> for FetchError {
    fn from(error: HostError) -> Self {
        Self::Refused(error.into())
    }
}

impl From<FetchError> for ToolError {
    fn from(error: FetchError) -> Self {
        match error {
            FetchError::Refused(refusal) => refusal.into(),
            other => Self::new(other.code(), other.to_string()),
        }
    }
}
