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
pub(super) const RFC_RSA: [(&str, &str); 8] = [
    (
        "n",
        "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0\
         Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS\
         5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH\
         7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ",
    ),
    ("e", "AQAB"),
    (
        "d",
        "Eq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyWPEAeP88vLNO97IjlA7_GQ5sLKMgvfTeXZx9SE-7YwVol2\
         NXOoAJe46sui395IW_GO-pWJ1O0BkTGoVEn2bKVRUCgu-GjBVaYLU6f3l9kJfFNS3E0QbVdxzubSu3Mkqzjkn439X0\
         M_V51gfpRLI9JYanrC4D4qAdGcopV_0ZHHzQlBjudU2QvXt4ehNYTCBr6XCLQUShb1juUO1ZdiYoFaFQT5Tw8bGUl_\
         x_jTj3ccPDVZFD9pIuhLhBOneufuBiB4cS98l2SR_RQyGWSeWjnczT0QU91p1DhOVRuOopznQ",
    ),
    (
        "p",
        "4BzEEOtIpmVdVEZNCqS7baC4crd0pqnRH_5IB3jw3bcxGn6QLvnEtfdUdiYrqBdss1l58BQ3KhooKeQTa9AB0Hw_P\
         y5PJdTJNPY8cQn7ouZ2KKDcmnPGBY5t7yLc1QlQ5xHdwW1VhvKn-nXqhJTBgIPgtldC-KDV5z-y2XDwGUc",
    ),
    (
        "q",
        "uQPEfgmVtjL0Uyyx88GZFF1fOunH3-7cepKmtH4pxhtCoHqpWmT8YAmZxaewHgHAjLYsp1ZSe7zFYHj7C6ul7TjeL\
         QeZD_YwD66t62wDmpe_HlB-TnBA-njbglfIsRLtXlnDzQkv5dTltRJ11BKBBypeeF6689rjcJIDEz9RWdc",
    ),
    (
        "dp",
        "BwKfV3Akq5_MFZDFZCnW-wzl-CCo83WoZvnLQwCTeDv8uzluRSnm71I3QCLdhrqE2e9YkxvuxdBfpT_PI7Yz-FOKn\
         u1R6HsJeDCjn12Sk3vmAktV2zb34MCdy7cpdTh_YVr7tss2u6vneTwrA86rZtu5Mbr1C1XsmvkxHQAdYo0",
    ),
    (
        "dq",
        "h_96-mK1R_7glhsum81dZxjTnYynPbZpHziZjeeHcXYsXaaMwkOlODsWa7I9xXDoRwbKgB719rrmI2oKr6N3Do9U0\
         ajaHF-NKJnwgjMd2w9cjz3_-kyNlxAr2v4IKhGNpmM5iIgOS1VZnOZ68m6_pbLBSp3nssTdlqvd0tIiTHU",
    ),
    (
        "qi",
        "IYd7DHOhrWvxkwPQsRM2tOgrjbcrfvtQJipd-DlcxyVuuM9sQLdgjVk2oy26F0EmpScGLq2MowX7fhd_QJQ3ydy5c\
         Y7YIBi87w93IKLEdfnbJtoOPLUW0ITrJReOgo1cq9SbsxYawBgfp_gh6A5603k2-ZQwVK0JKSHuLFkuQ3U",
    ),
];

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
        let part = |name| unb64(RFC_RSA.iter().find(|(n, _)| *n == name).unwrap().1);
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
                "n": RFC_RSA[0].1, "e": RFC_RSA[1].1,
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
