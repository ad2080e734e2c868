//! API keys: random, shown once, stored as a hash.

use agentos_domain::{KeyId, WorkspaceId};
use agentos_store::KeyRecord;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::RngExt as _;
use sha2::{Digest, Sha256};

use crate::error::EngineError;
use crate::handle::EngineHandle;
use crate::types::Principal;

/// What a key turns out to be.
#[derive(Debug, Clone)]
pub enum Authentication {
    /// Its owner.
    Known(Principal),
    /// No key of this hub, or a revoked one.
    Unknown,
    /// A key whose time is over.
    Expired,
}

impl EngineHandle {
    /// Whose key `token` is.
    ///
    /// # Errors
    /// Where the store cannot be asked.
    pub async fn authenticate(&self, token: &str) -> Result<Authentication, EngineError> {
        let Some(record) = self.shared.store.key_by_hash(&hash(token)).await? else {
            return Ok(Authentication::Unknown);
        };
        if record.revoked_at.is_some() {
            return Ok(Authentication::Unknown);
        }
        if record.expires_at.is_some_and(|end| end <= self.shared.clock.now()) {
            return Ok(Authentication::Expired);
        }
        let KeyRecord { name, workspace_id, scopes, .. } = record;
        Ok(Authentication::Known(Principal { name, workspace_id, scopes }))
    }

    /// Makes a key with 256 random bits and returns it: it cannot be read again.
    ///
    /// # Errors
    /// Where the store cannot keep it.
    pub async fn create_key(
        &self,
        name: &str,
        workspace_id: WorkspaceId,
        scopes: &[&str],
    ) -> Result<String, EngineError> {
        let secret: [u8; 32] = rand::rng().random();
        let token = format!("aos_{}", URL_SAFE_NO_PAD.encode(secret));
        self.keep_key(&token, name, workspace_id, scopes).await?;
        Ok(token)
    }

    pub(crate) async fn keep_key(
        &self,
        token: &str,
        name: &str,
        workspace_id: WorkspaceId,
        scopes: &[&str],
    ) -> Result<(), EngineError> {
        let record = KeyRecord {
            key_id: KeyId::generate(),
            name: name.to_owned(),
            prefix: token.chars().take(8).collect(),
            hash: hash(token),
            workspace_id,
            scopes: scopes.iter().map(ToString::to_string).collect(),
            created_at: self.shared.clock.now(),
            expires_at: None,
            revoked_at: None,
        };
        Ok(self.shared.store.add_key(&record).await?)
    }
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}
