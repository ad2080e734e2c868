use std::sync::Arc;
use std::time::Duration;

use agentos_domain::{Classified, ManualClock};
use serde_json::json;

use super::stub::{Answer, Stub};
use super::support::{Signer, claims, clock, jwks, with};
use crate::fetch::MAX_BYTES;
use crate::jwks::{MAX_AGE, REFETCH};
use crate::{AuthConfig, JwksSource, Verifier};

struct Case {
    stub: Stub,
    clock: Arc<ManualClock>,
    verifier: Verifier,
    old: Signer,
    new: Signer,
}

impl Case {
    async fn new() -> Self {
        let (old, new, clock) = (Signer::ec(), Signer::ec(), clock());
        let stub = Stub::plain(Answer::Body(jwks(&[old.jwk("old")]))).await;
        let jwks = Some(JwksSource::Url(stub.url()));
        let verifier =
            Verifier::new(AuthConfig { jwks, ..AuthConfig::default() }, clock.clone()).unwrap();
        Self { stub, clock, verifier, old, new }
    }

    fn publish(&self, keys: &[serde_json::Value]) {
        self.stub.answer(Answer::Body(jwks(keys)));
    }

    /// The code with which the token of this key is refused, or `ok`.
    async fn code(&self, signer: &Signer, kid: &str) -> &'static str {
        let lasting = with("exp", super::support::NOW + 100_000);
        let result = self.verifier.verify(&signer.sign(kid, &lasting)).await;
        result.err().map_or("ok", |error| error.code())
    }
}

#[tokio::test]
async fn an_unknown_key_is_looked_for_at_most_once_in_ten_seconds() {
    let case = Case::new().await;
    assert_eq!(case.code(&case.old, "old").await, "ok");
    assert_eq!(case.stub.requests(), 1);
    case.publish(&[case.old.jwk("old"), case.new.jwk("new")]);
    assert_eq!(case.code(&case.new, "new").await, "INVALID_TOKEN");
    assert_eq!(case.stub.requests(), 1, "just read");
    case.clock.advance(REFETCH);
    assert_eq!(case.code(&case.new, "new").await, "ok");
    assert_eq!(case.code(&case.old, "old").await, "ok");
    assert_eq!(case.stub.requests(), 2);
    case.clock.advance(REFETCH);
    for _ in 0..50 {
        assert_eq!(case.code(&case.new, "invented").await, "INVALID_TOKEN");
    }
    assert_eq!(case.stub.requests(), 3);
}

#[tokio::test]
async fn many_who_ask_at_once_cause_one_reading() {
    let case = Case::new().await;
    let token = case.old.sign("old", &claims());
    let (a, b, c, d) = tokio::join!(
        case.verifier.verify(&token),
        case.verifier.verify(&token),
        case.verifier.verify(&token),
        case.verifier.verify(&token),
    );
    assert!([a, b, c, d].iter().all(Result::is_ok));
    assert_eq!(case.stub.requests(), 1);
}

#[tokio::test]
async fn a_key_that_vanished_from_the_set_is_no_longer_accepted() {
    let case = Case::new().await;
    assert_eq!(case.code(&case.old, "old").await, "ok");
    case.publish(&[case.new.jwk("new")]);
    case.clock.advance(MAX_AGE - Duration::from_millis(1));
    assert_eq!(case.code(&case.old, "old").await, "ok");
    case.clock.advance(Duration::from_millis(1));
    assert_eq!(case.code(&case.old, "old").await, "INVALID_TOKEN");
    assert_eq!(case.code(&case.new, "new").await, "ok");
    // A set without any key leaves none either.
    case.publish(&[]);
    case.clock.advance(MAX_AGE);
    assert_ne!(case.code(&case.new, "new").await, "ok");
}

#[tokio::test]
async fn a_name_that_is_given_to_another_key_means_that_key() {
    let case = Case::new().await;
    assert_eq!(case.code(&case.old, "old").await, "ok");
    case.publish(&[case.new.jwk("old")]);
    case.clock.advance(MAX_AGE);
    assert_eq!(case.code(&case.new, "old").await, "ok");
    assert_eq!(case.code(&case.old, "old").await, "INVALID_TOKEN");
}

