//! `file_list`: what is in a folder.

use agentos_domain::{RelPath, ToolError, ToolSpec};
use agentos_sandbox::{FileInfo, FileKind, GrantedRoot, Walk, WalkEntry, WalkOptions};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::glob::{self, Glob};
use super::minute::minute;
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
    glob: Option<String>,
    #[serde(default)]
    sort: Sort,
    limit: Option<usize>,
    after: Option<String>,
}

/// What comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Sort {
    #[default]
    Name,
    Newest,
    Oldest,
    Largest,
    Smallest,
}

impl Default for FileList {
    fn default() -> Self {
        let properties = json!({
            "path": {
                "type": "string", "maxLength": MAX_PATH,
                "description": "folder, relative to the workspace; leave out for the workspace itself",
            },
            "recursive": { "type": "boolean", "description": "also what is in its folders" },
            "glob": glob::schema(),
            "sort": {
                "type": "string", "enum": ["name", "newest", "oldest", "largest", "smallest"],
                "description": "`name` (by path) by default; the others list files, then folders",
            },
            "limit": {
                "type": "integer", "minimum": 1, "maximum": MAX_LIMIT,
                "description": "the most entries, 200 by default",
            },
            "after": {
                "type": "string", "maxLength": MAX_PATH,
                "description": "only entries after this path, as `next` of an earlier call says",
            },
        });
        let description = "Lists and counts the files and folders of a folder; `modified` is UTC. \
            Sorted by name it counts what it lists (for the rest repeat the call with what `next` \
            says), else all";
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
        let bounds = WalkOptions::default();
        blocking::run(context, move |root, cancel| list(root, cancel, &arguments, &bounds)).await
    }
}

fn list(
    root: &GrantedRoot,
    cancel: &CancellationToken,
    arguments: &Arguments,
    bounds: &WalkOptions,
) -> Result<Value, ToolError> {
    let folder = arguments::any_path(arguments.path.as_deref())?;
    let after = after(arguments, folder.as_ref())?;
    let glob = arguments.glob.as_deref().map(Glob::new).transpose()?;
    let limit = arguments.limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT);
    let by_name = arguments.sort == Sort::Name;
    let options = WalkOptions {
        max_depth: if arguments.recursive { bounds.max_depth } else { 1 },
        max_entries: if by_name && glob.is_none() {
            // The walk begins with `after` itself, and one more tells whether there is a rest.
            limit + 2
        } else {
            bounds.max_entries
        },
        from: after.clone(),
    };
    let most = if by_name { limit } else { options.max_entries };
    let mut found = Found::default();
    let mut walk = root.walk(folder.as_ref(), options)?;
    found.take(&mut walk, cancel, most, |entry| {
        let file = entry.info.kind == FileKind::File;
        let like = glob.as_ref().is_none_or(|glob| file && glob.matches(&entry.path));
        like && Some(&entry.path) != after.as_ref()
    })?;
    let shown = folder.as_ref().map_or(".", |path| path.as_str());
    let mut result = found.answer(shown, arguments.sort, limit);
    if let Some(note) = note(&walk, (!by_name).then_some(bounds.max_entries)) {
        result["note"] = note.into();
    }
    Ok(result)
}

/// Where an earlier answer ended.
fn after(arguments: &Arguments, folder: Option<&RelPath>) -> Result<Option<RelPath>, ToolError> {
    let refused = |message: &str| Err(ToolError::new("invalid_arguments", message));
    // Models fill optional texts with nothing rather than leave them out.
    let Some(text) = arguments.after.as_deref().filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    if arguments.sort != Sort::Name {
        return refused(
            "`after` goes only with `sort` name: leave `after` out, and give a larger `limit` \
             for more entries",
        );
    }
    let after = arguments::file_path(text)?;
    if !arguments::lies_in(&after, folder) {
        return refused("`after` does not lie in `path`: give both as in the earlier call");
    }
    Ok(Some(after))
}

/// What a walk found.
#[derive(Default)]
struct Found {
    entries: Vec<WalkEntry>,
    /// The last entry that was looked at.
    last: Option<RelPath>,
    /// There is more than `entries`.
    rest: bool,
}

