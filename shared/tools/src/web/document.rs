//! What the parser program does: from the bytes of a document to its text.

use std::io::Read;

use agentos_domain::{ToolError, ToolOutcome};
use serde_json::{Value, json};

use super::excerpt::excerpt;
use super::{docx, html, pdf, text};

/// The largest document, in bytes.
pub(super) const MAX_FILE: u64 = 32 * 1024 * 1024;

/// Which part of a document is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DocumentPart {
    /// Of a PDF: the first page wanted, from 1.
    pub first_page: usize,
    /// The byte of the text to begin at.
    pub offset: usize,
    /// Whether it is HTML where nothing else is known.
    pub maybe_html: bool,
}

/// Reads a document and gives a part of its text: what the program
/// `agentos-document-parser` answers.
#[must_use]
pub fn parse_document(input: impl Read, part: DocumentPart) -> ToolOutcome {
    whole(input).and_then(|bytes| parse(&bytes, part)).into()
}

pub(super) fn too_large() -> ToolError {
    let message = format!("the document has more than {} MiB", MAX_FILE >> 20);
    ToolError::new("document_too_large", message)
}

fn whole(input: impl Read) -> Result<Vec<u8>, ToolError> {
    let mut bytes = Vec::new();
    input
        .take(MAX_FILE + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| ToolError::new("io", format!("the document cannot be read: {error}")))?;
    if bytes.len() as u64 > MAX_FILE { Err(too_large()) } else { Ok(bytes) }
}

fn parse(bytes: &[u8], part: DocumentPart) -> Result<Value, ToolError> {
    if bytes.starts_with(b"%PDF-") {
        return pages(bytes, part);
    }
    if part.first_page > 1 {
        let message = "this document has no pages: leave out first_page";
        return Err(ToolError::new("invalid_arguments", message));
    }
    if bytes.starts_with(b"PK") {
        return Ok(answer("docx", &docx::text(bytes)?, part.offset));
    }
    if !part.maybe_html && !begins_as_html(bytes) || bytes.contains(&0) {
        let message = "this is neither PDF nor DOCX nor HTML: use file_read for plain text";
        return Err(ToolError::new("unknown_document", message));
    }
    let page = html::read(&text::decode(bytes, None), None);
    let mut result = answer("html", &page.text, part.offset);
    if let Some(title) = page.title {
        result["title"] = title.into();
    }
    Ok(result)
}

fn begins_as_html(bytes: &[u8]) -> bool {
    let head = String::from_utf8_lossy(bytes.get(..512).unwrap_or(bytes)).to_ascii_lowercase();
    let head = head.trim_start_matches('\u{feff}').trim_start();
    ["<!doctype html", "<html"].iter().any(|begin| head.starts_with(begin))
}

/// `next` names the arguments that show the rest.
fn answer(format: &str, text: &str, offset: usize) -> Value {
    let part = excerpt(text, offset);
    let mut result =
        json!({ "format": format, "text": part.text, "truncated": part.next.is_some() });
    if let Some(next) = part.next {
        result["next"] = format!("offset {next}").into();
    }
    result
}

fn pages(bytes: &[u8], part: DocumentPart) -> Result<Value, ToolError> {
    let first = part.first_page;
    let pages = pdf::pages(bytes, first, part.offset)?;
    let shown = excerpt(&pages.text, part.offset);
    let next = match (shown.next, pages.next) {
        (Some(offset), _) => Some(format!("first_page {first} and offset {offset}")),
        (None, Some(page)) => Some(format!("first_page {page} and offset 0")),
        (None, None) => None,
    };
    let mut result = json!({
        "format": "pdf", "pages": pages.total, "text": shown.text, "truncated": next.is_some(),
    });
    if let Some(next) = next {
        result["next"] = next.into();
    }
    Ok(result)
}
