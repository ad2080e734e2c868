//! API keys: random, shown once, stored as a hash.
//!
//! Keys that are in use are remembered, so that a request costs no look into
//! the database. The hub alone writes the database, so what is remembered is
//! right as long as [`EngineHandle::revoke_key`] forgets what it ends.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use agentos_domain::{KeyId, Timestamp, WorkspaceId};
use agentos_store::KeyRecord;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::RngExt as _;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::error::EngineError;
use crate::handle::EngineHandle;
use crate::types::Principal;

/// How every key begins.
const TOKEN_PREFIX: &str = "aos_";
/// How much of a key is kept to recognise it: of its 256 random bits, 48.
const SHOWN_CHARS: usize = 12;
/// How often the use of a key is noted.
const NOTE_EVERY: Duration = Duration::from_secs(60);
/// The most keys that are remembered.
const REMEMBERED: usize = 1024;
/// What a key may be allowed to do.
const SCOPES: [&str; 4] = ["read", "run", "approve", "admin"];
const MAX_NAME_CHARS: usize = 64;

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

/// What a key is known by: its hash, from which it cannot be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyDigest([u8; 32]);

impl KeyDigest {
    /// The digest of `token`, whether it is a key of this hub or not.
    #[must_use]
    pub fn of(token: &str) -> Self {
        Self(hash(token))
    }
}

/// A key that is asked for.
#[derive(Debug, Clone)]
pub struct KeyRequest {
    /// Its name for people.
    pub name: String,
    /// Whose data it opens.
    pub workspace_id: WorkspaceId,
    /// What it allows: some of `read`, `run`, `approve`, `admin`.
    pub scopes: Vec<String>,
    /// When it ceases to work; `None` is never.
    pub expires_at: Option<Timestamp>,
}

/// What is known of a key; not the key itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyInfo {
    /// Its id.
    pub key_id: KeyId,
    /// Its name for people.
    pub name: String,
    /// How the key begins.
    pub prefix: String,
    /// Whose data it opens.
    pub workspace_id: WorkspaceId,
    /// What it allows.
    pub scopes: Vec<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// When it ceases to work.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

impl From<KeyRecord> for KeyInfo {
    fn from(record: KeyRecord) -> Self {
        Self {
            key_id: record.key_id,
            name: record.name,
            prefix: record.prefix,
            workspace_id: record.workspace_id,
            scopes: record.scopes,
            created_at: record.created_at,
            last_used_at: record.last_used_at,
            expires_at: record.expires_at,
            revoked_at: record.revoked_at,
        }
    }
}

/// Keys in use. A key that was revoked is never in it once the revocation has
/// returned: whoever read the key before sees that the generation has changed.
#[derive(Default)]
pub(crate) struct KeyRing {
    inner: Mutex<Ring>,
}

#[derive(Default)]
struct Ring {
    generation: u64,
    known: HashMap<[u8; 32], KeyRecord>,
}

impl KeyRing {
    fn lock(&self) -> MutexGuard<'_, Ring> {
        // A panic elsewhere cannot leave the map half changed.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, hash: &[u8; 32]) -> (u64, Option<KeyRecord>) {
        let ring = self.lock();
        (ring.generation, ring.known.get(hash).cloned())
    }

    fn remember(&self, generation: u64, record: KeyRecord) {
        let mut ring = self.lock();
        if ring.generation != generation {
            return;
        }
        if ring.known.len() >= REMEMBERED {
            ring.known.clear();
        }
        ring.known.insert(record.hash, record);
    }

    fn forget(&self, id: &KeyId) {
        let mut ring = self.lock();
        ring.generation += 1;
        ring.known.retain(|_, record| record.key_id != *id);
    }

    /// Whether the use of a key is to be noted now; if so, it counts as noted.
    fn begin_note(&self, hash: &[u8; 32], now: Timestamp) -> bool {
        let mut ring = self.lock();
        let Some(record) = ring.known.get_mut(hash) else { return false };
        let due = record.last_used_at.is_none_or(|last| now.since(last) >= NOTE_EVERY);
        if due {
            record.last_used_at = Some(now);
        }
        due
    }
}

impl EngineHandle {
    /// Whose key `token` is.
    ///
    /// # Errors
    /// Where the store cannot be asked.
    pub async fn authenticate(&self, token: &str) -> Result<Authentication, EngineError> {
        self.authenticate_digest(&KeyDigest::of(token)).await
    }

    /// As [`EngineHandle::authenticate`], for who has kept no more of a key
    /// than its digest.
    ///
    /// # Errors
    /// As there.
    pub async fn authenticate_digest(
        &self,
        KeyDigest(hash): &KeyDigest,
    ) -> Result<Authentication, EngineError> {
        let (generation, remembered) = self.shared.keys.get(hash);
        let record = match remembered {
            Some(record) => record,
            None => match self.shared.store.key_by_hash(hash).await? {
                Some(record) if record.revoked_at.is_none() => {
                    self.shared.keys.remember(generation, record.clone());
                    record
                }
                _ => return Ok(Authentication::Unknown),
            },
        };
        Ok(self.judge(record).await)
    }

