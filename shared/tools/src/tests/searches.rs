use serde_json::{Value, json};

use super::{Place, keys};

fn hits(page: &Value) -> Vec<String> {
    let matches = page["matches"].as_array().unwrap();
    let shown = |hit: &Value| format!("{}:{}", hit["path"].as_str().unwrap(), hit["line"]);
    matches.iter().map(shown).collect()
}

fn library() -> Place {
    let place = Place::new();
    place.file("notes/a.md", "# Tea\nGreen tea.\nnothing\r\n");
    place.file("notes/b.txt", "coffee\nTEA (a.b)\n");
    place.file("c.md", "tea a+b\n");
    place.file("picture", b"tea\0\0tea\n");
    place
}

#[tokio::test]
async fn lines_are_found_by_pattern_path_and_glob() {
    let place = library();
    let cases = [
        (
            json!({ "pattern": "tea" }),
            vec!["c.md:1", "notes/a.md:1", "notes/a.md:2", "notes/b.txt:2"],
        ),
        (json!({ "pattern": "tea", "case_sensitive": true }), vec!["c.md:1", "notes/a.md:2"]),
        (json!({ "pattern": "^green .ea" }), vec!["notes/a.md:2"]),
        (json!({ "pattern": "nothing$" }), vec!["notes/a.md:3"]),
        (json!({ "pattern": "a.b" }), vec!["c.md:1", "notes/b.txt:2"]),
        (json!({ "pattern": "a.b", "literal": true }), vec!["notes/b.txt:2"]),
        (json!({ "pattern": "a+b", "literal": true }), vec!["c.md:1"]),
        (
            json!({ "pattern": "tea", "glob": "*.md" }),
            vec!["c.md:1", "notes/a.md:1", "notes/a.md:2"],
        ),
        (json!({ "pattern": "tea", "glob": "notes/*.txt" }), vec!["notes/b.txt:2"]),
        (json!({ "pattern": "tea", "glob": "**/*.txt" }), vec!["notes/b.txt:2"]),
        (
            json!({ "pattern": "tea", "path": "notes" }),
            vec!["notes/a.md:1", "notes/a.md:2", "notes/b.txt:2"],
        ),
        (json!({ "pattern": "tea", "path": "./notes/b.txt" }), vec!["notes/b.txt:2"]),
        (json!({ "pattern": "absent" }), vec![]),
    ];
    for (arguments, expected) in cases {
        let found = place.ok("file_search", arguments.clone()).await;
        assert_eq!(hits(&found), expected, "{arguments}");
        assert_eq!(found["matching_lines"], expected.len(), "{arguments}");
        assert_eq!(found["truncated"], false);
    }
    let found = place.ok("file_search", json!({ "pattern": "green" })).await;
    assert_eq!(found["matches"][0]["text"], "Green tea.");
    assert_eq!(found["files_searched"], 4);
}

#[tokio::test]
async fn matching_lines_and_files_are_counted() {
    let place = library();
    for (arguments, lines, files) in [
        (json!({ "pattern": "tea" }), 4, 3),
        (json!({ "pattern": "tea", "limit": 3 }), 3, 2),
        (json!({ "pattern": "tea", "limit": 3, "after": "notes/a.md:1" }), 2, 2),
        (json!({ "pattern": "tea", "path": "notes/a.md" }), 2, 1),
        (json!({ "pattern": "absent" }), 0, 0),
    ] {
        let found = place.ok("file_search", arguments.clone()).await;
        let counts = (&found["matching_lines"], &found["matching_files"]);
        assert_eq!(counts, (&json!(lines), &json!(files)), "{arguments}");
    }
    let found = place.ok("file_search", json!({ "pattern": "tea", "limit": 1 })).await;
    let order =
        ["matches", "matching_lines", "matching_files", "files_searched", "truncated", "next"];
    assert_eq!(keys(&found), order);
}

#[tokio::test]
async fn what_cannot_be_searched_for_is_explained() {
    let place = library();
    for (arguments, code) in [
        (json!({ "pattern": "(tea" }), "invalid_pattern"),
        (json!({ "pattern": "a\\nb" }), "invalid_pattern"),
        (json!({ "pattern": "x{5000}{5000}" }), "invalid_pattern"),
        (json!({ "pattern": "tea", "glob": "[" }), "invalid_glob"),
        (json!({ "pattern": "tea", "path": "absent" }), "not_found"),
        (json!({ "pattern": "tea", "after": "c.md" }), "invalid_arguments"),
        (json!({ "pattern": "tea", "path": "notes", "after": "c.md:1" }), "invalid_arguments"),
    ] {
        let error = place.call("file_search", arguments.clone()).await.unwrap_err();
        assert_eq!(error.code, code, "{arguments}");
        assert!(error.message.len() < 700, "{error}");
    }
    let error = place.call("file_search", json!({ "pattern": "(tea" })).await.unwrap_err();
    assert!(error.message.contains("unclosed group"), "{error}");
}

#[tokio::test]
async fn the_pages_of_a_search_are_the_whole() {
    let place = Place::new();
    for file in 0..12 {
        let lines = (0..file * 3).map(|line| format!("hit {line}\nmiss\n"));
        place.file(&format!("f{}/{file}", file % 4), lines.collect::<String>());
    }
    let whole = place.ok("file_search", json!({ "pattern": "hit", "limit": 1000 })).await;
    let whole = hits(&whole);
    assert_eq!(whole.len(), 3 * 66);
    for limit in [1, 5, 33, 197, 198] {
        let arguments = json!({ "pattern": "hit", "limit": limit });
        let pages = place.pages("file_search", arguments).await;
        assert_eq!(pages.len(), whole.len().div_ceil(limit));
        assert_eq!(pages.iter().flat_map(hits).collect::<Vec<_>>(), whole, "by {limit}");
    }
}

#[tokio::test]
async fn long_lines_and_much_text_are_cut() {
    let place = Place::new();
    let wide = format!("{}needle{}\n", "ä".repeat(5000), "ö".repeat(5000));
    place.file("wide", wide.repeat(500));
    let pages = place.pages("file_search", json!({ "pattern": "needle", "limit": 1000 })).await;
    assert!(pages.len() > 1, "500 lines of 400 bytes are more than one answer");
    assert_eq!(pages.iter().flat_map(hits).count(), 500);
    for hit in pages.iter().flat_map(|page| page["matches"].as_array().unwrap()) {
        let text = hit["text"].as_str().unwrap();
        assert!(text.starts_with('…') && text.ends_with('…') && text.contains("needle"));
        assert!(text.len() < 420 && !text.contains('\u{FFFD}'));
    }
    place.file("endless", vec![b'x'; 9 * 1024 * 1024]);
    let found = place.ok("file_search", json!({ "pattern": "y", "path": "endless" })).await;
    assert_eq!(found["skipped"][0]["path"], "endless");
}
