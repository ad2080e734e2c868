//! `document_parser`: the text of a PDF, DOCX or HTML file of the workspace.

use std::io::Read as _;

use agentos_domain::{ArgumentRole, RelPath, ToolError, ToolSpec};
use agentos_sandbox::{GrantedRoot, SandboxError};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::excerpt::excerpt;
use super::{docx, html, pdf, text};
use crate::arguments::{self, MAX_PATH};
use crate::{Tool, ToolContext, blocking};

/// The largest file.
const MAX_FILE: u64 = 32 * 1024 * 1024;

/// The tool `document_parser`.
#[derive(Debug)]
pub struct DocumentParser {
    spec: ToolSpec,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    path: String,
    first_page: Option<usize>,
    #[serde(default)]
    offset: usize,
}

impl Default for DocumentParser {
    fn default() -> Self {
        let properties = json!({
            "path": {
                "type": "string", "minLength": 1, "maxLength": MAX_PATH,
                "description": "PDF, DOCX or HTML file, relative to the workspace",
            },
            "first_page": {
                "type": "integer", "minimum": 1, "maximum": 100_000,
                "description": "of a PDF: the first page wanted, from 1",
            },
            "offset": {
                "type": "integer", "minimum": 0, "maximum": 1_000_000_000,
                "description": "where in the text to begin, as `next` of an earlier call says",
            },
        });
        let description = "Gives the text of a PDF, DOCX or HTML file, at most 32 KiB at once; \
            for the rest repeat the call with what `next` says";
        let spec = arguments::reading_spec("document_parser", description, properties, &["path"]);
        let spec = spec
            .argument("path", ArgumentRole::Selector)
            .argument("first_page", ArgumentRole::Selector)
            .argument("offset", ArgumentRole::Selector);
        Self { spec: spec.with_untrusted_output() }
    }
}

#[async_trait::async_trait]
impl Tool for DocumentParser {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    async fn call(&self, arguments: Value, context: &ToolContext) -> Result<Value, ToolError> {
        let arguments = arguments::parse(arguments)?;
        blocking::run(context, move |root, cancel| parse(root, cancel, &arguments)).await
    }
}

fn parse(
    root: &GrantedRoot,
    cancel: &CancellationToken,
    arguments: &Arguments,
) -> Result<Value, ToolError> {
    let path = arguments::file_path(&arguments.path)?;
    let bytes = whole(root, &path)?;
    if bytes.starts_with(b"%PDF-") {
        return pages(&path, &bytes, arguments, cancel);
    }
    if arguments.first_page.is_some_and(|page| page > 1) {
        let message = format!("`{path}` has no pages: leave out first_page");
        return Err(ToolError::new("invalid_arguments", message));
    }
    if bytes.starts_with(b"PK") {
        let text = docx::text(&bytes)?;
        return Ok(answer(&path, "docx", &text, arguments.offset));
    }
    if !looks_like_html(&path, &bytes) {
        let message =
            format!("`{path}` is neither PDF nor DOCX nor HTML: use file_read for plain text");
        return Err(ToolError::new("unknown_document", message));
    }
    let page = html::read(&text::decode(&bytes, None), None);
    let mut result = answer(&path, "html", &page.text, arguments.offset);
    if let Some(title) = page.title {
        result["title"] = title.into();
    }
    Ok(result)
}

fn whole(root: &GrantedRoot, path: &RelPath) -> Result<Vec<u8>, ToolError> {
    let file = root.open(path)?;
    let mut bytes = Vec::new();
    file.take(MAX_FILE + 1)
        .read_to_end(&mut bytes)
        .map_err(|source| ToolError::from(SandboxError::Io { path: path.to_string(), source }))?;
    if bytes.len() as u64 > MAX_FILE {
        let message = format!("`{path}` has more than {} MiB", MAX_FILE >> 20);
        return Err(ToolError::new("document_too_large", message));
    }
    Ok(bytes)
}

fn looks_like_html(path: &RelPath, bytes: &[u8]) -> bool {
    let name = path.as_str().to_ascii_lowercase();
    let head = String::from_utf8_lossy(bytes.get(..512).unwrap_or(bytes)).to_ascii_lowercase();
    let head = head.trim_start_matches('\u{feff}').trim_start().to_owned();
    let named = [".html", ".htm", ".xhtml"].iter().any(|ending| name.ends_with(ending));
    (named && !bytes.contains(&0)) || ["<!doctype html", "<html"].iter().any(|it| head.starts_with(it))
}

fn answer(path: &RelPath, format: &str, text: &str, offset: usize) -> Value {
    let part = excerpt(text, offset);
    let mut result = json!({
        "path": path, "format": format, "text": part.text, "truncated": part.next.is_some(),
    });
    if let Some(next) = part.next {
        result["next"] = format!("document_parser with offset {next}").into();
    }
    result
}

fn pages(
    path: &RelPath,
    bytes: &[u8],
    arguments: &Arguments,
    cancel: &CancellationToken,
) -> Result<Value, ToolError> {
    let first = arguments.first_page.unwrap_or(1);
    let pages = pdf::pages(bytes, first, arguments.offset, cancel)?;
    let mut result = answer(path, "pdf", &pages.text, arguments.offset);
    result["pages"] = pages.total.into();
    let part = excerpt(&pages.text, arguments.offset);
    let next = match (part.next, pages.next) {
        (Some(offset), _) => Some(format!("first_page {first} and offset {offset}")),
        (None, Some(page)) => Some(format!("first_page {page}")),
        (None, None) => None,
    };
    result["truncated"] = next.is_some().into();
    if let Some(next) = next {
        result["next"] = format!("document_parser with {next}").into();
    }
    Ok(result)
}
