//! The verifier: from a token to an identity.

use std::fmt;
use std::sync::Arc;

use agentos_domain::{Clock, Timestamp};

use crate::claims::Demands;
use crate::error::invalid;
use crate::jwks::KeyStore;
use crate::keys::{Algorithm, Key};
use crate::memory::{Memory, digest};
use crate::token::{Compact, MAX_TOKEN, decode};
use crate::{AuthConfig, AuthError, Identity, TokenError};

/// Verifies tokens by one configuration. Shared by all requests.
pub struct Verifier {
    secret: Option<Key>,
    issuer_keys: Option<KeyStore>,
    demands: Demands,
    pub(crate) memory: Memory,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("demands", &self.demands).finish_non_exhaustive()
    }
}

impl Verifier {
    /// A verifier for this configuration. Reads nothing yet; see [`Verifier::refresh`].
    ///
    /// # Errors
    /// Where the configuration is not safe or not complete.
    pub fn new(config: AuthConfig, clock: Arc<dyn Clock>) -> Result<Self, AuthError> {
        config.check()?;
        let AuthConfig { secret, jwks, audience, issuer, leeway } = config;
        let issuer_keys =
            jwks.map(|source| KeyStore::new(source, Arc::clone(&clock))).transpose()?;
        let leeway_millis = i64::try_from(leeway.as_millis()).unwrap_or(0);
        let demands = Demands { audience, issuer, leeway_millis };
        let secret = secret.as_ref().map(Key::of_secret);
        Ok(Self { secret, issuer_keys, demands, memory: Memory::default(), clock })
    }

    /// Reads the issuer's keys now, where there are any to read: so that a hub
    /// can say at its start that they are not to be had. Takes at most 15 s.
    ///
    /// # Errors
    /// Where they cannot be read or none of them is of use. The verifier works
    /// on with those that it has, and tries again by itself.
    pub async fn refresh(&self) -> Result<(), AuthError> {
        match &self.issuer_keys {
            Some(keys) => keys.read_now().await,
            None => Ok(()),
        }
    }

    /// Who the token speaks for. Takes microseconds, or up to 5 s (15 s behind
    /// another request) where the issuer's keys have to be read.
    ///
    /// # Errors
    /// Where it is not to be believed; see [`TokenError`].
    pub async fn verify(&self, token: &str) -> Result<Identity, TokenError> {
        // Longer ones are refused below; they are not worth a digest.
        let digest = (token.len() <= MAX_TOKEN).then(|| digest(token));
        if let Some(digest) = &digest
            && let Some(identity) = self.recall(digest).await?
        {
            return Ok(identity);
        }
        let (identity, generation) = self.check(token).await?;
        if let Some(digest) = digest {
            self.memory.keep(digest, &identity, generation, self.clock.monotonic());
        }
        Ok(identity)
    }

    /// Whose token this is, if it was verified lately and all still holds.
    async fn recall(&self, digest: &[u8; 32]) -> Result<Option<Identity>, TokenError> {
        let Some(known) = self.memory.get(digest, self.clock.monotonic()) else { return Ok(None) };
        if let Some(verified_by) = known.generation {
            let now = match &self.issuer_keys {
                Some(keys) => Some(keys.generation().await),
                None => None,
            };
            if now != Some(verified_by) {
                return Ok(None);
            }
        }
        if self.now() >= known.identity.expires_at {
            return Err(TokenError::Expired);
        }
        Ok(Some(known.identity))
    }

    /// Whose token this is, and the generation of the issuer's keys that say
    /// so; none where it is the secret.
    async fn check(&self, token: &str) -> Result<(Identity, Option<u64>), TokenError> {
        let token = Compact::parse(token)?;
        let (holds, generation) = match token.algorithm {
            Algorithm::Hs256 => {
                let secret =
                    self.secret.as_ref().ok_or_else(|| invalid("HS256 is not accepted here"))?;
                (secret.verifies(token.message, &token.signature), None)
            }
            algorithm => {
                let keys = self
                    .issuer_keys
                    .as_ref()
                    .ok_or_else(|| invalid("RS256 and ES256 are not accepted here"))?;
                let found = keys.key_for(algorithm, token.kid.as_deref()).await?;
                let holds = found.key.key.verifies(token.message, &token.signature);
                (holds, Some(found.generation))
            }
        };
        if !holds {
            return Err(invalid("its signature does not hold"));
        }
        Ok((self.demands.judge(&decode(token.payload)?, self.now())?, generation))
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}
