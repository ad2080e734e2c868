use std::fmt::Write as _;

use serde_json::{Value, json};

use super::Place;

fn joined(pages: &[Value]) -> String {
    pages.iter().map(|page| page["content"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_small_file_is_read_whole() {
    let place = Place::new();
    place.file("notes/a.md", "one\ntwo\nthree");
    let whole = place.ok("file_read", json!({ "path": "./notes/a.md" })).await;
    let expected = json!({
        "path": "notes/a.md", "content": "one\ntwo\nthree", "first_line": 1, "last_line": 3,
        "truncated": false, "total_lines": 3,
    });
    assert_eq!(whole, expected);
    place.file("empty", "");
    let empty = place.ok("file_read", json!({ "path": "empty" })).await;
    assert_eq!((&empty["content"], &empty["total_lines"]), (&json!(""), &json!(0)));
}

#[tokio::test]
async fn a_part_is_read_by_its_lines() {
    let place = Place::new();
    place.file("a", "one\ntwo\nthree\n");
    let part = json!({ "path": "a", "offset_line": 2, "max_lines": 1 });
    let part = place.ok("file_read", part).await;
    let expected = json!({
        "path": "a", "content": "two\n", "first_line": 2, "last_line": 2,
        "truncated": true, "next": "file_read with offset_line 3",
    });
    assert_eq!(part, expected);
    let last = place.ok("file_read", json!({ "path": "a", "offset_line": 3 })).await;
    assert_eq!((&last["content"], &last["total_lines"]), (&json!("three\n"), &json!(3)));
    for (path, line) in [("a", 4), ("a", 5000), ("empty", 2)] {
        place.file("empty", "");
        let arguments = json!({ "path": path, "offset_line": line });
        assert_eq!(place.code("file_read", arguments).await, "offset_past_end");
    }
    let far = json!({ "path": "a", "offset_line": 2, "offset_byte": 1_000_000 });
    assert_eq!(place.code("file_read", far).await, "offset_past_end");
}

#[tokio::test]
async fn what_is_no_text_file_is_refused() {
    let place = Place::new();
    place.file("binary", [b'a', 0, b'b']);
    place.file("folder/a", "");
    let error = place.call("file_read", json!({ "path": "binary" })).await.unwrap_err();
    assert_eq!(error.code, "binary_file");
    assert!(error.message.contains("metadata_extract"), "{error}");
    assert_eq!(place.code("file_read", json!({ "path": "folder" })).await, "is_a_directory");
    assert_eq!(place.code("file_read", json!({ "path": "absent" })).await, "not_found");
    assert_eq!(place.code("file_read", json!({ "path": "." })).await, "invalid_path");
    assert_eq!(place.code("file_read", json!({ "path": "a\nb" })).await, "invalid_path");
}

#[tokio::test]
async fn bytes_that_are_no_utf8_are_replaced() {
    let place = Place::new();
    place.file("latin", b"caf\xe9\n");
    let read = place.ok("file_read", json!({ "path": "latin" })).await;
    assert_eq!(read["content"], "caf\u{FFFD}\n");
}

#[tokio::test]
async fn the_pages_of_a_long_file_are_the_whole() {
    let place = Place::new();
    let mut text = String::new();
    for line in 1..=20_000 {
        writeln!(text, "line {line} {}", "ä".repeat(line % 17)).unwrap();
    }
    place.file("long", &text);
    for max_lines in [700, 100_000] {
        let arguments = json!({ "path": "long", "max_lines": max_lines });
        let pages = place.pages("file_read", arguments).await;
        assert!(joined(&pages) == text, "the pages differ from the file");
        let mut line = 1;
        for page in &pages {
            assert!(page["content"].as_str().unwrap().len() <= 64 * 1024);
            assert_eq!(page["first_line"], line);
            line = page["last_line"].as_u64().unwrap() + 1;
        }
        assert_eq!(pages.last().unwrap()["total_lines"], 20_000);
    }
}

#[tokio::test]
async fn the_pages_of_one_long_line_are_the_whole() {
    let place = Place::new();
    for odd in ["", "x", "xy", "xyz"] {
        let text = format!("first\n{odd}{}\nlast", "añ€😀".repeat(30_000));
        place.file("wide", &text);
        let pages = place.pages("file_read", json!({ "path": "wide" })).await;
        assert!(pages.len() > 3);
        assert!(joined(&pages) == text, "the pages differ from the file");
        assert_eq!(pages[1]["first_line"], 2);
        assert_eq!(pages[1]["last_line"], 2);
        assert_eq!(pages.last().unwrap()["total_lines"], 3);
    }
}
