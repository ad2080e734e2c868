//! The judging, with a small workspace.

mod judging;
mod whole;

use std::path::Path;
use std::sync::Arc;

use agentos_sandbox::GrantedRoot;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::drive::Made;
use super::facts::Facts;
use super::requests::{Request, RequestSet, Workspace};
use super::{judge, layout, truth};

/// The workspace of these tests, in the form of the file of requests.
fn workspace() -> Value {
    let file = |path: &str, text: &str, modified: &str| json!({ "path": path, "text": text, "modified": modified });
    let alpha = "# Alpha plan\n\nwifi password: QX-12\nowner: Mara\nbudget: 40 EUR\nroom: Lab 7\n";
    json!({
        "files": [
            file("notes/a.md", alpha, "2026-03-04T10:15:00Z"),
            file("notes/b.md", "Bees buzz\n\nin the garden\nall day\n", "2026-03-05T08:00:00Z"),
            file("notes/old.txt", "short\n", "2025-01-01T23:59:00Z"),
            file("notes/deep/d.md", "a garden gate\n", "2026-01-01T00:00:00Z"),
            file("readme.md", "# Read me\nThe Garden is big\na garden, green\n", "2024-05-06T07:08:09Z"),
            file("data.csv", "x;y\n1;2\n3;4\n5;6\n7;8\n9;0\n1;1\n2;2\n3;3\n4;4\n5;5\n6;6\n", "2026-06-01T12:00:00Z"),
        ],
        "folders": ["drafts"],
    })
}

/// A workspace on the disk.
struct Fixture {
    folder: TempDir,
    facts: Facts,
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let workspace: Workspace = serde_json::from_value(workspace()).unwrap();
        layout::lay_out(&workspace, folder.path()).unwrap();
        let facts = Facts::look(folder.path()).unwrap();
        Self { folder, facts }
    }

    fn root(&self) -> Arc<GrantedRoot> {
        Arc::new(GrantedRoot::grant(self.folder.path()).unwrap())
    }

    fn expected(&self, kind: &str, slots: &Value) -> Result<truth::Expected, String> {
        truth::expected(&request(kind, "which one?", slots), &self.facts)
    }

    /// Whether an answer, given after a call that reads, is right.
    fn judges(&self, kind: &str, slots: &Value, answer: &str) -> bool {
        let expected = self.expected(kind, slots).unwrap();
        let answer = Some(answer.to_owned());
        judge::is_right(&expected, &Made { answer, reads_only: true, ..Made::default() })
    }
}

fn request(kind: &str, text: &str, slots: &Value) -> Request {
    let calls = if kind.starts_with("refuse_") {
        json!([])
    } else {
        json!([{ "name": "file_read", "arguments": { "path": "notes/a.md" } }])
    };
    serde_json::from_value(json!({
        "workspace": "w", "kind": kind, "request": text, "calls": calls, "slots": slots,
    }))
    .unwrap()
}

/// Writes a file of requests about the workspace of these tests.
fn write_requests(path: &Path, requests: &Value) {
    let set = json!({ "workspaces": { "w": workspace() }, "requests": requests });
    std::fs::write(path, set.to_string()).unwrap();
}

fn parsed(requests: Value) -> RequestSet {
    let set = json!({ "workspaces": { "w": workspace() }, "requests": requests });
    serde_json::from_value(set).unwrap()
}
