//! The text of a PDF file, page by page.

use agentos_domain::ToolError;
use lopdf::{Document, LoadOptions};

use super::excerpt::PAGE;

/// The most bytes that one stream of the file is unpacked to while it is opened.
const MAX_STREAM: usize = 8 * 1024 * 1024;
/// The most bytes that the content of one page is unpacked to.
const MAX_CONTENT: usize = 2 * 1024 * 1024;
/// The most pages of a file.
const MAX_PAGES: usize = 5_000;
/// The most pages that one call reads.
const PAGES_PER_CALL: usize = 100;

/// The text of some pages.
#[derive(Debug)]
pub(super) struct Pages {
    pub(super) text: String,
    /// How many pages the file has.
    pub(super) total: usize,
    /// The first page that is not in the text, from 1.
    pub(super) next: Option<usize>,
}

/// Reads pages from `first` on (from 1) until there is text for one answer
/// beyond `offset`.
pub(super) fn pages(bytes: &[u8], first: usize, offset: usize) -> Result<Pages, ToolError> {
    let options = LoadOptions::with_max_decompressed_size(MAX_STREAM);
    let document = Document::load_mem_with_options(bytes, options).map_err(|_| {
        let message = "the document is damaged or unpacks too far: ask for another copy of it";
        ToolError::new("damaged_document", message)
    })?;
    if document.is_encrypted() {
        let message = "the document is protected by a password: ask for one that is not";
        return Err(ToolError::new("encrypted_document", message));
    }
    let total = document.page_iter().take(MAX_PAGES + 1).count();
    if total > MAX_PAGES {
        let message = format!("the document has more than {MAX_PAGES} pages: ask for a part of it");
        return Err(ToolError::new("document_too_large", message));
    }
    if first > total {
        let message = format!("the document has {total} pages: ask for an earlier one");
        return Err(ToolError::new("offset_past_end", message));
    }
    let mut pages = Pages { text: String::new(), total, next: None };
    for page in first..=total {
        if pages.text.len() >= offset.saturating_add(PAGE) || page - first == PAGES_PER_CALL {
            pages.next = Some(page);
            break;
        }
        pages.text.push_str(&format!("--- page {page} ---\n"));
        pages.text.push_str(&page_text(&document, page));
        pages.text.push('\n');
    }
    Ok(pages)
}

/// What can be read of a page; a page without text, such as a scan, says so.
fn page_text(document: &Document, page: usize) -> String {
    let number = u32::try_from(page).unwrap_or(u32::MAX);
    let chunks = document.extract_text_chunks_with_limit(&[number], MAX_CONTENT);
    let text: String = chunks.into_iter().filter_map(Result::ok).collect();
    let text = text.trim();
    if text.is_empty() { "(no text: a picture, or too large)".to_owned() } else { text.to_owned() }
}
