//! Values as YAML on one line.

use serde_json::Value;

use crate::scalar::{Found, Scalar};

/// A value as YAML: lists and maps as JSON, texts without quotes where that
/// cannot be misread.
pub(super) fn inline(value: &Value) -> String {
    match value {
        Value::String(text) if is_plain(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Words that older parsers take for true or false.
const OLD_WORDS: [&str; 6] = ["on", "off", "yes", "no", "y", "n"];

fn is_plain(text: &str) -> bool {
    let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '/' | '_' | '-' | ':');
    Scalar::plain(text).found() == Found::Text
        && !OLD_WORDS.contains(&text.to_ascii_lowercase().as_str())
        && text.chars().all(known)
        && text.starts_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '/'))
        && !text.ends_with(':')
        // A time of day would be a number to an older parser.
        && !(text.contains(':') && text.chars().all(|c| c.is_ascii_digit() || c == ':'))
}
