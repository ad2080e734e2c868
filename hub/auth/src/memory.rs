//! Tokens that were verified lately, so that a client pays for its signature
//! once a minute and not with every request.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ring::digest::{SHA256, digest as hash};

use crate::Identity;

/// How long a token is remembered. Also the longest that one outlives a key
/// that is gone from a set which nobody reads again.
pub(crate) const REMEMBERED_FOR: Duration = Duration::from_secs(60);
/// The most tokens that are remembered.
pub(crate) const REMEMBERED: usize = 1024;

/// What a token is remembered by: its SHA-256. The token itself is not kept.
pub(crate) fn digest(token: &str) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(hash(&SHA256, token.as_bytes()).as_ref());
    bytes
}

/// A token that was verified.
#[derive(Clone)]
pub(crate) struct Known {
    pub(crate) identity: Identity,
    /// Of the issuer's keys that it was verified by; none for the secret, which
    /// lasts as long as the verifier.
    pub(crate) generation: Option<u64>,
    /// On the clock that never goes back.
    until: Duration,
}

/// Only tokens that were valid get in, so only the issuer's users can fill it.
#[derive(Default)]
pub(crate) struct Memory {
    tokens: Mutex<HashMap<[u8; 32], Known>>,
}

impl Memory {
    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 32], Known>> {
        // A panic elsewhere cannot leave the map half changed.
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of a token at `now`. Whether its own time is over and
    /// whether its key still counts is for the caller to judge.
    pub(crate) fn get(&self, digest: &[u8; 32], now: Duration) -> Option<Known> {
        self.lock().get(digest).filter(|known| now < known.until).cloned()
    }

    pub(crate) fn keep(
        &self,
        digest: [u8; 32],
        identity: &Identity,
        generation: Option<u64>,
        now: Duration,
    ) {
        let until = now.saturating_add(REMEMBERED_FOR);
        let known = Known { identity: identity.clone(), generation, until };
        let mut tokens = self.lock();
        if tokens.len() >= REMEMBERED {
            tokens.retain(|_, known| now < known.until);
        }
        // All are in use: verifying them once more is cheaper than keeping order.
        if tokens.len() >= REMEMBERED {
            tokens.clear();
        }
        tokens.insert(digest, known);
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }
}