impl Found {
    /// Takes the entries that are wanted, at most so many.
    fn take(
        &mut self,
        walk: &mut Walk,
        cancel: &CancellationToken,
        most: usize,
        wanted: impl Fn(&WalkEntry) -> bool,
    ) -> Result<(), ToolError> {
        for entry in walk.by_ref() {
            blocking::check(cancel)?;
            let wanted = wanted(&entry);
            if wanted && self.entries.len() == most {
                self.rest = true;
                return Ok(());
            }
            self.last = Some(entry.path.clone());
            if wanted {
                self.entries.push(entry);
            }
        }
        self.rest = walk.truncated();
        Ok(())
    }

    fn answer(mut self, path: &str, sort: Sort, limit: usize) -> Value {
        // The order by path stays where ranks are equal.
        self.entries.sort_by_key(|entry| rank(sort, &entry.info));
        let files = self.entries.iter().filter(|entry| entry.info.kind == FileKind::File).count();
        let folders = self.entries.len() - files;
        let truncated = self.rest || self.entries.len() > limit;
        let entries: Vec<_> = self.entries.iter().take(limit).map(shown).collect();
        let mut result = json!({
            "path": path, "entries": entries, "files": files, "folders": folders,
            "truncated": truncated,
        });
        if let (Sort::Name, true, Some(last)) = (sort, truncated, self.last) {
            result["next"] = format!("file_list with after \"{last}\"").into();
        }
        result
    }
}

/// What comes first has the smallest rank.
fn rank(sort: Sort, info: &FileInfo) -> (bool, i128) {
    let (size, modified) = (i128::from(info.size), i128::from(info.modified.millis()));
    match (sort, info.kind) {
        (Sort::Name, _) => (false, 0),
        (_, FileKind::Folder) => (true, 0),
        (Sort::Newest, FileKind::File) => (false, -modified),
        (Sort::Oldest, FileKind::File) => (false, modified),
        (Sort::Largest, FileKind::File) => (false, -size),
        (Sort::Smallest, FileKind::File) => (false, size),
    }
}

fn shown(entry: &WalkEntry) -> Value {
    match entry.info.kind {
        FileKind::File => json!({
            "path": entry.path, "type": "file",
            "size": entry.info.size, "modified": minute(entry.info.modified),
        }),
        FileKind::Folder => json!({ "path": entry.path, "type": "folder" }),
    }
}

/// What the answer leaves out for good. `most` entries can be sorted.
fn note(walk: &Walk, most: Option<usize>) -> Option<String> {
    let mut notes = Vec::new();
    let skipped = walk.skipped();
    if skipped > 0 {
        notes.push(format!("{skipped} entries left out: unreadable, too deep or oddly named"));
    }
    if let (true, Some(most)) = (walk.truncated(), most) {
        notes.push(format!("only the first {most} entries by path were looked at: list less"));
    }
    (!notes.is_empty()).then(|| notes.join("; "))
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests make the files that tools then meet")]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;

    #[test]
    fn what_a_walk_does_not_reach_is_told() {
        let temp = TempDir::new().unwrap();
        for name in ["1", "2", "3", "4.md", "5"] {
            fs::write(temp.path().join(name), name).unwrap();
        }
        let root = GrantedRoot::grant(temp.path()).unwrap();
        let bounds = WalkOptions { max_entries: 3, ..WalkOptions::default() };
        let ask = |arguments: Value| {
            let arguments = arguments::parse(arguments).unwrap();
            list(&root, &CancellationToken::new(), &arguments, &bounds).unwrap()
        };
        let sorted = ask(json!({ "sort": "largest", "limit": 5 }));
        assert_eq!(sorted["entries"][0]["path"], "1");
        assert_eq!((&sorted["files"], &sorted["truncated"]), (&json!(3), &json!(true)));
        assert!(sorted["note"].as_str().unwrap().contains("first 3 entries"), "{sorted}");
        // Nothing is found so far, and the next page has it.
        let first = ask(json!({ "glob": "*.md" }));
        assert_eq!((&first["entries"], &first["files"]), (&json!([]), &json!(0)));
        assert_eq!(
            (&first["next"], first.get("note")),
            (&json!("file_list with after \"3\""), None)
        );
        let second = ask(json!({ "glob": "*.md", "after": "3" }));
        assert_eq!(second["entries"][0]["path"], "4.md");
        assert_eq!((&second["truncated"], second.get("next")), (&json!(false), None));
    }
}
