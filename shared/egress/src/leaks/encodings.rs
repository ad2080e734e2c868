//! How a secret looks once it has been written down somewhere.

use std::fmt::Write as _;

use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

/// How a secret was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// As it is.
    Raw,
    /// Base64, wherever it begins in what was encoded.
    Base64,
    /// Base64 with the alphabet for addresses.
    Base64Url,
    /// Hexadecimal, small letters.
    HexLower,
    /// Hexadecimal, capitals.
    HexUpper,
    /// With `%` for what addresses reserve.
    Url,
    /// With escapes of JSON.
    Json,
    /// Last byte first.
    Reversed,
    /// UTF-16, least significant byte first.
    Utf16,
    /// It is not a registered secret but has the shape of a provider's key.
    Shape,
}

/// A way of writing a secret.
pub(super) type Written = (Encoding, Zeroizing<Vec<u8>>);

/// All ways of writing a secret, each once.
pub(super) fn of(secret: &[u8]) -> Vec<Written> {
    let mut found: Vec<Written> = vec![(Encoding::Raw, Zeroizing::new(secret.to_vec()))];
    let mut add = |encoding, bytes: Vec<u8>| {
        let bytes = Zeroizing::new(bytes);
        if !bytes.is_empty() && !found.iter().any(|(_, known)| *known == bytes) {
            found.push((encoding, bytes));
        }
    };
    for shift in 0..3 {
        add(Encoding::Base64, base64(&STANDARD_NO_PAD, secret, shift));
        add(Encoding::Base64Url, base64(&URL_SAFE_NO_PAD, secret, shift));
    }
    add(Encoding::HexLower, hex::encode(secret).into_bytes());
    add(Encoding::HexUpper, hex::encode_upper(secret).into_bytes());
    add(Encoding::Url, percent(secret, is_unreserved, true));
    add(Encoding::Url, percent(secret, is_unreserved, false));
    let form: String = url::form_urlencoded::byte_serialize(secret).collect();
    add(Encoding::Url, form.into_bytes());
    add(Encoding::Url, percent(secret, |_| false, true));
    add(Encoding::Url, percent(secret, |_| false, false));
    add(Encoding::Reversed, secret.iter().rev().copied().collect());
    if let Ok(text) = std::str::from_utf8(secret) {
        let quoted = serde_json::Value::from(text).to_string();
        let inner = quoted.get(1..quoted.len() - 1).unwrap_or_default();
        add(Encoding::Json, inner.as_bytes().to_vec());
        add(Encoding::Json, inner.replace('/', "\\/").into_bytes());
        let escaped = text.encode_utf16().fold(String::new(), |mut text, unit| {
            let _ = write!(text, "\\u{unit:04x}");
            text
        });
        add(Encoding::Json, escaped.into_bytes());
        add(Encoding::Utf16, text.encode_utf16().flat_map(u16::to_le_bytes).collect());
    }
    found
}

/// The characters that depend on the secret alone, where `shift` bytes of
/// something else stand before it in a group of three.
fn base64(engine: &impl base64::Engine, secret: &[u8], shift: usize) -> Vec<u8> {
    let mut input = Zeroizing::new(vec![0; shift]);
    input.extend_from_slice(secret);
    let encoded = Zeroizing::new(engine.encode(&*input).into_bytes());
    // A character stands for six bits: those of a character that is shared with
    // a neighbour are not known.
    let first = (shift * 8).div_ceil(6);
    let last = input.len() * 8 / 6;
    encoded.get(first..last).unwrap_or_default().to_vec()
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

fn percent(secret: &[u8], keep: impl Fn(u8) -> bool, capitals: bool) -> Vec<u8> {
    let mut text = String::new();
    for byte in secret {
        let _ = match (keep(*byte), capitals) {
            (true, _) => write!(text, "{}", char::from(*byte)),
            (false, true) => write!(text, "%{byte:02X}"),
            (false, false) => write!(text, "%{byte:02x}"),
        };
    }
    text.into_bytes()
}
