//! `document_parser`: the text of a PDF, DOCX or HTML file of the workspace.

use std::io::Read as _;

use agentos_domain::{ArgumentRole, RelPath, ToolError, ToolSpec};
use agentos_sandbox::{GrantedRoot, SandboxError};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::document::{DocumentPart, MAX_FILE, too_large};
use super::excerpt::with_part;
use super::parser_program::ParserProgram;
use crate::arguments::{self, MAX_PATH};
use crate::{Tool, ToolContext, blocking};

/// The tool `document_parser`.
#[derive(Debug)]
pub struct DocumentParser {
    spec: ToolSpec,
    program: ParserProgram,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    path: String,
    first_page: Option<usize>,
    #[serde(default)]
    offset: usize,
}

impl DocumentParser {
    /// With the program that does the work.
    #[must_use]
    pub fn new(program: ParserProgram) -> Self {
        let properties = with_part(json!({
            "path": {
                "type": "string", "minLength": 1, "maxLength": MAX_PATH,
                "description": "PDF, DOCX or HTML file, relative to the workspace",
            },
        }));
        let description = "Gives the text of a PDF, DOCX or HTML file, at most 32 KiB at once; \
            for the rest repeat the call with what `next` says";
        let spec = arguments::reading_spec("document_parser", description, properties, &["path"])
            .argument("path", ArgumentRole::Selector)
            .argument("first_page", ArgumentRole::Selector)
            .argument("offset", ArgumentRole::Selector)
            .with_untrusted_output();
        Self { spec, program }
    }
}

#[async_trait::async_trait]
impl Tool for DocumentParser {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    async fn call(&self, arguments: Value, context: &ToolContext) -> Result<Value, ToolError> {
        let arguments: Arguments = arguments::parse(arguments)?;
        let path = arguments::file_path(&arguments.path)?;
        let wanted = path.clone();
        let bytes = blocking::run(context, move |root, _| whole(root, &wanted)).await?;
        let part = DocumentPart {
            first_page: arguments.first_page.unwrap_or(1),
            offset: arguments.offset,
            maybe_html: is_named_html(&path),
        };
        let parsed = self.program.parse(&bytes, part, context).await?;
        let mut result = Map::new();
        result.insert("path".to_owned(), json!(path));
        result.extend(parsed.as_object().cloned().unwrap_or_default());
        if let Some(Value::String(next)) = result.get_mut("next") {
            next.insert_str(0, "document_parser with ");
        }
        Ok(Value::Object(result))
    }
}

fn whole(root: &GrantedRoot, path: &RelPath) -> Result<Vec<u8>, ToolError> {
    let (file, info) = root.open_with_info(path)?;
    if info.size > MAX_FILE {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    // It may grow while it is read.
    file.take(MAX_FILE + 1)
        .read_to_end(&mut bytes)
        .map_err(|source| ToolError::from(SandboxError::Io { path: path.to_string(), source }))?;
    Ok(bytes)
}

fn is_named_html(path: &RelPath) -> bool {
    let name = path.as_str().to_ascii_lowercase();
    [".html", ".htm", ".xhtml"].iter().any(|ending| name.ends_with(ending))
}
