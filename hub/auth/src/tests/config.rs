use std::time::Duration;

use agentos_domain::Classified;

use super::support::{SECRET, clock, strict};
use crate::{AuthConfig, AuthError, JwksSource, Secret, Verifier, looks_like_jwt};

fn refused(config: AuthConfig) -> AuthError {
    Verifier::new(config, clock()).expect_err("should have been refused")
}

#[test]
fn a_secret_that_could_be_guessed_or_known_is_refused() {
    let with = |text: &str| AuthConfig { secret: Some(Secret::new(text)), ..strict() };
    let error = refused(with(&"x".repeat(31)));
    assert_eq!(error, AuthError::ShortSecret { bytes: 31 });
    assert!(error.to_string().contains("31 bytes"));
    assert!(error.to_string().contains("at least 32"));
    assert!(error.to_string().contains("BETTER_AUTH_SECRET"));
    assert_eq!(refused(with("")), AuthError::ShortSecret { bytes: 0 });
    let pem = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n";
    assert_eq!(refused(with(pem)), AuthError::SecretIsPem);
    assert!(Verifier::new(with(&"x".repeat(32)), clock()).is_ok());
}

#[test]
fn what_would_demand_nothing_or_too_little_is_refused() {
    assert_eq!(refused(AuthConfig::default()), AuthError::NothingConfigured);
    assert!(AuthConfig::default().is_empty() && !strict().is_empty());
    let empty = Some("  ".to_owned());
    let config = AuthConfig { audience: empty.clone(), ..strict() };
    assert_eq!(refused(config), AuthError::EmptyDemand { name: "audience" });
    let config = AuthConfig { issuer: empty, ..strict() };
    assert_eq!(refused(config), AuthError::EmptyDemand { name: "issuer" });
    let config = AuthConfig { leeway: Duration::from_millis(5_001), ..strict() };
    assert_eq!(refused(config), AuthError::Leeway { millis: 5_001 });
}

#[test]
fn keys_come_by_https_or_from_this_machine() {
    let with = |url: &str| AuthConfig { jwks: Some(JwksSource::Url(url.into())), ..strict() };
    for good in [
        "https://issuer.test/jwks",
        "https://10.0.0.7:8443/jwks?x=1",
        "http://127.0.0.1:3000/api/auth/jwks",
        "http://[::1]/jwks",
        "http://localhost/jwks",
    ] {
        assert!(Verifier::new(with(good), clock()).is_ok(), "{good}");
    }
    for bad in [
        "",
        "/jwks",
        "issuer.test",
        "ftp://issuer.test/jwks",
        "file:///etc/passwd",
        "http://issuer.test/jwks",
        "http://127.0.0.1.issuer.test/jwks",
        "http://localhost@issuer.test/jwks",
        "https://me:hunter2@issuer.test/jwks",
    ] {
        let error = refused(with(bad));
        assert_eq!(error.code(), "auth_jwks_address", "{bad}: {error}");
        assert!(!error.to_string().contains("hunter2"));
    }
}

#[test]
fn secrets_are_not_shown() {
    let config = strict();
    let verifier = Verifier::new(config.clone(), clock()).unwrap();
    let key = crate::keys::Key::of_secret(&Secret::new(SECRET));
    for shown in [format!("{config:?}"), format!("{verifier:?}"), format!("{key:?}")] {
        assert!(!shown.contains(SECRET), "{shown}");
    }
    assert!(format!("{config:?}").contains("Secret(***)"));
}

#[test]
fn tokens_are_told_from_api_keys() {
    for jwt in ["eyJh.eyJz.c2ln", "eyJh.eyJz.", "a-_.b.c"] {
        assert!(looks_like_jwt(jwt), "{jwt}");
    }
    for other in
        ["", "aos_live_abc", "a.b", "a.b.c.d", "a.b.c.d.e", ".b.c", "a..c", "a.b.c=", "a b.c.d"]
    {
        assert!(!looks_like_jwt(other), "{other}");
    }
}
