//! What the keys of providers look like.

use std::ops::Range;

/// A beginning, how many characters follow it at least, and which.
struct Shape {
    name: &'static str,
    prefix: &'static str,
    least: usize,
    follows: fn(u8) -> bool,
}

fn word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn word_or_hyphen(byte: u8) -> bool {
    word(byte) || byte == b'-'
}

fn token(byte: u8) -> bool {
    word_or_hyphen(byte) || byte == b'.'
}

fn capital(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit()
}

fn anything(_: u8) -> bool {
    true
}

const fn shape(
    name: &'static str,
    prefix: &'static str,
    least: usize,
    follows: fn(u8) -> bool,
) -> Shape {
    Shape { name, prefix, least, follows }
}

const SHAPES: &[Shape] = &[
    shape("anthropic_key", "sk-ant-", 20, word_or_hyphen),
    shape("openai_key", "sk-proj-", 20, word_or_hyphen),
    shape("openai_key", "sk-svcacct-", 20, word_or_hyphen),
    shape("openai_key", "sk-admin-", 20, word_or_hyphen),
    shape("openai_key", "sk-or-v1-", 20, word_or_hyphen),
    shape("openai_key", "sk-", 32, word),
    shape("github_token", "ghp_", 36, word),
    shape("github_token", "gho_", 36, word),
    shape("github_token", "ghs_", 36, word),
    shape("github_token", "ghu_", 36, word),
    shape("github_token", "github_pat_", 40, word),
    shape("gitlab_token", "glpat-", 20, word_or_hyphen),
    shape("aws_key", "AKIA", 16, capital),
    shape("aws_key", "ASIA", 16, capital),
    shape("google_key", "AIza", 35, word_or_hyphen),
    shape("slack_token", "xoxb-", 20, word_or_hyphen),
    shape("slack_token", "xoxp-", 20, word_or_hyphen),
    shape("hugging_face_token", "hf_", 34, word),
    shape("npm_token", "npm_", 36, word),
    shape("pypi_token", "pypi-AgE", 40, word_or_hyphen),
    shape("stripe_key", "sk_live_", 20, word),
    shape("stripe_key", "rk_live_", 20, word),
    shape("agent_os_key", "aos_live_", 32, word),
    shape("signed_token", "eyJhbGciOi", 40, token),
    shape("private_key", "-----BEGIN PRIVATE KEY-----", 0, anything),
    shape("private_key", "-----BEGIN RSA PRIVATE KEY-----", 0, anything),
    shape("private_key", "-----BEGIN EC PRIVATE KEY-----", 0, anything),
    shape("private_key", "-----BEGIN OPENSSH PRIVATE KEY-----", 0, anything),
    shape("age_key", "AGE-SECRET-KEY-1", 40, capital),
];

/// The most bytes of a private key in its text form.
const MAX_KEY: usize = 16 * 1024;

/// The beginnings, in the order in which [`at`] numbers them.
pub(super) fn prefixes() -> impl Iterator<Item = &'static str> {
    SHAPES.iter().map(|shape| shape.prefix)
}

/// The key that begins with the prefix of that number at `found`, if what
/// stands around it fits.
pub(super) fn at(
    number: usize,
    found: Range<usize>,
    text: &[u8],
) -> Option<(&'static str, Range<usize>)> {
    let shape = SHAPES.get(number)?;
    // `task-…` has no key in it.
    let before = found.start.checked_sub(1).and_then(|index| text.get(index));
    if before.is_some_and(|byte| word(*byte)) {
        return None;
    }
    let rest = text.get(found.end..)?;
    let tail = if shape.least == 0 {
        let marker = b"-----END ";
        let rest = rest.get(..MAX_KEY).unwrap_or(rest);
        rest.windows(marker.len()).position(|part| part == marker).unwrap_or(rest.len())
    } else {
        rest.iter().take_while(|byte| (shape.follows)(**byte)).count()
    };
    (tail >= shape.least).then_some((shape.name, found.start..found.end + tail))
}
