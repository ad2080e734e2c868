//! An issuer of signed tokens of every kind.

use std::fmt::Display;
use std::path::Path;

use agentos_auth::{AuthConfig, JwksSource, Secret, Verifier};
use agentos_domain::{Clock, SystemClock};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use ring::rand::SystemRandom;
use ring::rsa::{KeyPair as RsaKeyPair, KeyPairComponents, PublicKeyComponents};
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256};
use serde_json::{Value, json};

use super::CostError;

/// Of this run alone.
const SECRET: &str = "0123456789-a-secret-for-measurements";
/// How long a token lasts, in seconds: longer than a measurement.
const LIFE: i64 = 3600;

/// NOT A SECRET: the RSA key that RFC 7515 publishes in its appendix A.2.
const RFC_RSA: &str = include_str!("../../../hub/auth/src/tests/rfc7515-rsa.json");

/// A way of signing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Hs256,
    Rs256,
    Es256,
}

/// Signs tokens.
pub(crate) struct Issuer {
    hs: hmac::Key,
    rsa: RsaKeyPair,
    ec: EcdsaKeyPair,
}

fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The errors of ring are none to the standard library.
fn told<T>(outcome: Result<T, impl Display>) -> Result<T, CostError> {
    outcome.map_err(|error| error.to_string().into())
}

fn part(name: &str) -> Result<Vec<u8>, CostError> {
    let key: Value = serde_json::from_str(RFC_RSA)?;
    Ok(URL_SAFE_NO_PAD.decode(key[name].as_str().unwrap_or_default())?)
}

impl Issuer {
    pub(crate) fn new() -> Result<Self, CostError> {
        let components = KeyPairComponents {
            public_key: PublicKeyComponents { n: part("n")?, e: part("e")? },
            d: part("d")?,
            p: part("p")?,
            q: part("q")?,
            dP: part("dp")?,
            dQ: part("dq")?,
            qInv: part("qi")?,
        };
        let (random, kind) = (SystemRandom::new(), &ECDSA_P256_SHA256_FIXED_SIGNING);
        let document = told(EcdsaKeyPair::generate_pkcs8(kind, &random))?;
        Ok(Self {
            hs: hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes()),
            rsa: told(RsaKeyPair::from_components(&components))?,
            ec: told(EcdsaKeyPair::from_pkcs8(kind, document.as_ref(), &random))?,
        })
    }

    /// What believes this issuer. Its keys are published in `dir`.
    pub(crate) fn verifier(&self, dir: &Path) -> Result<Verifier, CostError> {
        let file = dir.join("jwks.json");
        let point = self.ec.public_key().as_ref();
        let (x, y) = (point.get(1..33).unwrap_or_default(), point.get(33..65).unwrap_or_default());
        let keys = json!({ "keys": [
            { "kty": "RSA", "kid": "RS256", "use": "sig", "n": b64(part("n")?), "e": b64(part("e")?) },
            { "kty": "EC", "crv": "P-256", "kid": "ES256", "use": "sig", "x": b64(x), "y": b64(y) },
        ]});
        std::fs::write(&file, keys.to_string())?;
        let config = AuthConfig {
            secret: Some(Secret::new(SECRET)),
            jwks: Some(JwksSource::File(file)),
            ..AuthConfig::default()
        };
        Ok(Verifier::new(config, std::sync::Arc::new(SystemClock))?)
    }

    /// A token with the claims that are usual; `number` tells it from others.
    pub(crate) fn token(&self, algorithm: Algorithm, number: usize) -> Result<String, CostError> {
        let name = match algorithm {
            Algorithm::Hs256 => "HS256",
            Algorithm::Rs256 => "RS256",
            Algorithm::Es256 => "ES256",
        };
        let header = json!({ "alg": name, "typ": "JWT", "kid": name });
        let message = format!("{}.{}", b64(header.to_string()), b64(claims(number).to_string()));
        let random = SystemRandom::new();
        let signature = match algorithm {
            Algorithm::Hs256 => hmac::sign(&self.hs, message.as_bytes()).as_ref().to_vec(),
            Algorithm::Rs256 => {
                let mut signature = vec![0; self.rsa.public().modulus_len()];
                let (kind, bytes) = (&RSA_PKCS1_SHA256, message.as_bytes());
                told(self.rsa.sign(kind, &random, bytes, &mut signature))?;
                signature
            }
            Algorithm::Es256 => told(self.ec.sign(&random, message.as_bytes()))?.as_ref().to_vec(),
        };
        Ok(format!("{message}.{}", b64(signature)))
    }
}

fn claims(number: usize) -> Value {
    let now = SystemClock.now().millis() / 1000;
    json!({
        "sub": "alice", "sessionId": format!("s-{number}"), "workspaceId": "default",
        "email": "alice@home.test", "name": "Alice", "scope": "read", "iat": now,
        "exp": now + LIFE,
    })
}
