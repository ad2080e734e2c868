use std::fs;

use serde_json::{Value, json};

use super::{Place, keys};

/// 10:15 on 4 March 2026.
const MARCH: i64 = 1_772_619_300_000;

fn paths(page: &Value) -> Vec<String> {
    let entries = page["entries"].as_array().unwrap();
    entries.iter().map(|entry| entry["path"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_folder_is_listed_in_order() {
    let place = Place::new();
    place.file("b.md", "hello");
    place.file("a/x/deep.txt", "");
    place.file("a-b", "");
    for root in [json!({}), json!({ "path": "." }), json!({ "path": "" }), json!({ "path": "./" })]
    {
        let listed = place.ok("file_list", root).await;
        assert_eq!(listed["path"], ".");
        assert_eq!(paths(&listed), ["a", "a-b", "b.md"]);
        assert_eq!((&listed["truncated"], listed.get("next")), (&json!(false), None));
        let file = &listed["entries"][2];
        assert_eq!((&file["type"], &file["size"]), (&json!("file"), &json!(5)));
        assert_eq!(listed["entries"][0]["type"], "folder");
    }
    let below = place.ok("file_list", json!({ "path": "a", "recursive": true })).await;
    assert_eq!(paths(&below), ["a/x", "a/x/deep.txt"]);
    let all = place.ok("file_list", json!({ "recursive": true })).await;
    assert_eq!(paths(&all), ["a", "a/x", "a/x/deep.txt", "a-b", "b.md"]);
}

#[tokio::test]
async fn the_pages_of_a_list_are_the_whole() {
    let place = Place::new();
    for number in 0..60 {
        place.file(&format!("f{}/g{}/{number}", number % 5, number % 3), "");
    }
    for path in [".", "f1"] {
        let whole = json!({ "path": path, "recursive": true, "limit": 1000 });
        let whole = paths(&place.ok("file_list", whole).await);
        assert!(whole.len() > 12);
        for limit in [1, 2, 7, whole.len() - 1, whole.len()] {
            let arguments = json!({ "path": path, "recursive": true, "limit": limit });
            let pages = place.pages("file_list", arguments).await;
            assert_eq!(pages.len(), whole.len().div_ceil(limit));
            assert_eq!(pages.iter().flat_map(paths).collect::<Vec<_>>(), whole, "by {limit}");
        }
    }
}

#[tokio::test]
async fn what_is_no_folder_is_refused() {
    let place = Place::new();
    place.file("a", "");
    place.file("b/c", "");
    assert_eq!(place.code("file_list", json!({ "path": "a" })).await, "not_a_directory");
    assert_eq!(place.code("file_list", json!({ "path": "absent" })).await, "not_found");
    let elsewhere = json!({ "path": "b", "after": "a" });
    assert_eq!(place.code("file_list", elsewhere).await, "invalid_arguments");
    for sort in ["newest", "oldest", "largest", "smallest"] {
        let arguments = json!({ "sort": sort, "after": "b" });
        let error = place.call("file_list", arguments).await.unwrap_err();
        assert_eq!(error.code, "invalid_arguments", "{sort}");
        assert!(error.message.contains("leave `after` out"), "{error}");
        place.ok("file_list", json!({ "sort": sort, "after": "" })).await;
    }
    for (arguments, code) in
        [(json!({ "sort": "size" }), "invalid_arguments"), (json!({ "glob": "[" }), "invalid_glob")]
    {
        assert_eq!(place.code("file_list", arguments).await, code);
    }
}

#[tokio::test]
async fn an_answer_has_its_parts_in_order() {
    let place = Place::new();
    place.file_of("notes/a.md", "hello", MARCH + 59_999);
    place.file("notes/sub/b", "");
    let listed = place.ok("file_list", json!({ "path": "notes" })).await;
    let expected = json!({
        "path": "notes",
        "entries": [
            { "path": "notes/a.md", "type": "file", "size": 5, "modified": "2026-03-04T10:15Z" },
            { "path": "notes/sub", "type": "folder" },
        ],
        "files": 1, "folders": 1, "truncated": false,
    });
    assert_eq!(listed.to_string(), expected.to_string());
    let page = place.ok("file_list", json!({ "path": "notes", "limit": 1 })).await;
    assert_eq!(keys(&page), ["path", "entries", "files", "folders", "truncated", "next"]);
    let spec = place.registry.spec(&"file_list".parse().unwrap()).unwrap();
    let arguments = ["path", "recursive", "glob", "sort", "limit", "after"];
    assert_eq!(keys(&spec.parameters["properties"]), arguments);
}

/// Files of equal times and sizes, and folders.
fn shelf() -> Place {
    let place = Place::new();
    place.file_of("e", "four", MARCH);
    place.file_of("d", "four", MARCH + 1);
    place.file_of("c", "", MARCH);
    place.file_of("b", "", MARCH + 1);
    place.file_of("a/z", "seventy", MARCH - 1);
    fs::create_dir_all(place.inside.join("f/g")).unwrap();
    place
}

#[tokio::test]
async fn files_are_sorted_and_folders_follow() {
    let place = shelf();
    let cases = [
        ("name", vec!["a", "a/z", "b", "c", "d", "e", "f", "f/g"]),
        ("newest", vec!["b", "d", "c", "e", "a/z", "a", "f", "f/g"]),
        ("oldest", vec!["a/z", "c", "e", "b", "d", "a", "f", "f/g"]),
        ("largest", vec!["a/z", "d", "e", "b", "c", "a", "f", "f/g"]),
        ("smallest", vec!["b", "c", "d", "e", "a/z", "a", "f", "f/g"]),
    ];
    for (sort, expected) in cases {
        let arguments = json!({ "recursive": true, "sort": sort });
        let listed = place.ok("file_list", arguments).await;
        assert_eq!(paths(&listed), expected, "{sort}");
        assert_eq!((&listed["files"], &listed["folders"]), (&json!(5), &json!(3)));
        for limit in [1, 4, 6, 7, 8] {
            let arguments = json!({ "recursive": true, "sort": sort, "limit": limit });
            let listed = place.ok("file_list", arguments).await;
            assert_eq!(paths(&listed), expected[..limit], "{sort} {limit}");
            assert_eq!(listed["truncated"], limit < 8);
            assert_eq!(listed.get("next").is_some(), sort == "name" && limit < 8);
            let counts = (listed["files"].as_u64().unwrap(), listed["folders"].as_u64().unwrap());
            if sort == "name" {
                assert_eq!(counts.0 + counts.1, limit as u64, "what is listed");
            } else {
                assert_eq!(counts, (5, 3), "all that there is");
            }
        }
    }
    let top = place.ok("file_list", json!({ "sort": "largest" })).await;
    assert_eq!(paths(&top), ["d", "e", "b", "c", "a", "f"]);
}

#[tokio::test]
async fn a_glob_lists_files_alone() {
    let place = Place::new();
    for path in ["a.md", "b.txt", "notes/c.md", "notes/d.txt", "notes/old.md/e.md"] {
        place.file(path, "x".repeat(path.len()));
    }
    let cases = [
        (json!({ "glob": "*.md" }), vec!["a.md"]),
        (
            json!({ "glob": "*.md", "recursive": true }),
            vec!["a.md", "notes/c.md", "notes/old.md/e.md"],
        ),
        (
            json!({ "glob": "*.md", "recursive": true, "sort": "largest" }),
            vec!["notes/old.md/e.md", "notes/c.md", "a.md"],
        ),
        (json!({ "glob": "notes/*", "recursive": true }), vec!["notes/c.md", "notes/d.txt"]),
        (json!({ "glob": "./notes/*.txt", "path": "notes" }), vec!["notes/d.txt"]),
        (json!({ "glob": "*.{md,txt}", "path": "notes" }), vec!["notes/c.md", "notes/d.txt"]),
        (json!({ "glob": "notes", "recursive": true }), vec![]),
    ];
    for (arguments, expected) in cases {
        let listed = place.ok("file_list", arguments.clone()).await;
        assert_eq!(paths(&listed), expected, "{arguments}");
        let counts = (&listed["files"], &listed["folders"]);
        assert_eq!(counts, (&json!(expected.len()), &json!(0)), "{arguments}");
        assert_eq!(listed["truncated"], false);
    }
    for limit in 1..=3 {
        let arguments = json!({ "glob": "*.md", "recursive": true, "limit": limit });
        let pages = place.pages("file_list", arguments).await;
        assert_eq!(pages.len(), 3_usize.div_ceil(limit));
        let whole: Vec<_> = pages.iter().flat_map(paths).collect();
        assert_eq!(whole, ["a.md", "notes/c.md", "notes/old.md/e.md"], "by {limit}");
    }
}
