//! The sessions of browsers: each stands for a key or a token that was shown
//! once. They live in memory alone; after a restart one signs in again.
//!
//! A session is no right of its own. With every request the key behind it is
//! looked at again, so whatever ends the key ends its sessions.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use agentos_domain::{Clock, Timestamp};
use agentos_engine::{KeyDigest, Principal};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::RngExt as _;
use sha2::{Digest, Sha256};

/// The longest that a session lasts.
pub(crate) const MAX_LIFE: Duration = Duration::from_secs(12 * 60 * 60);
/// The most sessions at a time. For more, the oldest gives way.
const MAX_SESSIONS: usize = 1024;
/// The most sessions of one key or user: nobody can push all others out.
const MAX_OF_ONE: usize = 16;

/// What a session stands for.
#[derive(Debug, Clone)]
pub(crate) enum Credential {
    /// An API key.
    Key(KeyDigest),
    /// A signed token; it is checked again and again, so it has to be whole.
    Token(Arc<str>),
}

struct Session {
    credential: Credential,
    /// The id of its principal.
    owner: String,
    /// On the clock that never goes back.
    began: Duration,
    ends: Duration,
    expires_at: Timestamp,
}

/// A session that was begun just now.
#[derive(Debug)]
pub(crate) struct Begun {
    /// 256 random bits. Only the browser keeps them.
    pub(crate) id: String,
    pub(crate) life: Duration,
    pub(crate) expires_at: Timestamp,
}

/// All sessions, by the hash of their id.
pub(crate) struct Sessions {
    open: Mutex<HashMap<[u8; 32], Session>>,
    clock: Arc<dyn Clock>,
}

impl Sessions {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { open: Mutex::default(), clock }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 32], Session>> {
        // A panic elsewhere cannot leave the map half changed.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a session of `owner`, which ends with what it stands for at the
    /// latest.
    pub(crate) fn begin(&self, owner: &Principal, credential: Credential) -> Begun {
        let (now, time) = (self.clock.monotonic(), self.clock.now());
        let life = owner.expires_at.map_or(MAX_LIFE, |end| end.since(time).min(MAX_LIFE));
        let expires_at = time.plus(life);
        let bits: [u8; 32] = rand::rng().random();
        let id = URL_SAFE_NO_PAD.encode(bits);
        let session = Session {
            credential,
            owner: owner.id.clone(),
            began: now,
            ends: now.saturating_add(life),
            expires_at,
        };
        let mut open = self.lock();
        open.retain(|_, session| now < session.ends);
        let of_owner = open.values().filter(|session| session.owner == owner.id).count();
        if of_owner >= MAX_OF_ONE {
            drop_oldest(&mut open, |session| session.owner == owner.id);
        } else if open.len() >= MAX_SESSIONS {
            drop_oldest(&mut open, |_| true);
        }
        open.insert(hash(&id), session);
        Begun { id, life, expires_at }
    }

    /// What a session stands for and when it ends, if there is such a session.
    pub(crate) fn find(&self, id: &str) -> Option<(Credential, Timestamp)> {
        let now = self.clock.monotonic();
        let open = self.lock();
        let session = open.get(&hash(id)).filter(|session| now < session.ends)?;
        Some((session.credential.clone(), session.expires_at))
    }

    /// Ends a session, if there is such a session.
    pub(crate) fn end(&self, id: &str) {
        self.lock().remove(&hash(id));
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }
}

fn drop_oldest(open: &mut HashMap<[u8; 32], Session>, fits: impl Fn(&Session) -> bool) {
    let fitting = open.iter().filter(|(_, session)| fits(session));
    let oldest = fitting.min_by_key(|(_, session)| session.began).map(|(hash, _)| *hash);
    if let Some(oldest) = oldest {
        open.remove(&oldest);
    }
}

fn hash(id: &str) -> [u8; 32] {
    Sha256::digest(id.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use agentos_domain::ManualClock;

    use super::*;

    fn owner(id: &str, expires_at: Option<Timestamp>) -> Principal {
        let (name, workspace_id) = (id.to_owned(), "default".parse().unwrap());
        Principal { id: id.to_owned(), name, workspace_id, scopes: vec![], expires_at }
    }

    fn sessions() -> (Sessions, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_000_000)));
        (Sessions::new(Arc::clone(&clock) as _), clock)
    }

    fn key() -> Credential {
        Credential::Key(KeyDigest::of("k"))
    }

    #[test]
    fn a_session_lasts_as_long_as_its_key_and_twelve_hours_at_most() {
        let (sessions, clock) = sessions();
        let now = clock.now();
        for (end, life) in [
            (None, MAX_LIFE),
            (Some(now.plus(MAX_LIFE * 2)), MAX_LIFE),
            (Some(now.plus(Duration::from_secs(60))), Duration::from_secs(60)),
            (Some(Timestamp::from_millis(0)), Duration::ZERO),
        ] {
            let begun = sessions.begin(&owner("a", end), key());
            assert_eq!((begun.life, begun.expires_at), (life, now.plus(life)));
            assert_eq!(begun.id.len(), 43);
            assert_eq!(sessions.find(&begun.id).is_some(), !life.is_zero());
        }
        let begun = sessions.begin(&owner("a", None), key());
        clock.advance(MAX_LIFE - Duration::from_millis(1));
        assert!(sessions.find(&begun.id).is_some());
        clock.advance(Duration::from_millis(1));
        assert!(sessions.find(&begun.id).is_none());
    }

    #[test]
    fn one_owner_pushes_out_his_own_oldest() {
        let (sessions, clock) = sessions();
        let other = sessions.begin(&owner("b", None), key());
        let begun: Vec<_> = (0..=MAX_OF_ONE)
            .map(|_| {
                clock.advance(Duration::from_millis(1));
                sessions.begin(&owner("a", None), key())
            })
            .collect();
        let found = |begun: &Begun| sessions.find(&begun.id).is_some();
        assert!(!found(&begun[0]) && begun[1..].iter().all(found) && found(&other));
        sessions.end(&begun[1].id);
        assert!(!found(&begun[1]) && found(&begun[2]));
    }

    #[test]
    fn all_sessions_are_bounded_and_the_oldest_gives_way() {
        let (sessions, clock) = sessions();
        let begun: Vec<_> = (0..=MAX_SESSIONS)
            .map(|n| {
                clock.advance(Duration::from_millis(1));
                sessions.begin(&owner(&n.to_string(), None), key())
            })
            .collect();
        assert_eq!(sessions.len(), MAX_SESSIONS);
        let found = |begun: &Begun| sessions.find(&begun.id).is_some();
        assert!(!found(&begun[0]) && found(&begun[1]) && found(&begun[MAX_SESSIONS]));
        clock.advance(MAX_LIFE);
        sessions.begin(&owner("late", None), key());
        assert_eq!(sessions.len(), 1);
    }
}
