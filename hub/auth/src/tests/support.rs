//! Keys, tokens and verifiers for tests.

use std::sync::Arc;
use std::time::Duration;

use agentos_domain::{ManualClock, Timestamp};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::rsa::{KeyPair as RsaKeyPair, KeyPairComponents, PublicKeyComponents};
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256};
use ring::{hmac, signature};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{AuthConfig, Identity, JwksSource, Secret, TokenError, Verifier};

pub(super) const SECRET: &str = "0123456789-a-secret-for-tests-alone";
pub(super) const AUDIENCE: &str = "agentos";
pub(super) const ISSUER: &str = "https://issuer.test";
/// The time of all tests, in seconds since 1970.
pub(super) const NOW: i64 = 1_800_000_000;

/// NOT A SECRET: the RSA key that RFC 7515 publishes in its appendix A.2.
const RFC_RSA: &str = include_str!("rfc7515-rsa.json");

/// A part of that key, as a JWK has it.
pub(super) fn rfc_rsa(name: &str) -> String {
    let key: Value = serde_json::from_str(RFC_RSA).unwrap();
    key[name].as_str().unwrap().to_owned()
}

pub(super) fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(super) fn unb64(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

/// Someone who signs tokens.
pub(super) enum Signer {
    Hs(hmac::Key),
    Rsa(Box<RsaKeyPair>),
    Ec(EcdsaKeyPair),
}

impl Signer {
    pub(super) fn hs(secret: &[u8]) -> Self {
        Self::Hs(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    pub(super) fn rsa() -> Self {
        let part = |name| unb64(&rfc_rsa(name));
        let components = KeyPairComponents {
            public_key: PublicKeyComponents { n: part("n"), e: part("e") },
            d: part("d"),
            p: part("p"),
            q: part("q"),
            dP: part("dp"),
            dQ: part("dq"),
            qInv: part("qi"),
        };
        Self::Rsa(Box::new(RsaKeyPair::from_components(&components).unwrap()))
    }

    pub(super) fn ec() -> Self {
        let (random, kind) = (SystemRandom::new(), &ECDSA_P256_SHA256_FIXED_SIGNING);
        let document = EcdsaKeyPair::generate_pkcs8(kind, &random).unwrap();
        Self::Ec(EcdsaKeyPair::from_pkcs8(kind, document.as_ref(), &random).unwrap())
    }

    pub(super) fn algorithm(&self) -> &'static str {
        match self {
            Self::Hs(_) => "HS256",
            Self::Rsa(_) => "RS256",
            Self::Ec(_) => "ES256",
        }
    }

    fn signature(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Hs(key) => hmac::sign(key, message).as_ref().to_vec(),
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                let kind: &dyn signature::RsaEncoding = &RSA_PKCS1_SHA256;
                pair.sign(kind, &random, message, &mut signature).unwrap();
                signature
            }
            Self::Ec(pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
        }
    }

    /// Signs texts as they are, whatever they say.
    pub(super) fn sign_raw(&self, header: &str, claims: &str) -> String {
        let message = format!("{}.{}", b64(header), b64(claims));
        let signature = self.signature(message.as_bytes());
        format!("{message}.{}", b64(signature))
    }

    /// A token with the usual header.
    pub(super) fn sign(&self, kid: &str, claims: &Value) -> String {
        let header = json!({"alg": self.algorithm(), "typ": "JWT", "kid": kid});
        self.sign_raw(&header.to_string(), &claims.to_string())
    }

    /// The public half as an issuer publishes it.
    pub(super) fn jwk(&self, kid: &str) -> Value {
        match self {
            Self::Hs(_) => json!({"kty": "oct", "kid": kid, "alg": "HS256", "k": b64(SECRET)}),
            Self::Rsa(_) => json!({
                "kty": "RSA", "kid": kid, "alg": "RS256", "use": "sig",
                "n": rfc_rsa("n"), "e": rfc_rsa("e"),
            }),
            Self::Ec(pair) => {
                let point = pair.public_key().as_ref();
                json!({
                    "kty": "EC", "crv": "P-256", "kid": kid, "use": "sig",
                    "x": b64(&point[1..33]), "y": b64(&point[33..65]),
                })
            }
        }
    }
}

pub(super) fn jwks(keys: &[Value]) -> String {
    json!({ "keys": keys }).to_string()
}

/// Claims that are valid now.
pub(super) fn claims() -> Value {
    json!({
        "sub": "alice", "sessionId": "s-1", "workspaceId": "home", "email": "alice@home.test",
        "name": "Alice", "iss": ISSUER, "aud": AUDIENCE, "exp": NOW + 600, "nbf": NOW - 600,
    })
}

/// The same claims but for one.
pub(super) fn with(name: &str, value: impl Into<Value>) -> Value {
    let mut claims = claims();
    claims[name] = value.into();
    claims
}

pub(super) fn without(name: &str) -> Value {
    let mut claims = claims();
    claims.as_object_mut().unwrap().shift_remove(name);
    claims
}

pub(super) fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(Timestamp::from_millis(NOW * 1000)))
}

pub(super) fn strict() -> AuthConfig {
    AuthConfig {
        secret: Some(Secret::new(SECRET)),
        jwks: None,
        audience: Some(AUDIENCE.to_owned()),
        issuer: Some(ISSUER.to_owned()),
        leeway: Duration::from_secs(5),
    }
}

/// A verifier of HS256 tokens that demands nothing besides.
pub(super) fn by_secret() -> Verifier {
    let config = AuthConfig { secret: Some(Secret::new(SECRET)), ..AuthConfig::default() };
    Verifier::new(config, clock()).unwrap()
}

/// An issuer with a key of each kind, and the strict verifier of its tokens.
pub(super) struct Issuer {
    pub(super) hs: Signer,
    pub(super) rsa: Signer,
    pub(super) ec: Signer,
    pub(super) verifier: Verifier,
    _folder: TempDir,
}

impl Issuer {
    pub(super) fn new() -> Self {
        let (hs, rsa, ec) = (Signer::hs(SECRET.as_bytes()), Signer::rsa(), Signer::ec());
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("jwks.json");
        std::fs::write(&file, jwks(&[rsa.jwk("rsa"), ec.jwk("ec")])).unwrap();
        let config = AuthConfig { jwks: Some(JwksSource::File(file)), ..strict() };
        let verifier = Verifier::new(config, clock()).unwrap();
        Self { hs, rsa, ec, verifier, _folder: folder }
    }

    pub(super) async fn verify(&self, token: &str) -> Result<Identity, TokenError> {
        self.verifier.verify(token).await
    }
}
