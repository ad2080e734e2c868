//! The public keys of an issuer, kept up to date.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use agentos_domain::Clock;
use tokio::fs::File;
use tokio::io::AsyncReadExt;
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::error::invalid;
use crate::fetch::{Endpoint, MAX_BYTES, public_roots};
use crate::keys::{Algorithm, PublicKey, parse_jwks};
use crate::{AuthError, JwksSource, TokenError};

/// How long a set may take to arrive.
const DEADLINE: Duration = Duration::from_secs(5);
/// How often a set is read because a token names a key that it lacks.
pub(crate) const REFETCH: Duration = Duration::from_secs(10);
/// The age at which a set is read again, so that keys which the issuer has
/// withdrawn do not live on here.
pub(crate) const MAX_AGE: Duration = Duration::from_secs(300);
/// How often an old set is tried again while its issuer cannot be reached.
const RETRY_OLD: Duration = Duration::from_secs(60);

enum Source {
    Url(Endpoint),
    File(PathBuf),
}

/// A set as it was read at one instant.
#[derive(Default)]
struct KeySet {
    keys: Vec<Arc<PublicKey>>,
    /// How many sets were read before and with it.
    generation: u64,
    /// On the clock that never goes back; none before the first reading.
    read_at: Option<Duration>,
}

/// The last try at reading the set.
#[derive(Default)]
struct Attempt {
    at: Option<Duration>,
    outcome: Option<AuthError>,
}

/// The keys of one issuer.
pub(crate) struct KeyStore {
    source: Source,
    /// How the source is named in errors and logs.
    place: String,
    clock: Arc<dyn Clock>,
    current: RwLock<Arc<KeySet>>,
    /// Held while the set is being read, so that it is read once for all who wait.
    attempt: Mutex<Attempt>,
}

/// A key, and the generation of the set that it was found in.
pub(crate) struct Found {
    pub(crate) key: Arc<PublicKey>,
    pub(crate) generation: u64,
}

enum Lookup {
    Found(Found),
    Missing,
    Refused(TokenError),
}

impl KeyStore {
    pub(crate) fn new(source: JwksSource, clock: Arc<dyn Clock>) -> Result<Self, AuthError> {
        let (source, place) = match source {
            JwksSource::Url(url) => (Source::Url(Endpoint::new(&url, public_roots())?), url),
            JwksSource::File(path) => {
                let place = path.display().to_string();
                (Source::File(path), place)
            }
        };
        let (current, attempt) = (RwLock::default(), Mutex::default());
        Ok(Self { source, place, clock, current, attempt })
    }

    /// The key that a token of this algorithm and key name must be signed with.
    pub(crate) async fn key_for(
        &self,
        algorithm: Algorithm,
        kid: Option<&str>,
    ) -> Result<Found, TokenError> {
        self.renew_if_old().await;
        match self.find(algorithm, kid) {
            Lookup::Found(found) => return Ok(found),
            Lookup::Refused(error) => return Err(error),
            Lookup::Missing => {}
        }
        let outcome = self.read_unless_tried(REFETCH).await;
        match (self.find(algorithm, kid), outcome) {
            (Lookup::Found(found), _) => Ok(found),
            (Lookup::Refused(error), _) => Err(error),
            (Lookup::Missing, Ok(())) => Err(invalid("the issuer has no such key")),
            // It may well be signed with a key that we could not learn of.
            (Lookup::Missing, Err(_)) => Err(TokenError::Unavailable),
        }
    }

    /// Reads the set now.
    pub(crate) async fn read_now(&self) -> Result<(), AuthError> {
        self.read_unless_tried(Duration::ZERO).await
    }

    /// The generation of the set that counts now. Reads an old set first, so
    /// that what is concluded from a set does not outlive it.
    pub(crate) async fn generation(&self) -> u64 {
        self.renew_if_old().await;
        self.current().generation
    }

