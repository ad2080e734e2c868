//! `file_write`: where it writes, what it refuses, and that nothing outside
//! changes.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use agentos_domain::{ArgumentRole, BlobHash, ToolClass};
use serde_json::json;

use super::{CANARY, Place};
use crate::{FileWrite, Tool};

fn place() -> Place {
    let mut place = Place::new();
    place.registry.insert_code_tools().unwrap();
    place
}

async fn code(place: &Place, path: &str) -> String {
    place.code("file_write", json!({ "path": path, "content": "x" })).await
}

/// Nothing outside has changed.
fn outside_is_as_it_was(place: &Place) {
    assert_eq!(fs::read_dir(&place.outside).unwrap().count(), 1);
    assert_eq!(fs::read_to_string(place.outside.join("secret.txt")).unwrap(), CANARY);
}

#[test]
fn the_manifest_says_what_a_call_does() {
    let tool = FileWrite::default();
    let spec = tool.spec();
    assert_eq!(
        (spec.class, spec.permissions.as_slice()),
        (ToolClass::Idempotent, &["fs.write".to_owned()][..])
    );
    assert_eq!(spec.arguments["path"], ArgumentRole::Destination);
    assert_eq!(spec.arguments["content"], ArgumentRole::Content);
}

#[tokio::test]
async fn a_file_is_written_whole_and_again_alike() {
    let place = place();
    for replaced in [false, true] {
        let answer = place
            .ok("file_write", json!({ "path": "skills/new/a.py", "content": "x = 1\n" }))
            .await;
        let hash = BlobHash::of(b"x = 1\n");
        assert_eq!(
            answer,
            json!({ "path": "skills/new/a.py", "bytes": 6, "blake3": hash, "replaced": replaced })
        );
    }
    let written = place.inside.join("skills/new/a.py");
    assert_eq!(fs::read_to_string(&written).unwrap(), "x = 1\n");
    assert_eq!(fs::metadata(&written).unwrap().permissions().mode() & 0o7777, 0o644);
    assert_eq!(fs::read_dir(written.parent().unwrap()).unwrap().count(), 1, "nothing else is left");
    for folder in ["temp", "outputs", "memory"] {
        place.ok("file_write", json!({ "path": format!("{folder}/a"), "content": "" })).await;
    }
}

#[tokio::test]
async fn only_folders_that_are_open_are_written_to() {
    let place = place();
    for path in ["a.md", "notes/a.md", "skills", "SKILLS/a.py", "skillsx/a.py", "outputs"] {
        assert_eq!(code(&place, path).await, "path_outside_grant", "{path}");
    }
    for path in ["../outside/a", "skills/../../outside/a", "/etc/cron.d/a", "skills/../a", ".."] {
        assert_eq!(code(&place, path).await, "path_outside_grant", "{path}");
    }
    assert_eq!(fs::read_dir(&place.inside).unwrap().count(), 0);
    outside_is_as_it_was(&place);
    // The twin: an agent whose only folder is another.
    let narrow = FileWrite::new(vec!["reports".into()], 10);
    let write = async |path: &str, content: &str| {
        let outcome =
            narrow.call(json!({ "path": path, "content": content }), &place.context).await;
        outcome.map_err(|error| error.code)
    };
    assert_eq!(write("skills/a", "x").await, Err("path_outside_grant".to_owned()));
    assert_eq!(write("reports/a", "12345678901").await, Err("too_large".to_owned()));
    assert!(write("reports/a", "1234567890").await.is_ok());
}

#[tokio::test]
async fn files_that_rule_others_and_devices_are_refused_though_absent() {
    let place = place();
    for path in [
        "skills/.git/hooks/pre-commit",
        "skills/.agentos/config.toml",
        "temp/.env",
        "skills/x/hooks.toml",
        "skills/x/HOOKS.TOML",
        "outputs/agents.toml",
        "skills/sitecustomize.py",
        "temp/x.pth",
        "outputs/CON",
        "outputs/nul.txt",
        "outputs/Com1.log",
        "outputs/lpt¹",
        "outputs/a.",
        "outputs/a ",
        "outputs/ a",
        "outputs/a:b",
        "outputs/gpj.\u{202e}exe",
        "outputs/a\u{200b}b",
    ] {
        assert_eq!(code(&place, path).await, "forbidden_name", "{path:?}");
    }
    assert_eq!(code(&place, "outputs/a\nb").await, "invalid_path");
    assert_eq!(code(&place, "outputs/a\u{1b}[2J").await, "invalid_path");
    assert_eq!(code(&place, "outputs/a\\b").await, "invalid_path");
    assert_eq!(code(&place, &format!("outputs/{}", "x".repeat(256))).await, "forbidden_name");
    for fine in [
        "outputs/hooks.md",
        "outputs/console.txt",
        "outputs/com10",
        "outputs/ä b.md",
        "skills/x/SKILL.md",
    ] {
        place.ok("file_write", json!({ "path": fine, "content": "x" })).await;
    }
}

