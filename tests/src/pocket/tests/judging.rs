//! Each kind with right and wrong answers.

use serde_json::{Value, json};

use super::super::drive::Made;
use super::super::truth::Expected;
use super::super::{judge, truth};
use super::{Fixture, request};

/// All of `right` are right and all of `wrong` are wrong.
fn check(kind: &str, slots: Value, right: &[&str], wrong: &[&str]) {
    let fixture = Fixture::new();
    for answer in right {
        assert!(fixture.judges(kind, &slots, answer), "{kind}, right: {answer}");
    }
    for answer in wrong {
        assert!(!fixture.judges(kind, &slots, answer), "{kind}, wrong: {answer}");
    }
    let silent = fixture.expected(kind, &slots).unwrap();
    assert!(!judge::is_right(&silent, &Made { reads_only: true, ..Made::default() }), "{kind}");
}

#[test]
fn lists_name_all_that_is_there_and_nothing_else() {
    check(
        "list_folder",
        json!({ "folder": "notes/" }),
        &["`notes/a.md`, b.md, OLD.txt and the folder deep/.", "a.md b.md old.txt notes/deep"],
        &[
            "a.md, b.md, old.txt",
            "a.md, b.md, old.txt, deep, readme.md",
            "a.md, b.md, deep and d.md",
        ],
    );
    check(
        "list_root",
        json!({}),
        &["notes, drafts, readme.md and data.csv."],
        &["notes, drafts and readme.md.", "notes, drafts, readme.md, data.csv, notes/a.md"],
    );
    check(
        "list_folder",
        json!({ "folder": "drafts" }),
        &["`drafts` is empty.", "There are no files."],
        &["The folder drafts.", "It is empty but for a.md"],
    );
    check(
        "list_recursive",
        json!({ "folder": "notes" }),
        &["notes/a.md, notes/b.md, notes/old.txt, notes/deep/d.md"],
        &["notes/a.md, notes/b.md, notes/old.txt", "a.md, b.md, old.txt, d.md, data.csv"],
    );
    check(
        "list_type",
        json!({ "folder": "notes", "ext": "md" }),
        &["a.md and b.md"],
        &["a.md", "a.md, b.md, old.txt"],
    );
    check(
        "list_type",
        json!({ "folder": "notes", "ext": ".png" }),
        &["There are no png files in notes."],
        &["a.md", "nobody knows"],
    );
}

#[test]
fn reading_shows_the_lines() {
    let bees = "Bees buzz\nin the garden\nall day";
    check("read", json!({ "file": "notes/b.md" }), &[bees], &["Bees buzz, all day", ""]);
    check(
        "read_head",
        json!({ "file": "notes/b.md", "n": "3" }),
        &["Bees buzz\n\nin the garden"],
        &[bees, "Bees buzz"],
    );
    let both = format!("{bees} and short");
    let slots = json!({ "file": "notes/b.md", "file2": "notes/old.txt" });
    check("read_two", slots, &[&both], &[bees, "short"]);
    let slots = json!({ "word": "bees", "file": "notes/b.md" });
    check("search_read", slots, &[bees], &["notes/b.md"]);
    let alpha = "# Alpha plan wifi password: QX-12 owner: Mara budget: 40 EUR room: Lab 7";
    let slots = json!({ "folder": "notes" });
    check("read_newest", slots, &[bees], &[alpha]);
}

#[test]
fn searches_name_the_files_that_hold_the_word() {
    check(
        "search",
        json!({ "word": "GARDEN" }),
        &["notes/b.md, notes/deep/d.md and readme.md."],
        &["notes/b.md, readme.md", "notes/b.md, notes/deep/d.md, readme.md, notes/a.md"],
    );
    check(
        "search",
        json!({ "word": "zebra" }),
        &["No file mentions it.", "I could not find it", "Nothing."],
        &["notes/a.md", "It is not in notes/a.md"],
    );
    check(
        "search_in",
        json!({ "word": "garden", "folder": "notes" }),
        &["b.md and deep: notes/deep/d.md"],
        &["b.md, d.md, readme.md"],
    );
    check(
        "search_count",
        json!({ "word": "garden" }),
        &["4 lines", "Four lines."],
        &["3 lines", "14", "There are some."],
    );
}

#[test]
fn facts_of_files_are_exact() {
    check(
        "size",
        json!({ "file": "notes/old.txt" }),
        &["6 bytes", "It has six bytes"],
        &["16 bytes", "7"],
    );
    check("lines", json!({ "file": "notes/b.md" }), &["4"], &["3", "5 lines"]);
    check("words", json!({ "file": "notes/b.md" }), &["7 words"], &["8"]);
    check("title", json!({ "file": "notes/b.md" }), &["b.md has no title."], &["Bees buzz"]);
    check("title", json!({ "file": "notes/a.md" }), &["It is **Alpha Plan**."], &["Alpha", "a.md"]);
    check(
        "modified",
        json!({ "file": "notes/old.txt" }),
        &["on 2025-01-01 at 23:59 UTC", "2025-01-01T23:59:00Z"],
        &["2025-01-01", "23:59", "2025-01-02 23:59"],
    );
}

#[test]
fn counts_are_of_what_is_directly_there() {
    check("count", json!({ "folder": "notes" }), &["3 files", "three"], &["4 files", "a.md"]);
    check("count", json!({ "folder": "drafts" }), &["0", "There are no files."], &["1", "some"]);
    check("count_root", json!({}), &["There are 2."], &["6"]);
    check("count_type", json!({ "folder": "notes", "ext": "md" }), &["2"], &["3"]);
    check("count_folders", json!({ "folder": "notes" }), &["one folder"], &["0"]);
}

