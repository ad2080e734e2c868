//! The shape of a token (JWS compact serialisation) and its header.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use crate::TokenError;
use crate::error::invalid;
use crate::keys::Algorithm;
use crate::object::Object;

/// The longest token that is looked at, in bytes.
pub(crate) const MAX_TOKEN: usize = 8 * 1024;
/// The longest `kid`, in bytes.
const MAX_KID: usize = 256;

/// A token taken apart. Nothing in it is to be believed yet.
pub(crate) struct Compact<'t> {
    /// The algorithm that the token claims; only ever compared with a key's own.
    pub(crate) algorithm: Algorithm,
    /// The name of the key that the token claims.
    pub(crate) kid: Option<String>,
    /// What the signature covers.
    pub(crate) message: &'t [u8],
    pub(crate) payload: &'t str,
    pub(crate) signature: Vec<u8>,
}

impl<'t> Compact<'t> {
    pub(crate) fn parse(token: &'t str) -> Result<Self, TokenError> {
        if token.len() > MAX_TOKEN {
            return Err(invalid("it is longer than 8 KiB"));
        }
        let shape = || invalid("it does not have the form of a JSON web token");
        let (message, signature) = token.rsplit_once('.').ok_or_else(shape)?;
        let (header, payload) = message.split_once('.').ok_or_else(shape)?;
        if payload.contains('.') {
            return Err(shape());
        }
        let header = Object::parse(&decode(header)?)
            .ok_or_else(|| invalid("its header is no JSON object with distinct names"))?;
        Ok(Self {
            algorithm: algorithm(&header)?,
            kid: kid(&header)?,
            message: message.as_bytes(),
            payload,
            signature: decode(signature)?,
        })
    }
}

/// Canonical base64url without padding: bits that are not used must be zero,
/// so that no second text stands for the same bytes.
pub(crate) fn decode(text: &str) -> Result<Vec<u8>, TokenError> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| invalid("a part of it is not base64url"))
}

fn algorithm(header: &Object) -> Result<Algorithm, TokenError> {
    if header.get("crit").is_some() {
        return Err(invalid("it demands an extension (crit), and none is supported"));
    }
    let kind = match header.get("typ") {
        None => "jwt",
        Some(Value::String(kind)) => kind,
        Some(_) => return Err(invalid("its typ is no text")),
    };
    if !["jwt", "at+jwt", "application/at+jwt"].iter().any(|k| kind.eq_ignore_ascii_case(k)) {
        return Err(invalid("its typ is not JWT or at+jwt"));
    }
    match header.get("alg") {
        Some(Value::String(name)) => Algorithm::named(name),
        _ => None,
    }
    .ok_or_else(|| invalid("its algorithm is not HS256, RS256 or ES256"))
}

fn kid(header: &Object) -> Result<Option<String>, TokenError> {
    match header.get("kid") {
        None => Ok(None),
        Some(Value::String(kid)) if kid.len() <= MAX_KID => Ok(Some(kid.clone())),
        Some(_) => Err(invalid("its kid is no text of at most 256 bytes")),
    }
}

/// Whether a credential has the form of a JSON web token, signed or not, so
/// that it goes to the verifier and not to the API keys. Says nothing of its
/// validity.
#[must_use]
pub fn looks_like_jwt(token: &str) -> bool {
    let is_part =
        |part: &str| part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
    let mut parts = token.split('.');
    let (Some(header), Some(payload), Some(signature), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    !header.is_empty()
        && !payload.is_empty()
        && [header, payload, signature].into_iter().all(is_part)
}
