//! Signed tokens (JWT) of whoever the hub trusts to know its users.

use std::sync::Arc;
use std::time::Duration;

use agentos_api::{TokenRefusal, TokenVerifier};
use agentos_auth::{AuthConfig, JwksSource, Secret, TokenError, Verifier};
use agentos_config::{Auth, HubConfig, Loaded};
use agentos_domain::Clock;
use agentos_engine::Principal;
use async_trait::async_trait;

use crate::error::HubError;

/// How long the start waits for the keys of the issuer.
const FIRST_KEYS: Duration = Duration::from_secs(5);

/// Lets in whom a [`Verifier`] knows.
pub struct Tokens(Verifier);

impl Tokens {
    /// By this verifier.
    #[must_use]
    pub fn new(verifier: Verifier) -> Self {
        Self(verifier)
    }
}

#[async_trait]
impl TokenVerifier for Tokens {
    async fn verify(&self, token: &str) -> Result<Principal, TokenRefusal> {
        let identity = self.0.verify(token).await.map_err(|error| match error {
            TokenError::Expired => TokenRefusal::Expired,
            TokenError::Invalid { .. } => TokenRefusal::Invalid,
            TokenError::Unavailable => TokenRefusal::Unchecked(error.to_string()),
        })?;
        Ok(Principal {
            id: format!("user:{}", identity.subject),
            name: identity.name.or(identity.email).unwrap_or(identity.subject),
            workspace_id: identity.workspace,
            scopes: identity.scopes,
            expires_at: Some(identity.expires_at),
        })
    }
}

/// The verifier that the configuration asks for, if it asks for one.
pub(crate) async fn verifier(
    loaded: &Loaded<HubConfig>,
    clock: Arc<dyn Clock>,
) -> Result<Option<Arc<dyn TokenVerifier>>, HubError> {
    let config = auth_config(loaded);
    if config.is_empty() {
        return Ok(None);
    }
    let verifier = Verifier::new(config, clock)?;
    match tokio::time::timeout(FIRST_KEYS, verifier.refresh()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "no keys for signed tokens yet; trying again"),
        Err(_) => tracing::warn!("the issuer's keys take long; trying again when needed"),
    }
    Ok(Some(Arc::new(Tokens(verifier))))
}

fn auth_config(loaded: &Loaded<HubConfig>) -> AuthConfig {
    let Auth { jwt_secret, jwks, audience, issuer, leeway } = &loaded.config.auth;
    let url = jwks.url.clone().map(JwksSource::Url);
    let file = jwks.file.as_deref().map(|path| JwksSource::File(loaded.resolve(path)));
    AuthConfig {
        secret: jwt_secret.as_ref().map(|secret| Secret::new(secret.expose())),
        jwks: url.or(file),
        audience: audience.clone(),
        issuer: issuer.clone(),
        leeway: *leeway,
    }
}