    /// As [`EngineHandle::authenticate_digest`], for keys that were used
    /// lately; `None` for all others. Asks nobody.
    pub async fn authenticate_remembered(
        &self,
        KeyDigest(hash): &KeyDigest,
    ) -> Option<Authentication> {
        let (_, record) = self.shared.keys.get(hash);
        Some(self.judge(record?).await)
    }

    async fn judge(&self, record: KeyRecord) -> Authentication {
        let now = self.shared.clock.now();
        if record.expires_at.is_some_and(|end| end <= now) {
            return Authentication::Expired;
        }
        if self.shared.keys.begin_note(&record.hash, now)
            && let Err(error) = self.shared.store.key_used(&record.key_id, now).await
        {
            // Whoever holds a good key is let in, even if the disk is full.
            tracing::warn!(key = %record.key_id, %error, "could not note the use of a key");
        }
        let KeyRecord { key_id, name, workspace_id, scopes, expires_at, .. } = record;
        let id = key_id.to_string();
        Authentication::Known(Principal { id, name, workspace_id, scopes, expires_at })
    }

    /// Makes a key with 256 random bits. The first part is the key: it cannot
    /// be read again.
    ///
    /// # Errors
    /// Where the request makes no sense or the store cannot keep the key.
    pub async fn issue_key(&self, request: KeyRequest) -> Result<(String, KeyInfo), EngineError> {
        check(&request, self.shared.clock.now())?;
        let secret: [u8; 32] = rand::rng().random();
        let token = format!("{TOKEN_PREFIX}{}", URL_SAFE_NO_PAD.encode(secret));
        let info = self.keep_key(&token, request).await?;
        Ok((token, info))
    }

    /// As [`EngineHandle::issue_key`], for a key that does not expire.
    ///
    /// # Errors
    /// As there.
    pub async fn create_key(
        &self,
        name: &str,
        workspace_id: WorkspaceId,
        scopes: &[&str],
    ) -> Result<String, EngineError> {
        let scopes = scopes.iter().map(ToString::to_string).collect();
        let request = KeyRequest { name: name.to_owned(), workspace_id, scopes, expires_at: None };
        Ok(self.issue_key(request).await?.0)
    }

    pub(crate) async fn keep_key(
        &self,
        token: &str,
        request: KeyRequest,
    ) -> Result<KeyInfo, EngineError> {
        let now = self.shared.clock.now();
        // In one order, each once.
        let held = |scope: &&str| request.scopes.iter().any(|wanted| wanted == scope);
        let record = KeyRecord {
            key_id: KeyId::generate(),
            name: request.name.clone(),
            prefix: token.chars().take(SHOWN_CHARS).collect(),
            hash: hash(token),
            workspace_id: request.workspace_id.clone(),
            scopes: SCOPES.into_iter().filter(held).map(ToOwned::to_owned).collect(),
            created_at: now,
            last_used_at: None,
            expires_at: request.expires_at,
            revoked_at: None,
        };
        self.shared.store.add_key(&record).await?;
        Ok(record.into())
    }

    /// The keys of a workspace, or of all where none is named, oldest first.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn keys(&self, workspace: Option<&WorkspaceId>) -> Result<Vec<KeyInfo>, EngineError> {
        let records = self.shared.store.keys(workspace).await?;
        Ok(records.into_iter().map(KeyInfo::from).collect())
    }

    /// Ends a key of a workspace, or of any where none is named. When this
    /// returns, the key opens nothing any more.
    ///
    /// # Errors
    /// Where there is no such key or the store fails.
    pub async fn revoke_key(
        &self,
        workspace: Option<&WorkspaceId>,
        id: &KeyId,
    ) -> Result<KeyInfo, EngineError> {
        let now = self.shared.clock.now();
        let revoked = self.shared.store.revoke_key(workspace, id, now).await?;
        self.shared.keys.forget(id);
        let record = revoked.ok_or_else(|| EngineError::NotFound("such key".to_owned()))?;
        Ok(record.into())
    }
}

fn check(request: &KeyRequest, now: Timestamp) -> Result<(), EngineError> {
    let invalid = |message: String| Err(EngineError::Invalid(message));
    let chars = request.name.chars().count();
    if request.name.trim().is_empty()
        || chars > MAX_NAME_CHARS
        || request.name.chars().any(char::is_control)
    {
        return invalid(format!("name: use 1 to {MAX_NAME_CHARS} printable characters"));
    }
    let known = SCOPES.join(", ");
    if let Some(other) = request.scopes.iter().find(|scope| !SCOPES.contains(&scope.as_str())) {
        let other: String = other.chars().take(80).collect();
        return invalid(format!("scopes: there is no scope `{other}`: use some of {known}"));
    }
    if request.scopes.is_empty() {
        return invalid(format!(
            "scopes: a key without any is good for nothing: use some of {known}"
        ));
    }
    if request.expires_at.is_some_and(|end| end <= now) {
        return invalid("expires_at: this time has passed: name a later one, or none".to_owned());
    }
    Ok(())
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

#[cfg(test)]
mod tests;
