//! What a tool changed of a folder.

use std::collections::BTreeMap;

use agentos_domain::Changeset;
use proptest::prelude::*;

use super::*;

/// A tree laid out and made writable.
fn laid_out(temp: &TempDir, store: &BlobStore, files: &BTreeMap<String, Vec<u8>>) -> Manifest {
    let mut base = Manifest::default();
    for (path, content) in files {
        let (hash, size) = store.put(&content[..]).unwrap();
        let modified = Timestamp::from_millis(1_600_000_000_000);
        base.files.insert(path.parse().unwrap(), FileEntry { hash, size, modified });
    }
    let tree = temp.path().join("tree");
    materialise(&base, store, &tree).unwrap();
    make_writable(&base, &tree).unwrap();
    base
}

fn found(temp: &TempDir, base: &Manifest, store: &BlobStore) -> Result<Changeset, SnapshotError> {
    diff(&GrantedRoot::grant(&temp.path().join("tree")).unwrap(), base, store)
}

fn scene(files: &[(&str, &str)]) -> (TempDir, BlobStore, Manifest) {
    let temp = TempDir::new().unwrap();
    let store = store(&temp);
    let text = |(path, text): &(&str, &str)| ((*path).to_owned(), text.as_bytes().to_vec());
    let base = laid_out(&temp, &store, &files.iter().map(text).collect());
    (temp, store, base)
}

#[test]
fn an_untouched_folder_has_no_changes() {
    let (temp, store, base) = scene(&[("a", "1"), ("b/c", "2")]);
    fs::create_dir_all(temp.path().join("tree/empty/deep")).unwrap();
    set_time(&temp.path().join("tree/a"), 1_700_000_000, 0);
    assert!(found(&temp, &base, &store).unwrap().is_empty());
}

#[test]
fn a_change_that_keeps_size_and_time_is_found() {
    let (temp, store, base) = scene(&[("a", "one")]);
    let file = temp.path().join("tree/a");
    fs::write(&file, "two").unwrap();
    set_time(&file, 1_600_000_000, 0);
    let changes = found(&temp, &base, &store).unwrap();
    assert_eq!(changes.contents(), [(BlobHash::of(b"two"), 3)].into());
    assert_eq!(changes.files["a"].base(), Some(BlobHash::of(b"one")));
}

#[test]
fn what_is_no_regular_file_is_refused() {
    type Mischief = fn(&Path);
    let mischief: [(Mischief, &str); 5] = [
        (|tree| symlink("/etc/passwd", tree.join("x")).unwrap(), "not_a_file"),
        (|tree| symlink("a", tree.join("b/inside")).unwrap(), "not_a_file"),
        (|tree| nix::unistd::mkfifo(&tree.join("x"), Mode::S_IRWXU).unwrap(), "not_a_file"),
        (|tree| fs::write(tree.join("a\nb"), "").unwrap(), "unreadable"),
        (
            |tree| {
                fs::remove_file(tree.join("a")).unwrap();
                symlink("b/c", tree.join("a")).unwrap();
            },
            "not_a_file",
        ),
    ];
    for (act, code) in mischief {
        let (temp, store, base) = scene(&[("a", "1"), ("b/c", "2")]);
        act(&temp.path().join("tree"));
        assert_eq!(found(&temp, &base, &store).unwrap_err().code(), code);
    }
}

#[test]
fn more_than_a_step_may_change_is_refused() {
    let (temp, store, base) = scene(&[]);
    // It takes no space on the disk.
    let file = fs::File::create(temp.path().join("tree/huge")).unwrap();
    file.set_len(Changeset::MAX_BYTES + 1).unwrap();
    assert_eq!(found(&temp, &base, &store).unwrap_err().code(), "too_many_changes");
    assert_eq!(store.usage().unwrap(), 0, "it was not even copied");
    fs::remove_file(temp.path().join("tree/huge")).unwrap();
    for number in 0..=Changeset::MAX_PATHS {
        fs::write(temp.path().join("tree").join(number.to_string()), "").unwrap();
    }
    assert_eq!(found(&temp, &base, &store).unwrap_err().code(), "too_many_changes");
}

/// Trees in which a name may be a file in one and a folder in the other.
fn trees() -> impl Strategy<Value = BTreeMap<String, Vec<u8>>> {
    let path = prop::collection::vec(prop::sample::select(vec!["a", "b", "c-"]), 1..4);
    let content = prop::collection::vec(any::<u8>(), 0..3);
    prop::collection::btree_map(path.prop_map(|parts| parts.join("/")), content, 0..8).prop_map(
        |files| {
            let names: Vec<_> = files.keys().cloned().collect();
            let is_folder =
                |path: &str| names.iter().any(|name| name.starts_with(&format!("{path}/")));
            files.into_iter().filter(|(path, _)| !is_folder(path)).collect()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// From any tree to any other: what is found leads from the one manifest to
    /// the other, and to the same files when laid out elsewhere.
    #[test]
    fn changes_lead_from_any_tree_to_any_other(before in trees(), after in trees()) {
        let temp = TempDir::new().unwrap();
        let store = store(&temp);
        let base = laid_out(&temp, &store, &before);
        let tree = temp.path().join("tree");
        for path in before.keys().filter(|path| before.get(*path) != after.get(*path)) {
            fs::remove_file(tree.join(path)).unwrap();
        }
        // What was a folder may become a file.
        for path in after.keys() {
            let _ = fs::remove_dir_all(tree.join(path)).map(drop);
        }
        for (path, content) in after.iter().filter(|(path, content)| {
            before.get(*path) != Some(*content)
        }) {
            fs::create_dir_all(tree.join(path).parent().unwrap()).unwrap();
            fs::write(tree.join(path), content).unwrap();
        }
        let changes = found(&temp, &base, &store).unwrap();
        let mut moved_on = base.clone();
        moved_on.apply(&changes).unwrap();
        let elsewhere = temp.path().join("elsewhere");
        materialise(&moved_on, &store, &elsewhere).unwrap();
        let files: BTreeMap<_, _> = moved_on
            .files
            .keys()
            .map(|path| (path.to_string(), fs::read(elsewhere.join(path.as_str())).unwrap()))
            .collect();
        prop_assert_eq!(&files, &after);
        let same = before.iter().filter(|(path, content)| after.get(*path) == Some(*content));
        let changed = before.len() + after.keys().filter(|path| !before.contains_key(*path)).count()
            - same.count();
        prop_assert_eq!(changes.files.len(), changed, "nothing else: {:?}", changes);
    }
}
