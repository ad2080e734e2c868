use std::sync::Arc;
use std::time::Duration;

use agentos_domain::{Classified, ManualClock, Timestamp};

use super::support::{NOW, SECRET, Signer, claims, clock, jwks, with};
use crate::memory::{REMEMBERED, REMEMBERED_FOR, digest};
use crate::{AuthConfig, JwksSource, Secret, Verifier};

struct Case {
    folder: tempfile::TempDir,
    clock: Arc<ManualClock>,
    verifier: Verifier,
    hs: Signer,
    rsa: Signer,
    ec: Signer,
}

impl Case {
    fn new() -> Self {
        let (folder, clock) = (tempfile::tempdir().unwrap(), clock());
        let config = AuthConfig {
            secret: Some(Secret::new(SECRET)),
            jwks: Some(JwksSource::File(folder.path().join("jwks.json"))),
            ..AuthConfig::default()
        };
        let verifier = Verifier::new(config, clock.clone()).unwrap();
        let (hs, rsa, ec) = (Signer::hs(SECRET.as_bytes()), Signer::rsa(), Signer::ec());
        let case = Self { folder, clock, verifier, hs, rsa, ec };
        case.publish(&[case.rsa.jwk("rsa"), case.ec.jwk("ec")]);
        case
    }

    fn publish(&self, keys: &[serde_json::Value]) {
        std::fs::write(self.folder.path().join("jwks.json"), jwks(keys)).unwrap();
    }

    fn each(&self) -> [(&Signer, &'static str); 3] {
        [(&self.hs, "hs"), (&self.rsa, "rsa"), (&self.ec, "ec")]
    }

    /// `ok`, or the code with which the token is refused.
    async fn code(&self, token: &str) -> &'static str {
        self.verifier.verify(token).await.err().map_or("ok", |error| error.code())
    }

    /// Puts another name beside the token in the memory.
    async fn mark(&self, token: &str) {
        let mut identity = self.verifier.verify(token).await.unwrap();
        let known = self.verifier.memory.get(&digest(token), self.now()).unwrap();
        identity.subject = "remembered".to_owned();
        self.verifier.memory.keep(digest(token), &identity, known.generation, self.now());
    }

    fn now(&self) -> Duration {
        agentos_domain::Clock::monotonic(&*self.clock)
    }

    async fn is_remembered(&self, token: &str) -> bool {
        self.verifier.verify(token).await.unwrap().subject == "remembered"
    }
}

#[tokio::test]
async fn a_token_is_remembered_for_a_minute() {
    let case = Case::new();
    for (signer, kid) in case.each() {
        let token = signer.sign(kid, &claims());
        let first = case.verifier.verify(&token).await.unwrap();
        assert_eq!(case.verifier.verify(&token).await.unwrap(), first, "{kid}");
        case.mark(&token).await;
        case.clock.advance(REMEMBERED_FOR - Duration::from_millis(1));
        assert!(case.is_remembered(&token).await, "{kid}");
        // Using it does not prolong it.
        case.clock.advance(Duration::from_millis(1));
        assert_eq!(case.verifier.verify(&token).await.unwrap(), first, "{kid}");
    }
}

#[tokio::test]
async fn a_remembered_token_ends_at_its_own_time() {
    let case = Case::new();
    for (signer, kid) in case.each() {
        let now = agentos_domain::Clock::now(&*case.clock).millis() / 1000;
        let token = signer.sign(kid, &with("exp", now + 30));
        case.mark(&token).await;
        case.clock.advance(Duration::from_millis(29_999));
        assert!(case.is_remembered(&token).await, "{kid}");
        case.clock.advance(Duration::from_millis(1));
        assert!(case.verifier.memory.get(&digest(&token), case.now()).is_some(), "{kid}");
        assert_eq!(case.code(&token).await, "TOKEN_EXPIRED", "{kid}");
    }
}

