//! What tokens are verified by.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::AuthError;

/// The least length of a secret, in bytes: the output of SHA-256 (RFC 7518).
pub(crate) const SECRET_BYTES: usize = 32;
/// The most that clocks may differ.
const MAX_LEEWAY: Duration = Duration::from_secs(5);

/// A secret text: never shown, and overwritten in memory when it is dropped.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes over the text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

/// Where the public keys of an issuer are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JwksSource {
    /// An address: `https`, or `http` on this machine alone.
    Url(String),
    /// A file.
    File(PathBuf),
}

/// What tokens are verified by, and what is demanded of them.
#[derive(Debug, Clone, Default)]
pub struct AuthConfig {
    /// The shared secret of HS256 tokens (`BETTER_AUTH_SECRET`), at least 32 bytes.
    pub secret: Option<Secret>,
    /// The public keys of RS256 and ES256 tokens.
    pub jwks: Option<JwksSource>,
    /// Where set, a token's `aud` must be or contain it. Where not set, `aud`
    /// is not looked at: every token of the issuer is accepted.
    pub audience: Option<String>,
    /// Where set, a token's `iss` must be it.
    pub issuer: Option<String>,
    /// How far the issuer's clock may differ, at most 5 s.
    pub leeway: Duration,
}

impl AuthConfig {
    /// Whether there is nothing to verify tokens by, so that a hub with this
    /// configuration knows API keys alone.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.secret.is_none() && self.jwks.is_none()
    }

    pub(crate) fn check(&self) -> Result<(), AuthError> {
        if self.is_empty() {
            return Err(AuthError::NothingConfigured);
        }
        if let Some(secret) = &self.secret {
            let text = secret.expose();
            if text.len() < SECRET_BYTES {
                return Err(AuthError::ShortSecret { bytes: text.len() });
            }
            if text.trim_start().starts_with("-----BEGIN ") {
                return Err(AuthError::SecretIsPem);
            }
        }
        for (name, value) in [("audience", &self.audience), ("issuer", &self.issuer)] {
            if value.as_ref().is_some_and(|text| text.trim().is_empty()) {
                return Err(AuthError::EmptyDemand { name });
            }
        }
        if self.leeway > MAX_LEEWAY {
            return Err(AuthError::Leeway { millis: self.leeway.as_millis() });
        }
        Ok(())
    }
}
