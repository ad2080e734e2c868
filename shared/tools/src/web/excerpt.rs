//! A part of a long text, and how to get the next one.

use serde_json::{Value, json};

/// The most bytes of text in one answer.
pub(super) const PAGE: usize = 32 * 1024;

/// A part of a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Excerpt<'a> {
    /// At most [`PAGE`] bytes, whole lines where there are any.
    pub(super) text: &'a str,
    /// Where the next part begins, in bytes; `None` at the end.
    pub(super) next: Option<usize>,
}

/// Adds the arguments that choose a part of a document to a tool's properties.
pub(super) fn with_part(mut properties: Value) -> Value {
    properties["first_page"] = json!({
        "type": "integer", "minimum": 1, "maximum": 100_000,
        "description": "of a PDF: the first page wanted, from 1",
    });
    properties["offset"] = json!({
        "type": "integer", "minimum": 0, "maximum": 1_000_000_000,
        "description": "where in the text to begin, as `next` of an earlier call says",
    });
    properties
}

/// The part that begins at a byte, or at the character that the byte is in.
pub(super) fn excerpt(text: &str, offset: usize) -> Excerpt<'_> {
    let start = text.floor_char_boundary(offset.min(text.len()));
    let rest = text.get(start..).unwrap_or_default();
    if rest.len() <= PAGE {
        return Excerpt { text: rest, next: None };
    }
    let most = rest.get(..rest.floor_char_boundary(PAGE)).unwrap_or(rest);
    let part = match most.rfind('\n') {
        // Lines of a sensible length only: a page is not to be nearly empty.
        Some(end) if end > PAGE / 2 => most.get(..=end).unwrap_or(most),
        _ => most,
    };
    Excerpt { text: part, next: Some(start + part.len()) }
}
