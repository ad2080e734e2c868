//! Signed tokens (JWT): an issuer that the hub trusts, the real verifier, and
//! the tokens of those who would like to be the issuer.

use std::sync::Arc;

use agentos_auth::{AuthConfig, JwksSource, Secret, TokenError, Verifier};
use agentos_domain::{ManualClock, Timestamp};
use agentos_engine::Principal;
use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{TokenRefusal, TokenVerifier};

/// The time of the issuer and the verifier, in seconds since 1970.
pub(super) const NOW: i64 = 1_800_000_000;
const SECRET: &str = "0123456789-a-secret-for-tests-alone";
const AUDIENCE: &str = "agentos";
const ISSUER: &str = "https://issuer.test";
/// What comes before the point in the usual form of a public key on P-256
/// (SubjectPublicKeyInfo of RFC 5480).
const SPKI: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// Lets in whom a [`Verifier`] knows, as the hub's program does it.
struct Tokens(Verifier);

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
            name: identity.name.unwrap_or(identity.subject),
            workspace_id: identity.workspace,
            scopes: identity.scopes,
            expires_at: Some(identity.expires_at),
        })
    }
}

/// An issuer with a secret and a key on P-256, whose public half it publishes.
pub(super) struct Issuer {
    pair: EcdsaKeyPair,
    /// Of the verifier.
    pub(super) clock: Arc<ManualClock>,
    dir: TempDir,
}

fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn new_pair() -> EcdsaKeyPair {
    let (random, kind) = (SystemRandom::new(), &ECDSA_P256_SHA256_FIXED_SIGNING);
    let document = EcdsaKeyPair::generate_pkcs8(kind, &random).unwrap();
    EcdsaKeyPair::from_pkcs8(kind, document.as_ref(), &random).unwrap()
}

fn es(pair: &EcdsaKeyPair, message: &str) -> Vec<u8> {
    pair.sign(&SystemRandom::new(), message.as_bytes()).unwrap().as_ref().to_vec()
}

fn hs(secret: &[u8], message: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message.as_bytes()).as_ref().to_vec()
}

fn token(header: &Value, claims: &Value, sign: impl Fn(&str) -> Vec<u8>) -> String {
    let message = format!("{}.{}", b64(header.to_string()), b64(claims.to_string()));
    let signature = b64(sign(&message));
    format!("{message}.{signature}")
}

/// Claims of someone who may do everything in workspace `default` now.
pub(super) fn claims() -> Value {
    json!({
        "sub": "ada", "name": "Ada", "workspaceId": "default", "scope": "admin",
        "iss": ISSUER, "aud": AUDIENCE, "nbf": NOW - 600, "exp": NOW + 600,
    })
}

/// The same claims but for one.
pub(super) fn with(name: &str, value: impl Into<Value>) -> Value {
    let mut claims = claims();
    claims[name] = value.into();
    claims
}

/// The same claims without one.
pub(super) fn without(name: &str) -> Value {
    let mut claims = claims();
    claims.as_object_mut().unwrap().shift_remove(name);
    claims
}