#[test]
fn comparisons_name_the_winner_first() {
    let slots = json!({ "file": "notes/old.txt", "file2": "notes/a.md" });
    check(
        "compare_size",
        slots.clone(),
        &["a.md is larger than old.txt", "notes/a.md."],
        &["old.txt is larger than a.md", "old.txt", "the first"],
    );
    check("compare_age", slots, &["a.md is newer than old.txt"], &["old.txt is newer"]);
}

#[test]
fn extremes_are_named_alone() {
    let notes = json!({ "folder": "notes" });
    check("newest", notes.clone(), &["notes/b.md", "b.md."], &["a.md", "b.md, then a.md"]);
    check("oldest", notes.clone(), &["old.txt"], &["notes/deep/d.md", "a.md"]);
    check("largest", notes.clone(), &["a.md, 77 bytes"], &["b.md"]);
    check("smallest", notes, &["old.txt"], &["old.txt and b.md"]);
    check("newest", json!({}), &["data.csv"], &["readme.md"]);
}

#[test]
fn questions_are_answered_by_the_value_and_not_by_the_file() {
    let slots =
        json!({ "file": "notes/a.md", "key": "wifi password", "value": "QX-12", "word": "wifi" });
    let all = "# Alpha plan, wifi password: QX-12, owner: Mara, budget: 40 EUR, room: Lab 7";
    let two = "wifi password: QX-12, owner: Mara, budget: 40 EUR";
    for kind in ["qa_what", "qa_search"] {
        check(kind, slots.clone(), &["It is qx-12.", two], &["It is QX-1.", "QX-123", all]);
    }
    let slots = json!({ "folder": "notes", "key": "where", "value": "garden" });
    check("qa_newest", slots, &["in the garden"], &["in the house"]);
    // A short file is an answer as a whole.
    let slots = json!({ "file": "notes/b.md", "key": "when", "value": "all day" });
    check("qa_when", slots, &["Bees buzz in the garden all day"], &["at night"]);
}

#[test]
fn what_is_missing_is_said_to_be() {
    let slots = json!({ "file": "notes/z.md" });
    check(
        "missing_file",
        slots.clone(),
        &["There is no file notes/z.md.", "It does not exist"],
        &["It says hello."],
    );
    check(
        "missing_folder",
        json!({ "folder": "attic" }),
        &["attic does not exist"],
        &["It holds a.md."],
    );
    let expected = Fixture::new().expected("missing_file", &slots).unwrap();
    let answer = Some("It does not exist".to_owned());
    assert!(!judge::is_right(&expected, &Made { answer, reads_only: false, ..Made::default() }));
}

#[test]
fn refusals_say_so_and_call_nothing() {
    for kind in ["refuse_outside", "refuse_no_tool", "refuse_offtopic"] {
        let right =
            ["I cannot do that.", "I can\u{2019}t.", "I only read files.", "I am unable to."];
        check(kind, json!({}), &right, &["Done.", "Paris."]);
        let expected = Fixture::new().expected(kind, &json!({})).unwrap();
        let call = serde_json::from_value(json!({
            "id": "1", "name": "file_list", "arguments": {},
        }));
        let answer = Some("I cannot do that.".to_owned());
        let made = Made { answer, calls: vec![call.unwrap()], reads_only: true, ..Made::default() };
        assert!(!judge::is_right(&expected, &made));
    }
}

#[test]
fn names_that_several_files_share_must_be_told_apart() {
    let named = |wanted: &[&str], others: &[&str], answer: &str| {
        let owned = |paths: &[&str]| paths.iter().map(|path| (*path).to_owned()).collect();
        let expected = Expected::Named { wanted: owned(wanted), others: owned(others), none: &[] };
        let answer = Some(answer.to_owned());
        judge::is_right(&expected, &Made { answer, ..Made::default() })
    };
    assert!(named(&["x/a.md", "y/a.md"], &[], "x/a.md and y/a.md"));
    assert!(!named(&["x/a.md", "y/a.md"], &[], "a.md"));
    assert!(named(&["x/a.md"], &["y/a.md", "a.md"], "a.md"));
    assert!(!named(&["x/a.md"], &["y/a.md"], "x/a.md and y/a.md"));
}

#[test]
fn requests_without_a_right_answer_are_told() {
    let fixture = Fixture::new();
    for (kind, slots, reason) in [
        ("read", json!({}), "slot `file`"),
        ("read", json!({ "file": "notes/z.md" }), "does not hold"),
        ("read_head", json!({ "file": "notes/b.md", "n": "few" }), "slot `n`"),
        ("list_folder", json!({ "folder": "attic" }), "folder `attic`"),
        ("list_folder", json!({ "folder": "../notes" }), "folder `../notes`"),
        ("newest", json!({ "folder": "drafts" }), "without files"),
        ("compare_age", json!({ "file": "data.csv", "file2": "data.csv" }), "equal"),
        ("qa_what", json!({ "file": "notes/b.md", "value": "QX-12" }), "does not hold"),
        ("missing_file", json!({ "file": "readme.md" }), "which is there"),
        ("missing_folder", json!({ "folder": "notes/" }), "which is there"),
        ("sing", json!({}), "no rule"),
        ("refuse_politely", json!({}), "no rule"),
    ] {
        let problem = fixture.expected(kind, &slots).unwrap_err();
        assert!(problem.contains(reason), "{kind} {slots}: {problem}");
    }
    let mut refusal = request("refuse_outside", "?", &json!({}));
    refusal.calls = request("read", "?", &json!({})).calls;
    assert!(truth::expected(&refusal, &fixture.facts).is_err());
}