#[tokio::test]
async fn a_set_that_cannot_be_read_leaves_the_old_keys() {
    let case = Case::new().await;
    assert_eq!(case.code(&case.old, "old").await, "ok");
    let huge = format!(r#"{{"keys":[],"pad":"{}"}}"#, "x".repeat(MAX_BYTES));
    let crowd: Vec<_> = (0..101).map(|n| case.new.jwk(&n.to_string())).collect();
    let status = |line: &str| Answer::Raw(format!("HTTP/1.1 {line}\r\ncontent-length: 0\r\n\r\n"));
    for (name, answer) in [
        ("error", status("500 Oops")),
        ("not found", status("404 Not Found")),
        ("redirect", status("302 Found\r\nlocation: http://127.0.0.1:1/jwks.json")),
        ("nothing", Answer::Raw(String::new())),
        ("no HTTP", Answer::Raw("SSH-2.0-OpenSSH_9.2\r\n".to_owned())),
        (
            "cut off",
            Answer::Raw("HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{\"keys\":[".to_owned()),
        ),
        ("no JSON", Answer::Body("<html>".to_owned())),
        ("no set", Answer::Body(r#"{"error":"x"}"#.to_owned())),
        ("too long", Answer::Body(huge)),
        ("too many", Answer::Body(jwks(&crowd))),
    ] {
        case.stub.answer(answer);
        case.clock.advance(MAX_AGE);
        let before = case.stub.requests();
        assert_eq!(case.code(&case.old, "old").await, "ok", "{name}");
        assert_eq!(case.stub.requests(), before + 1, "{name}: was not asked");
        // It could have been signed with a key that could not be learnt of.
        assert_eq!(case.code(&case.new, "new").await, "AUTH_ERROR", "{name}");
        assert!(case.verifier.refresh().await.is_err(), "{name}");
    }
    case.publish(&[case.new.jwk("new")]);
    case.clock.advance(REFETCH);
    assert_eq!(case.code(&case.new, "new").await, "ok");
}

#[tokio::test]
async fn without_any_keys_nothing_is_said_about_a_token() {
    let case = Case::new().await;
    case.stub.answer(Answer::Raw("HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n".to_owned()));
    let error = case.verifier.refresh().await.unwrap_err();
    assert!(error.to_string().contains("503"), "{error}");
    assert!(error.is_retryable());
    assert_eq!(case.code(&case.old, "old").await, "AUTH_ERROR");
    assert_eq!(case.stub.requests(), 1);
}

#[tokio::test]
async fn a_silent_issuer_is_given_up_after_five_seconds() {
    let case = Case::new().await;
    case.stub.answer(Answer::Silence);
    let token = case.old.sign("old", &claims());
    let (result, ()) = tokio::join!(case.verifier.verify(&token), async {
        case.stub.asked().await;
        // From here on the clock of the runtime jumps to the next deadline.
        tokio::time::pause();
    });
    assert_eq!(result.unwrap_err().code(), "AUTH_ERROR");
    assert_eq!(case.code(&case.old, "old").await, "AUTH_ERROR");
    assert_eq!(case.stub.requests(), 1);
}

#[tokio::test]
async fn a_caller_that_goes_away_does_not_reset_the_pause() {
    let case = Case::new().await;
    case.stub.answer(Answer::Silence);
    let token = case.old.sign("old", &claims());
    tokio::select! {
        _ = case.verifier.verify(&token) => panic!("the issuer is silent"),
        () = case.stub.asked() => {}
    }
    assert_eq!(case.code(&case.old, "old").await, "AUTH_ERROR");
    assert_eq!(case.stub.requests(), 1);
}

#[tokio::test]
async fn keys_for_other_uses_are_left_out() {
    let case = Case::new().await;
    let with = |name: &str, value: serde_json::Value| {
        let mut jwk = case.old.jwk("old");
        jwk[name] = value;
        jwk
    };
    for jwk in [
        with("use", json!("enc")),
        with("key_ops", json!(["sign"])),
        with("alg", json!("ES384")),
        with("alg", json!("HS256")),
        with("crv", json!("P-384")),
        with("kty", json!("OKP")),
        with("x", json!("AA")),
        with("kid", json!(7)),
        Signer::hs(b"").jwk("old"),
        json!("old"),
    ] {
        case.publish(std::slice::from_ref(&jwk));
        let error = case.verifier.refresh().await.unwrap_err();
        assert!(error.to_string().contains("holds no key"), "{jwk}: {error}");
        assert_ne!(case.code(&case.old, "old").await, "ok", "{jwk}");
    }
    case.publish(&[json!("?"), with("key_ops", json!(["verify"])), case.new.jwk("new")]);
    assert_eq!(case.verifier.refresh().await, Ok(()));
    assert_eq!(case.code(&case.old, "old").await, "ok");
}

#[tokio::test]
async fn short_rsa_keys_are_left_out() {
    let case = Case::new().await;
    let mut jwk = Signer::rsa().jwk("rsa");
    case.publish(&[jwk.clone()]);
    assert_eq!(case.verifier.refresh().await, Ok(()));
    jwk["n"] = json!(super::support::b64([0xc3; 128]));
    case.publish(&[jwk]);
    assert!(case.verifier.refresh().await.is_err());
}

#[tokio::test]
async fn a_token_without_kid_needs_a_set_with_one_such_key() {
    let case = Case::new().await;
    let token = case.old.sign_raw(r#"{"alg":"ES256"}"#, &claims().to_string());
    assert!(case.verifier.verify(&token).await.is_ok());
    case.publish(&[case.old.jwk("old"), case.new.jwk("new")]);
    case.verifier.refresh().await.unwrap();
    let error = case.verifier.verify(&token).await.unwrap_err();
    assert!(error.to_string().contains("does not say which key"), "{error}");
}

#[tokio::test]
async fn a_file_is_read_again_too() {
    let (old, new, clock) = (Signer::ec(), Signer::rsa(), clock());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jwks.json");
    let jwks_file = Some(JwksSource::File(file.clone()));
    let config = AuthConfig { jwks: jwks_file, ..AuthConfig::default() };
    let verifier = Verifier::new(config, clock.clone()).unwrap();
    let error = verifier.refresh().await.unwrap_err();
    assert!(error.to_string().contains("jwks.json"), "{error}");
    std::fs::write(&file, jwks(&[old.jwk("1")])).unwrap();
    clock.advance(REFETCH);
    assert!(verifier.verify(&old.sign("1", &claims())).await.is_ok());
    std::fs::write(&file, jwks(&[new.jwk("2")])).unwrap();
    clock.advance(REFETCH);
    assert!(verifier.verify(&new.sign("2", &claims())).await.is_ok());
    assert!(verifier.verify(&old.sign("1", &claims())).await.is_err());
    std::fs::write(&file, "x".repeat(MAX_BYTES + 1)).unwrap();
    assert!(verifier.refresh().await.unwrap_err().to_string().contains("256 KiB"));
}
