//! `file_list`: what is in a folder.

use agentos_domain::{ToolError, ToolSpec};
use agentos_sandbox::{FileKind, GrantedRoot, WalkOptions};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::arguments::{self, MAX_PATH};
use crate::{Tool, ToolContext, blocking};

const DEFAULT_LIMIT: usize = 200;
const MAX_LIMIT: usize = 1000;

/// The tool `file_list`.
#[derive(Debug)]
pub struct FileList {
    spec: ToolSpec,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    path: Option<String>,
    #[serde(default)]
    recursive: bool,
    limit: Option<usize>,
    after: Option<String>,
}

impl Default for FileList {
    fn default() -> Self {
        let properties = json!({
            "path": {
                "type": "string", "maxLength": MAX_PATH,
                "description": "folder, relative to the workspace; leave out for the workspace itself",
            },
            "recursive": { "type": "boolean", "description": "also what is in its folders" },
            "limit": {
                "type": "integer", "minimum": 1, "maximum": MAX_LIMIT,
                "description": "the most entries, 200 by default",
            },
            "after": {
                "type": "string", "maxLength": MAX_PATH,
                "description": "only entries after this path, as `next` of an earlier call says",
            },
        });
        let description = "Lists the files and folders of a folder, sorted by path; for the rest \
            repeat the call with what `next` says";
        Self { spec: arguments::reading_spec("file_list", description, properties, &[]) }
    }
}

#[async_trait::async_trait]
impl Tool for FileList {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    async fn call(&self, arguments: Value, context: &ToolContext) -> Result<Value, ToolError> {
        let arguments = arguments::parse(arguments)?;
        blocking::run(context, move |root, cancel| list(root, cancel, &arguments)).await
    }
}

fn list(
    root: &GrantedRoot,
    cancel: &CancellationToken,
    arguments: &Arguments,
) -> Result<Value, ToolError> {
    let folder = arguments::any_path(arguments.path.as_deref())?;
    let after = match arguments.after.as_deref() {
        // Models fill optional texts with nothing rather than leave them out.
        Some("") | None => None,
        Some(text) => Some(arguments::file_path(text)?),
    };
    if after.as_ref().is_some_and(|after| !arguments::lies_in(after, folder.as_ref())) {
        let message = "`after` does not lie in `path`: give both as in the earlier call";
        return Err(ToolError::new("invalid_arguments", message));
    }
    let limit = arguments.limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT);
    let defaults = WalkOptions::default();
    let options = WalkOptions {
        max_depth: if arguments.recursive { defaults.max_depth } else { 1 },
        // The walk begins with `after` itself, and one more tells whether there is a rest.
        max_entries: limit + 2,
        from: after.clone(),
    };
    let mut walk = root.walk(folder.as_ref(), options)?;
    let mut entries = Vec::new();
    let mut last = None;
    let mut truncated = false;
    for entry in walk.by_ref().filter(|entry| Some(&entry.path) != after.as_ref()) {
        blocking::check(cancel)?;
        if entries.len() == limit {
            truncated = true;
            break;
        }
        let modified = entry.info.modified;
        entries.push(match entry.info.kind {
            FileKind::File => json!({
                "path": entry.path, "type": "file",
                "size": entry.info.size, "modified": modified,
            }),
            FileKind::Folder => json!({
                "path": entry.path, "type": "folder", "modified": modified,
            }),
        });
        last = Some(entry.path);
    }
    truncated |= walk.truncated();
    let shown = folder.as_ref().map_or(".", |path| path.as_str());
    let mut result = json!({ "path": shown, "entries": entries, "truncated": truncated });
    if let (true, Some(last)) = (truncated, last) {
        result["next"] = format!("file_list with after \"{last}\"").into();
    }
    if walk.skipped() > 0 {
        let note =
            format!("{} entries left out: unreadable, too deep or oddly named", walk.skipped());
        result["note"] = note.into();
    }
    Ok(result)
}