#[tokio::test]
async fn what_is_no_text_or_too_large_is_refused() {
    let place = place();
    let write = async |content: &str| {
        place.code("file_write", json!({ "path": "temp/a", "content": content })).await
    };
    assert_eq!(write("a\0b").await, "binary_content");
    assert_eq!(write("\u{1b}[2J").await, "binary_content");
    assert_eq!(write(&"x".repeat(1024 * 1024 + 1)).await, "invalid_arguments");
    // Characters are counted by the schema, bytes by the tool.
    assert_eq!(write(&"ä".repeat(600 * 1024)).await, "too_large");
    assert!(!place.inside.join("temp").exists());
    place.ok("file_write", json!({ "path": "temp/a", "content": "x".repeat(1024 * 1024) })).await;
}

#[tokio::test]
async fn links_lead_nowhere() {
    let place = place();
    place.file("temp/plain", "");
    symlink(&place.outside, place.inside.join("temp/d")).unwrap();
    symlink(place.outside.join("secret.txt"), place.inside.join("temp/l")).unwrap();
    symlink(&place.outside, place.inside.join("outputs")).unwrap();
    // The attack works where nothing confines it.
    fs::write(place.inside.join("temp/d/control"), "x").unwrap();
    fs::remove_file(place.outside.join("control")).unwrap();
    for path in ["temp/d/new", "temp/d/sub/new", "outputs/new", "temp/l"] {
        assert_eq!(code(&place, path).await, "path_outside_grant", "{path}");
    }
    outside_is_as_it_was(&place);
    // A hard link is replaced, and what it was a link to stays as it is.
    fs::hard_link(place.outside.join("secret.txt"), place.inside.join("temp/h")).unwrap();
    place.ok("file_write", json!({ "path": "temp/h", "content": "mine" })).await;
    outside_is_as_it_was(&place);
    nix::unistd::mkfifo(&place.inside.join("temp/p"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert_eq!(code(&place, "temp/p").await, "not_a_file");
    fs::create_dir(place.inside.join("temp/f")).unwrap();
    assert_eq!(code(&place, "temp/f").await, "is_a_directory");
}

#[tokio::test]
async fn a_skill_is_judged_file_by_file() {
    let place = place();
    place.file("skills/good/main.py", "from .helper import add\n\nprint(add(1, 2))\n");
    place.file("skills/good/helper.py", "def add(a: int, b: int) -> int:\n    return a + b\n");
    place.file("skills/good/SKILL.md", "# Adds\n");
    let good = place.ok("skill_validator", json!({ "path": "skills/good" })).await;
    assert_eq!(
        good,
        json!({ "ok": true, "files": ["skills/good/helper.py", "skills/good/main.py"], "findings": [] })
    );
    place.file("skills/bad.py", "import os\n\nos.system('id')\n");
    let bad = place.ok("skill_validator", json!({ "path": "skills/bad.py" })).await;
    assert_eq!(
        (&bad["ok"], &bad["findings"][0]["rule"], &bad["findings"][0]["line"]),
        (&json!(false), &json!("shell"), &json!(3))
    );
    place.file("skills/reads.py", "print(open('memory/a.md').read())\n");
    let path = json!({ "path": "skills/reads.py" });
    assert_eq!(place.ok("skill_validator", path).await["findings"][0]["rule"], "permission");
    let path = json!({ "path": "skills/reads.py", "permissions": ["fs.read"] });
    assert_eq!(place.ok("skill_validator", path).await["ok"], true);
    place.file("skills/latin.py", b"x = '\xe9'\n");
    let latin = place.ok("skill_validator", json!({ "path": "skills/latin.py" })).await;
    assert_eq!(latin["findings"][0]["rule"], "utf8");
    place.file("skills/large.py", "#".repeat(200 * 1024));
    let large = place.ok("skill_validator", json!({ "path": "skills/large.py" })).await;
    assert_eq!(large["findings"][0]["rule"], "size");
    assert_eq!(
        place.code("skill_validator", json!({ "path": "skills/good/SKILL.md" })).await,
        "unknown_language"
    );
    assert_eq!(
        place.code("skill_validator", json!({ "path": "../outside" })).await,
        "path_outside_grant"
    );
}