impl Issuer {
    pub(super) fn new() -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(NOW * 1000)));
        let issuer = Self { pair: new_pair(), clock, dir: TempDir::new().unwrap() };
        let jwks = json!({ "keys": [issuer.jwk()] }).to_string();
        std::fs::write(issuer.dir.path().join("jwks.json"), jwks).unwrap();
        issuer
    }

    fn point(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }

    fn jwk(&self) -> Value {
        let (x, y) = (b64(&self.point()[1..33]), b64(&self.point()[33..65]));
        json!({ "kty": "EC", "crv": "P-256", "kid": "1", "use": "sig", "x": x, "y": y })
    }

    fn pem(&self) -> String {
        let text = STANDARD.encode([&SPKI[..], self.point()].concat());
        let (first, second) = text.split_at(64);
        format!("-----BEGIN PUBLIC KEY-----\n{first}\n{second}\n-----END PUBLIC KEY-----\n")
    }

    /// What believes this issuer alone, and only tokens for this hub.
    pub(super) fn verifier(&self) -> Arc<dyn TokenVerifier> {
        let config = AuthConfig {
            secret: Some(Secret::new(SECRET)),
            jwks: Some(JwksSource::File(self.dir.path().join("jwks.json"))),
            audience: Some(AUDIENCE.to_owned()),
            issuer: Some(ISSUER.to_owned()),
            ..AuthConfig::default()
        };
        Arc::new(Tokens(Verifier::new(config, Arc::clone(&self.clock) as _).unwrap()))
    }

    /// A token signed with the key.
    pub(super) fn sign_es(&self, claims: &Value) -> String {
        let header = json!({ "alg": "ES256", "typ": "JWT", "kid": "1" });
        token(&header, claims, |message| es(&self.pair, message))
    }

    /// A token signed with the secret.
    pub(super) fn sign_hs(&self, claims: &Value) -> String {
        let header = json!({ "alg": "HS256", "typ": "JWT" });
        token(&header, claims, |message| hs(SECRET.as_bytes(), message))
    }

    /// Tokens that open nothing, and the codes that they are answered with.
    pub(super) fn refused(&self) -> Vec<(&'static str, String, &'static str)> {
        let invalid = self.forged().into_iter().chain([
            ("not yet valid", self.sign_es(&with("nbf", NOW + 1))),
            ("not yet valid, HS256", self.sign_hs(&with("nbf", NOW + 1))),
            ("for another audience", self.sign_es(&with("aud", "elsewhere"))),
            ("for other audiences, HS256", self.sign_hs(&with("aud", json!(["a", "b"])))),
            ("for nobody", self.sign_es(&without("aud"))),
            ("of another issuer", self.sign_es(&with("iss", "https://else.test"))),
            ("without an end", self.sign_es(&without("exp"))),
            ("expired and for another audience", {
                let mut claims = with("aud", "elsewhere");
                claims["exp"] = json!(NOW - 1);
                self.sign_es(&claims)
            }),
            ("in a workspace that cannot be", self.sign_es(&with("workspaceId", "../default"))),
        ]);
        let expired = [
            ("signed and expired", self.sign_es(&with("exp", NOW - 1))),
            ("expired at this instant, HS256", self.sign_hs(&with("exp", NOW))),
        ];
        let invalid = invalid.map(|(kind, token)| (kind, token, "INVALID_TOKEN"));
        invalid.chain(expired.map(|(kind, token)| (kind, token, "TOKEN_EXPIRED"))).collect()
    }

    /// Tokens that say the right things but are not the issuer's.
    fn forged(&self) -> Vec<(&'static str, String)> {
        let header = |alg: &str| json!({ "alg": alg, "typ": "JWT", "kid": "1" });
        let unsigned = |alg| token(&header(alg), &claims(), |_| vec![]);
        let keyed = |secret: &[u8]| token(&header("HS256"), &claims(), |m| hs(secret, m));
        let changed = {
            let read = self.sign_es(&with("scope", "read"));
            let parts: Vec<_> = read.split('.').collect();
            format!("{}.{}.{}", parts[0], b64(claims().to_string()), parts[2])
        };
        let stranger = new_pair();
        let jwk = self.jwk();
        let coordinate = jwk["x"].as_str().unwrap();
        vec![
            ("alg none", unsigned("none")),
            ("alg none in capitals", unsigned("NONE")),
            ("alg none, signed", token(&header("none"), &claims(), |m| es(&self.pair, m))),
            ("HS256 with the public key's PEM", keyed(self.pem().as_bytes())),
            ("HS256 with the public key's PEM, cut", keyed(self.pem().trim_end().as_bytes())),
            ("HS256 with the public key's JWK", keyed(jwk.to_string().as_bytes())),
            ("HS256 with the public point", keyed(self.point())),
            ("HS256 with a coordinate", keyed(coordinate.as_bytes())),
            ("HS256 with nothing", keyed(b"")),
            ("HS256 with another secret", keyed(&[7; 32])),
            (
                "HS256 signed with the key",
                token(&header("HS256"), &claims(), |m| es(&self.pair, m)),
            ),
            ("ES256 signed with the secret", {
                token(&header("ES256"), &claims(), |m| hs(SECRET.as_bytes(), m))
            }),
            ("ES256 of a stranger", token(&header("ES256"), &claims(), |m| es(&stranger, m))),
            ("ES256 without a signature", unsigned("ES256")),
            ("ES256 with zeros", token(&header("ES256"), &claims(), |_| vec![0; 64])),
            ("with more scopes than were signed", changed),
        ]
    }
}
