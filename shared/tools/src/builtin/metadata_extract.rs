//! `metadata_extract`: what a file is, without its content.

use std::io::Read;

use agentos_domain::{BlobHash, ToolError, ToolSpec};
use agentos_sandbox::{GrantedRoot, SandboxError};
use serde::Deserialize;
use serde_json::{Value, json};

use super::format;
use super::minute::minute;
use crate::arguments::{self, MAX_PATH};
use crate::{Tool, ToolContext, blocking};

/// How much of a file is read: counts and the hash are of whole files only.
const HEAD: usize = 1024 * 1024;
/// The most characters of a title.
const MAX_TITLE: usize = 200;

/// The tool `metadata_extract`.
#[derive(Debug)]
pub struct MetadataExtract {
    spec: ToolSpec,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    path: String,
    #[serde(default)]
    hash: bool,
}

impl Default for MetadataExtract {
    fn default() -> Self {
        let properties = json!({
            "path": {
                "type": "string", "minLength": 1, "maxLength": MAX_PATH,
                "description": "file, relative to the workspace",
            },
            "hash": {
                "type": "boolean",
                "description": "also the file's BLAKE3 hash, of files up to 1 MiB",
            },
        });
        let description = "Tells a file's type by its content, size, time of change (UTC); of \
            small texts lines, words and title; of pictures width and height";
        let required = ["path"];
        Self {
            spec: arguments::reading_spec("metadata_extract", description, properties, &required),
        }
    }
}

#[async_trait::async_trait]
impl Tool for MetadataExtract {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    async fn call(&self, arguments: Value, context: &ToolContext) -> Result<Value, ToolError> {
        let arguments = arguments::parse(arguments)?;
        blocking::run(context, move |root, _| extract(root, &arguments)).await
    }
}

fn extract(root: &GrantedRoot, arguments: &Arguments) -> Result<Value, ToolError> {
    let path = arguments::file_path(&arguments.path)?;
    let (file, info) = root.open_with_info(&path)?;
    let mut head = Vec::new();
    file.take(HEAD as u64 + 1)
        .read_to_end(&mut head)
        .map_err(|source| ToolError::from(SandboxError::Io { path: path.to_string(), source }))?;
    let whole = head.len() <= HEAD;
    let kind = format::format_of(&head);
    let mut result = json!({
        "path": path, "type": kind, "size": info.size, "modified": minute(info.modified),
    });
    if let Some((width, height)) = format::dimensions(kind, &head) {
        result["width"] = width.into();
        result["height"] = height.into();
    }
    if arguments.hash && whole {
        result["blake3"] = json!(BlobHash::of(&head));
    }
    if kind == "text" {
        let text = String::from_utf8_lossy(&head);
        if whole {
            result["lines"] = text.lines().count().into();
            result["words"] = text.split_whitespace().count().into();
        }
        let markdown = [".md", ".markdown"].iter().any(|ending| path.as_str().ends_with(ending));
        if markdown && let Some(title) = title(&text) {
            result["title"] = title.into();
        }
    }
    Ok(result)
}

/// The first heading of a Markdown text, outside blocks of code.
fn title(text: &str) -> Option<String> {
    let mut code = false;
    for line in text.lines() {
        code ^= line.starts_with("```");
        let rest = line.trim_start_matches('#');
        let level = line.len() - rest.len();
        if !code && (1..=6).contains(&level) && rest.starts_with(' ') {
            let title = rest.trim().trim_end_matches('#').trim_end();
            return Some(title.chars().take(MAX_TITLE).collect());
        }
    }
    None
}