#[tokio::test]
async fn the_end_counts_the_leeway() {
    let config = AuthConfig {
        secret: Some(Secret::new(SECRET)),
        leeway: Duration::from_secs(5),
        ..AuthConfig::default()
    };
    let (clock, hs) = (clock(), Signer::hs(SECRET.as_bytes()));
    let verifier = Verifier::new(config, clock.clone()).unwrap();
    let token = hs.sign("hs", &with("exp", NOW + 10));
    let identity = verifier.verify(&token).await.unwrap();
    assert_eq!(identity.expires_at, Timestamp::from_millis((NOW + 15) * 1000));
    clock.advance(Duration::from_millis(14_999));
    assert!(verifier.verify(&token).await.is_ok());
    clock.advance(Duration::from_millis(1));
    assert_eq!(verifier.verify(&token).await.unwrap_err().code(), "TOKEN_EXPIRED");
}

#[tokio::test]
async fn the_memory_is_bounded() {
    let case = Case::new();
    let token = |n: usize| case.hs.sign("hs", &with("sub", format!("user-{n}")));
    for n in 0..REMEMBERED + 10 {
        assert_eq!(case.code(&token(n)).await, "ok");
        assert!(case.verifier.memory.len() <= REMEMBERED, "{n}");
    }
    assert_eq!(case.code(&token(0)).await, "ok");
    // Those whose minute is over go first, and the others stay.
    for n in 0..REMEMBERED - 20 {
        case.code(&token(n)).await;
    }
    case.clock.advance(REMEMBERED_FOR);
    let young = token(0);
    case.mark(&young).await;
    for n in 0..100 {
        case.code(&token(REMEMBERED + n)).await;
    }
    assert!(case.verifier.memory.len() <= 101, "{}", case.verifier.memory.len());
    assert!(case.is_remembered(&young).await);
}

#[tokio::test]
async fn what_is_refused_is_not_remembered() {
    let case = Case::new();
    let stranger = Signer::ec();
    for token in [
        stranger.sign("ec", &claims()),
        case.ec.sign("ec", &with("exp", NOW - 1)),
        case.ec.sign("ec", &with("nbf", NOW + 1)),
        "a.b.c".to_owned(),
        "x".repeat(100_000),
    ] {
        assert_ne!(case.code(&token).await, "ok");
    }
    assert_eq!(case.verifier.memory.len(), 0);
    // A token that differs in its signature alone is another one.
    let good = case.ec.sign("ec", &claims());
    assert_eq!(case.code(&good).await, "ok");
    let (message, _) = good.rsplit_once('.').unwrap();
    let other = stranger.sign("ec", &claims());
    let forged = format!("{message}.{}", other.rsplit_once('.').unwrap().1);
    assert_eq!(case.code(&forged).await, "INVALID_TOKEN");
    assert_eq!(case.code(&format!("{message}.")).await, "INVALID_TOKEN");
}

#[tokio::test]
async fn keys_that_are_read_again_end_what_was_remembered() {
    let case = Case::new();
    let (ec, hs) = (case.ec.sign("ec", &claims()), case.hs.sign("hs", &claims()));
    case.mark(&ec).await;
    case.mark(&hs).await;
    // The same keys: verified anew, and good.
    case.verifier.refresh().await.unwrap();
    assert!(!case.is_remembered(&ec).await);
    assert!(case.is_remembered(&hs).await, "the secret has no set");
    // Without its key, at once.
    case.publish(&[case.rsa.jwk("rsa")]);
    case.verifier.refresh().await.unwrap();
    assert_eq!(case.code(&ec).await, "INVALID_TOKEN");
}

#[tokio::test]
async fn a_removed_key_ends_its_tokens_when_the_set_is_old() {
    let case = Case::new();
    let lasting = with("exp", NOW + 100_000);
    let token = case.ec.sign("ec", &lasting);
    assert_eq!(case.code(&token).await, "ok");
    case.publish(&[case.rsa.jwk("rsa")]);
    // Remembered just before the set is old, which it must not outlive.
    case.clock.advance(crate::jwks::MAX_AGE - Duration::from_millis(1));
    assert_eq!(case.code(&token).await, "ok");
    assert!(case.verifier.memory.get(&digest(&token), case.now()).is_some());
    case.clock.advance(Duration::from_millis(1));
    assert_eq!(case.code(&token).await, "INVALID_TOKEN");
}
