//! Join tokens: one use, and bound to the hub that made them.
//!
//! A token carries a secret, of which the hub stores the hash alone, and the
//! fingerprint of the hub's certificate authority, which the joining edge
//! checks before it sends the secret.

use std::fmt;
use std::str::FromStr;

use agentos_domain::Classified;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

const PREFIX: &str = "aosjoin_";
/// Bytes of a token's secret.
pub(crate) const SECRET: usize = 16;
const FINGERPRINT: usize = 32;
const CHECKSUM: usize = 4;

/// Why a text is not a join token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It does not begin as a token does.
    #[error("not a join token: one begins with `aosjoin_`; copy the whole line that the hub shows")]
    Prefix,
    /// It is too short or too long, or has a foreign character.
    #[error("the join token is cut off or has a foreign character: copy it again from the hub")]
    Shape,
    /// Its checksum does not fit.
    #[error("the join token was altered on the way: copy it again from the hub")]
    Checksum,
}

impl Classified for TokenError {
    fn code(&self) -> &'static str {
        "token_altered"
    }

    fn is_retryable(&self) -> bool {
        false
    }
}

/// Lets one edge join one hub, once.
///
/// `Debug` hides the secret; `Display` is the token as people copy it.
#[derive(Clone, PartialEq, Eq)]
pub struct JoinToken {
    secret: [u8; SECRET],
    fingerprint: [u8; FINGERPRINT],
}

impl JoinToken {
    /// A new token for the hub whose certificate authority has this
    /// fingerprint (SHA-256 of its public key as the certificate holds it).
    #[must_use]
    pub fn generate(ca_fingerprint: [u8; 32]) -> Self {
        Self { secret: rand::random(), fingerprint: ca_fingerprint }
    }

    /// What the hub stores: SHA-256 of the secret.
    #[must_use]
    pub fn secret_hash(&self) -> [u8; 32] {
        hash_secret(&self.secret)
    }

    /// Fingerprint of the hub's certificate authority.
    #[must_use]
    pub fn ca_fingerprint(&self) -> [u8; 32] {
        self.fingerprint
    }

    pub(crate) fn secret(&self) -> &[u8] {
        &self.secret
    }
}

pub(crate) fn hash_secret(secret: &[u8]) -> [u8; 32] {
    Sha256::digest(secret).into()
}

fn checksum(body: &[u8]) -> [u8; CHECKSUM] {
    let hash = Sha256::digest(body);
    [hash[0], hash[1], hash[2], hash[3]]
}

impl fmt::Display for JoinToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = Vec::with_capacity(SECRET + FINGERPRINT + CHECKSUM);
        bytes.extend_from_slice(&self.secret);
        bytes.extend_from_slice(&self.fingerprint);
        bytes.extend_from_slice(&checksum(&bytes));
        write!(f, "{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl fmt::Debug for JoinToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JoinToken(…)")
    }
}

impl FromStr for JoinToken {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Self, TokenError> {
        let text = text.trim().strip_prefix(PREFIX).ok_or(TokenError::Prefix)?;
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| TokenError::Shape)?;
        let (secret, rest) = bytes.split_first_chunk::<SECRET>().ok_or(TokenError::Shape)?;
        let (fingerprint, sum) =
            rest.split_first_chunk::<FINGERPRINT>().ok_or(TokenError::Shape)?;
        if sum.len() != CHECKSUM {
            return Err(TokenError::Shape);
        }
        let expected = checksum(&bytes[..SECRET + FINGERPRINT]);
        if !bool::from(expected.as_slice().ct_eq(sum)) {
            return Err(TokenError::Checksum);
        }
        Ok(Self { secret: *secret, fingerprint: *fingerprint })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_survives_being_copied() {
        let token = JoinToken::generate([7; 32]);
        let text = format!("  {token}\n");
        let read: JoinToken = text.parse().unwrap();
        assert_eq!(read, token);
        assert_eq!(read.secret_hash(), token.secret_hash());
    }

    #[test]
    fn every_altered_character_is_noticed() {
        let text = JoinToken::generate([7; 32]).to_string();
        for at in PREFIX.len()..text.len() {
            let mut altered = text.clone().into_bytes();
            altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
            let altered = String::from_utf8(altered).unwrap();
            assert!(altered.parse::<JoinToken>().is_err(), "{altered}");
        }
        assert_eq!(text[..text.len() - 4].parse::<JoinToken>(), Err(TokenError::Shape));
        assert_eq!("abc".parse::<JoinToken>(), Err(TokenError::Prefix));
    }

    #[test]
    fn debug_output_hides_the_secret() {
        assert_eq!(format!("{:?}", JoinToken::generate([7; 32])), "JoinToken(…)");
    }
}