    fn current(&self) -> Arc<KeySet> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn find(&self, algorithm: Algorithm, kid: Option<&str>) -> Lookup {
        let set = self.current();
        let generation = set.generation;
        let found = |key: &Arc<PublicKey>| Lookup::Found(Found { key: key.clone(), generation });
        let fits = |key: &&Arc<PublicKey>| key.key.algorithm() == algorithm;
        if let Some(kid) = kid {
            let mut named = set.keys.iter().filter(|k| k.kid.as_deref() == Some(kid)).peekable();
            if named.peek().is_none() {
                return Lookup::Missing;
            }
            return match named.find(fits) {
                Some(key) => found(key),
                None => Lookup::Refused(invalid("its algorithm is not that of its key")),
            };
        }
        let mut fitting = set.keys.iter().filter(fits);
        match (fitting.next(), fitting.next()) {
            (None, _) => Lookup::Missing,
            (Some(key), None) => found(key),
            (Some(_), Some(_)) => Lookup::Refused(invalid("it does not say which key signed it")),
        }
    }

    /// Reads a set that is old. Those who come while it is being read go on
    /// with the keys that there are.
    async fn renew_if_old(&self) {
        let Some(read_at) = self.current().read_at else { return };
        let old = self.clock.monotonic().saturating_sub(read_at) >= MAX_AGE;
        if old && self.attempt.try_lock().is_ok() {
            // Has been logged; the keys that there are stay.
            self.read_unless_tried(RETRY_OLD).await.ok();
        }
    }

    /// Reads the set unless that was tried less than `pause` ago; then the
    /// outcome of that try counts.
    async fn read_unless_tried(&self, pause: Duration) -> Result<(), AuthError> {
        let late = || self.unreadable("another reading of it does not end".to_owned());
        let mut attempt = timeout(DEADLINE * 2, self.attempt.lock()).await.map_err(|_| late())?;
        let now = self.clock.monotonic();
        if attempt.at.is_some_and(|at| now.saturating_sub(at) < pause) {
            return attempt.outcome.clone().map_or(Ok(()), Err);
        }
        // Recorded first: a caller that goes away in the middle has tried too.
        attempt.at = Some(now);
        attempt.outcome = Some(self.unreadable("it was not read to the end".to_owned()));
        let result = self.read(now).await;
        attempt.outcome = result.clone().err();
        if let Err(error) = &result {
            tracing::warn!(%error, "the token keys were not renewed");
        }
        result
    }

    async fn read(&self, now: Duration) -> Result<(), AuthError> {
        let reading = async {
            match &self.source {
                Source::Url(endpoint) => endpoint.get().await,
                Source::File(path) => read_file(path).await,
            }
        };
        let bytes = timeout(DEADLINE, reading)
            .await
            .unwrap_or_else(|_| Err("no answer within 5 s".to_owned()))
            .map_err(|problem| self.unreadable(problem))?;
        let keys = parse_jwks(&bytes).map_err(|problem| self.unusable(problem))?;
        let empty = keys.is_empty();
        let keys = keys.into_iter().map(Arc::new).collect();
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        let generation = current.generation + 1;
        *current = Arc::new(KeySet { keys, generation, read_at: Some(now) });
        drop(current);
        match empty {
            true => Err(self.unusable("holds no key for RS256 or ES256: publish one")),
            false => Ok(()),
        }
    }

    fn unreadable(&self, problem: String) -> AuthError {
        AuthError::Read { place: self.place.clone(), problem }
    }

    fn unusable(&self, problem: &'static str) -> AuthError {
        AuthError::KeySet { place: self.place.clone(), problem }
    }
}

async fn read_file(path: &Path) -> Result<Vec<u8>, String> {
    let file = File::open(path).await.map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    let limit = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    file.take(limit).read_to_end(&mut bytes).await.map_err(|error| error.to_string())?;
    if bytes.len() > MAX_BYTES {
        return Err("it is longer than 256 KiB".to_owned());
    }
    Ok(bytes)
}
