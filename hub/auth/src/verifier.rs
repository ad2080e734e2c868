//! The verifier: from a token to an identity.

use std::fmt;
use std::sync::Arc;

use agentos_domain::Clock;

use crate::claims::Demands;
use crate::error::invalid;
use crate::jwks::KeyStore;
use crate::keys::{Algorithm, Key};
use crate::token::{Compact, decode};
use crate::{AuthConfig, AuthError, Identity, TokenError};

/// Verifies tokens by one configuration. Shared by all requests.
pub struct Verifier {
    secret: Option<Key>,
    issuer_keys: Option<KeyStore>,
    demands: Demands,
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
        Ok(Self { secret: secret.as_ref().map(Key::of_secret), issuer_keys, demands, clock })
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
        let token = Compact::parse(token)?;
        let holds = match token.algorithm {
            Algorithm::Hs256 => self
                .secret
                .as_ref()
                .ok_or_else(|| invalid("HS256 is not accepted here"))?
                .verifies(token.message, &token.signature),
            algorithm => {
                let keys = self
                    .issuer_keys
                    .as_ref()
                    .ok_or_else(|| invalid("RS256 and ES256 are not accepted here"))?;
                let public = keys.key_for(algorithm, token.kid.as_deref()).await?;
                public.key.verifies(token.message, &token.signature)
            }
        };
        if !holds {
            return Err(invalid("its signature does not hold"));
        }
        self.demands.judge(&decode(token.payload)?, self.clock.now())
    }
}
