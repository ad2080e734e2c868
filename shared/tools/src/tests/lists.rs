use serde_json::{Value, json};

use super::Place;

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
        assert!(file["modified"].as_str().unwrap().ends_with('Z'));
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
}
