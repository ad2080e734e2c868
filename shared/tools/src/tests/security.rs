//! What an agent may try. Each attack is judged by the secret outside: it
//! shows in no answer, and its folder does not change.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

use nix::sys::stat::Mode;
use serde_json::{Value, json};

use super::{CANARY, Place};

/// The answers of all tools about a path.
async fn all(place: &Place, path: &str) -> Vec<(&'static str, Result<Value, String>)> {
    let calls = [
        ("file_read", json!({ "path": path })),
        ("file_list", json!({ "path": path, "recursive": true })),
        ("file_search", json!({ "path": path, "pattern": "[A-Z]" })),
        ("metadata_extract", json!({ "path": path })),
    ];
    let mut answers = Vec::new();
    for (tool, arguments) in calls {
        let answer = place.call(tool, arguments).await;
        assert!(!format!("{answer:?}").contains(CANARY), "{tool} {path}");
        answers.push((tool, answer.map_err(|error| error.code)));
    }
    answers
}

#[tokio::test]
async fn paths_out_of_the_workspace_are_denied() {
    let place = Place::new();
    place.file("memory/a", "");
    let absolute = place.outside.join("secret.txt");
    for path in [
        "../outside/secret.txt",
        "memory/../../outside/secret.txt",
        "./../outside",
        "..",
        "/etc/passwd",
        "/",
        absolute.to_str().unwrap(),
    ] {
        for (tool, answer) in all(&place, path).await {
            assert_eq!(answer, Err("path_outside_grant".to_owned()), "{tool} {path}");
        }
    }
}

#[tokio::test]
async fn links_out_of_the_workspace_are_denied() {
    let place = Place::new();
    place.file("tmp/plain", "");
    symlink(place.outside.join("secret.txt"), place.inside.join("tmp/l")).unwrap();
    symlink("../../outside", place.inside.join("tmp/d")).unwrap();
    // The attack works where nothing confines it.
    assert_eq!(fs::read_to_string(place.inside.join("tmp/d/secret.txt")).unwrap(), CANARY);
    for path in ["tmp/l", "tmp/d", "tmp/d/secret.txt"] {
        for (tool, answer) in all(&place, path).await {
            assert_eq!(answer, Err("path_outside_grant".to_owned()), "{tool} {path}");
        }
    }
    for (tool, answer) in all(&place, ".").await {
        let links = answer.unwrap_or_default().to_string();
        assert!(!links.contains("tmp/l") && !links.contains("tmp/d"), "{tool}: {links}");
    }
    let found = place.ok("file_search", json!({ "pattern": CANARY })).await;
    assert_eq!(found["matches"], json!([]));
}

#[tokio::test]
async fn pipes_and_sockets_in_the_tree_block_nothing() {
    let place = Place::new();
    place.file("plain", "A\n");
    place.file("new\nline", "A\n");
    nix::unistd::mkfifo(&place.inside.join("pipe"), Mode::S_IRWXU).unwrap();
    let _listener = UnixListener::bind(place.inside.join("socket")).unwrap();
    for path in ["pipe", "socket"] {
        for (tool, answer) in all(&place, path).await {
            let expected = if tool == "file_list" { "not_a_directory" } else { "not_a_file" };
            assert_eq!(answer, Err(expected.to_owned()), "{tool} {path}");
        }
    }
    let listed = place.ok("file_list", json!({})).await;
    assert_eq!(listed["entries"].as_array().unwrap().len(), 1);
    assert!(listed["note"].as_str().unwrap().starts_with("1 "));
    let found = place.ok("file_search", json!({ "pattern": "A" })).await;
    assert_eq!(found["files_searched"], 1);
}

#[tokio::test]
async fn terminal_controls_come_escaped() {
    let place = Place::new();
    place.file("a", "\u{1b}[2Jcleared\u{202e}");
    let read = place.ok("file_read", json!({ "path": "a" })).await;
    assert!(!read.to_string().contains('\u{1b}'));
}

/// The most memory that the process has held so far, in KiB.
fn peak_memory() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[tokio::test]
async fn huge_files_cost_little() {
    let place = Place::new();
    File::create(place.inside.join("sparse")).unwrap().set_len(10 << 30).unwrap();
    place.file("half", "text\n".repeat(10_000));
    let half = File::options().write(true).open(place.inside.join("half")).unwrap();
    half.set_len(10 << 30).unwrap();
    let mut wide = BufWriter::new(File::create(place.inside.join("wide")).unwrap());
    for _ in 0..50 {
        wide.write_all(&[b'w'; 1_000_000]).unwrap();
    }
    wide.flush().unwrap();
    let mut lines = BufWriter::new(File::create(place.inside.join("lines")).unwrap());
    for number in 1..=1_000_000 {
        writeln!(lines, "{number}").unwrap();
    }
    lines.flush().unwrap();

    let before = peak_memory();
    let code = place.code("file_read", json!({ "path": "sparse" })).await;
    assert_eq!(code, "binary_file");
    let code = place.code("file_read", json!({ "path": "half", "offset_line": 1_000_000 })).await;
    assert_eq!(code, "too_far");
    let wide = place.ok("file_read", json!({ "path": "wide" })).await;
    assert_eq!(wide["content"].as_str().unwrap().len(), 64 * 1024);
    assert_eq!(wide["next"], "file_read with offset_line 1 and offset_byte 65536");
    assert_eq!(wide.get("total_lines"), None);
    let last = json!({ "path": "lines", "offset_line": 1_000_000 });
    let last = place.ok("file_read", last).await;
    assert_eq!((&last["content"], &last["total_lines"]), (&json!("1000000\n"), &json!(1_000_000)));
    let found = place.ok("file_search", json!({ "pattern": "^999999$" })).await;
    assert_eq!(found["matches"][0], json!({ "path": "lines", "line": 999_999, "text": "999999" }));
    let sparse = place.ok("metadata_extract", json!({ "path": "sparse" })).await;
    assert_eq!((&sparse["type"], &sparse["size"]), (&json!("binary"), &json!(10_u64 << 30)));
    if let (Some(before), Some(after)) = (before, peak_memory()) {
        assert!(after - before < 64 * 1024, "{} KiB more", after - before);
    }
}
