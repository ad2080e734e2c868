use super::*;
use crate::{Entry, ToolOutcome};

fn path(text: &str) -> RelPath {
    text.parse().unwrap()
}

fn entry(text: &str) -> FileEntry {
    let (hash, size) = (BlobHash::of(text.as_bytes()), text.len() as u64);
    FileEntry { hash, size, modified: Timestamp::from_millis(7) }
}

fn put(text: &str, base: Option<&str>) -> Change {
    let FileEntry { hash, size, modified } = entry(text);
    Change::Put { hash, size, modified, base: base.map(|text| BlobHash::of(text.as_bytes())) }
}

fn delete(base: &str) -> Change {
    Change::Delete { base: BlobHash::of(base.as_bytes()) }
}

fn manifest(files: &[(&str, &str)]) -> Manifest {
    Manifest { files: files.iter().map(|(name, text)| (path(name), entry(text))).collect() }
}

fn changes(files: &[(&str, Change)]) -> Changeset {
    let files = files.iter().map(|(name, change)| (path(name), change.clone())).collect();
    Changeset { files, ..Changeset::default() }
}

#[test]
fn changes_lead_from_one_manifest_to_the_next() {
    let mut files = manifest(&[("a", "1"), ("b", "2"), ("c", "3")]);
    let made = [("a", put("new", Some("1"))), ("b", delete("2")), ("d/e", put("4", None))];
    files.apply(&changes(&made)).unwrap();
    assert_eq!(files, manifest(&[("a", "new"), ("c", "3"), ("d/e", "4")]));
    let before = files.clone();
    for (wrong, code) in [
        (changes(&made), "base"),
        (changes(&[("c", put("x", None))]), "base"),
        (changes(&[("c/x", put("x", None))]), "folder"),
        (changes(&[("d", put("x", None))]), "folder"),
        (changes(&[("n", put("x", None)), ("n/m", put("x", None))]), "folder"),
    ] {
        let error = files.apply(&wrong).unwrap_err();
        let found =
            if matches!(error, ChangesetError::OtherBase { .. }) { "base" } else { "folder" };
        assert_eq!((found, &files), (code, &before), "{wrong:?}");
    }
    // A file can become a folder, and a folder a file.
    files.apply(&changes(&[("c", delete("3")), ("c/x", put("5", None))])).unwrap();
    files.apply(&changes(&[("d/e", delete("4")), ("d", put("6", None))])).unwrap();
    assert_eq!(files, manifest(&[("a", "new"), ("c/x", "5"), ("d", "6")]));
    // A name that only begins alike is no folder.
    files.apply(&changes(&[("a-b/c", put("7", None)), ("a.", put("8", None))])).unwrap();
}

#[test]
fn too_much_is_refused() {
    let name = |number: usize| path(&format!("f{number}"));
    let mut many = Changeset::default();
    many.files.extend((0..Changeset::MAX_PATHS).map(|number| (name(number), put("", None))));
    many.check_size().unwrap();
    many.files.insert(path("more"), delete("x"));
    assert!(matches!(many.check_size(), Err(ChangesetError::TooManyPaths { .. })));
    let half = Change::Put {
        hash: BlobHash::of(b"x"),
        size: Changeset::MAX_BYTES / 2,
        modified: Timestamp::default(),
        base: None,
    };
    let mut large = changes(&[("a", half.clone()), ("b", half)]);
    large.check_size().unwrap();
    large.files.insert(path("c"), put("1", None));
    assert!(matches!(large.check_size(), Err(ChangesetError::TooManyBytes { .. })));
}

#[test]
fn what_gives_way_gets_another_name_again_and_again() {
    let task = TaskId::generate();
    let before = manifest(&[("notes/a.md", "1"), ("b", "2"), ("c", "3")]);
    let mut made = changes(&[
        ("notes/a.md", put("mine", Some("1"))),
        ("b", delete("2")),
        ("c", put("4", Some("3"))),
    ]);
    made.give_way(&path("notes/a.md"), &task, &before);
    made.give_way(&path("b"), &task, &before);
    let name = format!("notes/a ({task}).md");
    assert_eq!(made.files.keys().map(RelPath::as_str).collect::<Vec<_>>(), ["c", &name]);
    assert_eq!(made.files[name.as_str()], put("mine", None));
    let told = made.note().unwrap();
    assert!(told.contains(&name) && told.contains("`b`"), "{told}");

    made.give_way(&path(&name), &task, &before);
    let second = format!("a ({task}, 1).md");
    assert!(made.files.contains_key(second.as_str()), "{made:?}");
    made.give_way(&path(&second), &task, &before);
    let third = format!("a ({task}, 2).md");
    assert_eq!(made.conflicts[&path("notes/a.md")], Some(path(&third)));
    assert_eq!(made.conflicts.len(), 2);
    let mut after = before.clone();
    after.apply(&made).unwrap();
    assert_eq!(after.files[third.as_str()], entry("mine"));
    assert_eq!(after.files["notes/a.md"], entry("1"));

    // The next conflict over the same file replaces the run's earlier version.
    let mut again = changes(&[("notes/a.md", put("mine, again", Some("1")))]);
    let mut kept = before.clone();
    kept.files.insert(path(&name), entry("mine"));
    again.give_way(&path("notes/a.md"), &task, &kept);
    assert_eq!(again.files[name.as_str()], put("mine, again", Some("mine")));
    let long = path(&format!("{}/{}.md", "é".repeat(300), "ü".repeat(200)));
    let mut made = changes(&[(long.as_str(), put("x", None))]);
    made.give_way(&long, &task, &Manifest::default());
    let name = made.files.keys().next().unwrap();
    assert!(name.as_str().rsplit('/').next().unwrap().len() <= 255, "{name}");
}

#[test]
fn results_without_changes_are_as_they_ever_were() {
    let old = r#"{"type":"tool_result","call_id":"1","outcome":{"ok":1},"duration_ms":3}"#;
    let entry: Entry = serde_json::from_str(old).unwrap();
    assert_eq!(serde_json::to_string(&entry).unwrap(), old);
    let changes = changes(&[("a", put("1", None)), ("b", delete("2"))]);
    let (call_id, outcome) = ("1".to_owned(), ToolOutcome::Ok(1.into()));
    let entry = Entry::ToolResult { call_id, outcome, duration_ms: 3, changes };
    let text = serde_json::to_string(&entry).unwrap();
    assert_eq!(serde_json::from_str::<Entry>(&text).unwrap(), entry);
    let outside = text.replace("\"a\"", "\"../a\"");
    assert!(serde_json::from_str::<Entry>(&outside).is_err());
}
