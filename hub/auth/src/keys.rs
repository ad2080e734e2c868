//! Keys. Each has one algorithm, fixed by what it is and never by a token.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde::Deserialize;
use serde_json::Value;

use crate::Secret;

/// More keys than any issuer has.
const MAX_KEYS: usize = 100;
/// The sizes of RSA keys that are accepted: 2048 to 8192 bits.
const RSA_BYTES: std::ops::RangeInclusive<usize> = 256..=1024;
/// The bytes of a coordinate on P-256.
const P256_BYTES: usize = 32;

/// A way of signing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Hs256,
    Rs256,
    Es256,
}

impl Algorithm {
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "HS256" => Some(Self::Hs256),
            "RS256" => Some(Self::Rs256),
            "ES256" => Some(Self::Es256),
            _ => None,
        }
    }
}

/// A key that signatures are checked with.
pub(crate) enum Key {
    Hmac(hmac::Key),
    Rsa(RsaPublicKeyComponents<Vec<u8>>),
    /// An uncompressed point on P-256.
    P256(Vec<u8>),
}

impl Key {
    pub(crate) fn of_secret(secret: &Secret) -> Self {
        Self::Hmac(hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes()))
    }

    pub(crate) fn algorithm(&self) -> Algorithm {
        match self {
            Self::Hmac(_) => Algorithm::Hs256,
            Self::Rsa(_) => Algorithm::Rs256,
            Self::P256(_) => Algorithm::Es256,
        }
    }

    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Hmac(key) => hmac::verify(key, message, signature).is_ok(),
            Self::Rsa(key) => key.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature).is_ok(),
            Self::P256(point) => UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
                .verify(message, signature)
                .is_ok(),
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({:?})", self.algorithm())
    }
}

/// One key of a published set (RFC 7517).
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

#[derive(Deserialize)]
struct Jwks {
    keys: Vec<Value>,
}

/// A public key and its name in its set.
#[derive(Debug)]
pub(crate) struct PublicKey {
    pub(crate) kid: Option<String>,
    pub(crate) key: Key,
}

/// Reads a set. Keys for other purposes and algorithms are left out, and so are
/// symmetric keys: a secret that is published is none.
pub(crate) fn parse_jwks(bytes: &[u8]) -> Result<Vec<PublicKey>, &'static str> {
    let set: Jwks = serde_json::from_slice(bytes)
        .map_err(|_| "is no JWKS: it must be a JSON object with a list `keys`")?;
    if set.keys.len() > MAX_KEYS {
        return Err("holds more than 100 keys: publish only those in use");
    }
    Ok(set.keys.into_iter().filter_map(public_key).collect())
}

fn public_key(value: Value) -> Option<PublicKey> {
    let jwk: Jwk = serde_json::from_value(value).ok()?;
    let signs = jwk.purpose.as_deref().is_none_or(|purpose| purpose == "sig")
        && jwk.key_ops.as_ref().is_none_or(|ops| ops.iter().any(|op| op == "verify"));
    let (name, key) = match jwk.kty.as_str() {
        "RSA" => ("RS256", rsa(&jwk)?),
        "EC" if jwk.crv.as_deref() == Some("P-256") => ("ES256", p256(&jwk)?),
        _ => return None,
    };
    let for_this = jwk.alg.as_deref().is_none_or(|alg| alg == name);
    (signs && for_this).then_some(PublicKey { kid: jwk.kid, key })
}

fn rsa(jwk: &Jwk) -> Option<Key> {
    let (n, e) = (integer(jwk.n.as_deref()?)?, integer(jwk.e.as_deref()?)?);
    RSA_BYTES.contains(&n.len()).then_some(Key::Rsa(RsaPublicKeyComponents { n, e }))
}

fn p256(jwk: &Jwk) -> Option<Key> {
    let (x, y) = (decode(jwk.x.as_deref()?)?, decode(jwk.y.as_deref()?)?);
    if x.len() != P256_BYTES || y.len() != P256_BYTES {
        return None;
    }
    Some(Key::P256([&[4_u8][..], &x, &y].concat()))
}

fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// A big-endian integer without the leading zero that some issuers write.
fn integer(text: &str) -> Option<Vec<u8>> {
    let bytes = decode(text)?;
    let first = bytes.iter().position(|byte| *byte != 0)?;
    bytes.get(first..).map(<[u8]>::to_vec)
}
