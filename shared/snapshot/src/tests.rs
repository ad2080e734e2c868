use std::fs;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use agentos_domain::{BlobHash, Classified, FileEntry, Manifest, ManualClock, Timestamp};
use agentos_sandbox::GrantedRoot;
use cap_std::ambient_authority;
use cap_std::fs::Dir;
use nix::sys::stat::{Mode, futimens};
use nix::sys::time::TimeSpec;
use tempfile::TempDir;

use super::*;

mod diffs;

fn store(temp: &TempDir) -> BlobStore {
    BlobStore::open(&temp.path().join("blobs")).unwrap()
}

fn content(store: &BlobStore, hash: &BlobHash) -> Vec<u8> {
    let mut content = Vec::new();
    store.open_blob(hash).unwrap().read_to_end(&mut content).unwrap();
    content
}

fn file_of(temp: &TempDir, hash: &BlobHash) -> PathBuf {
    let hex = hash.to_string();
    temp.path().join("blobs").join(&hex[..2]).join(&hex[2..])
}

fn temporaries(temp: &TempDir) -> usize {
    fs::read_dir(temp.path().join("blobs/tmp")).unwrap().count()
}

fn manifest(files: &[(&str, &[u8])]) -> Manifest {
    let files = files.iter().map(|(path, content)| (path.parse().unwrap(), entry(content)));
    Manifest { files: files.collect() }
}

/// One whose time is unknown.
fn entry(content: &[u8]) -> FileEntry {
    let (hash, size) = (BlobHash::of(content), content.len() as u64);
    FileEntry { hash, size, modified: Timestamp::default() }
}

fn set_time(file: &Path, seconds: i64, nanoseconds: i64) {
    let time = TimeSpec::new(seconds, nanoseconds);
    futimens(fs::File::open(file).unwrap(), &time, &time).unwrap();
}

fn scanned(folder: &Path, store: &BlobStore) -> Manifest {
    scan(&GrantedRoot::grant(folder).unwrap(), store, 100).unwrap().manifest
}

#[test]
fn content_is_kept_once_under_its_hash() {
    let temp = TempDir::new().unwrap();
    let store = store(&temp);
    let large = vec![7; 200_000];
    let (hash, size) = store.put(&large[..]).unwrap();
    assert_eq!((hash, size), (BlobHash::of(&large), 200_000));
    assert_eq!(store.put(&large[..]).unwrap(), (hash, size));
    assert_eq!(store.put_expected(&hash, &large[..]).unwrap(), size);
    assert_eq!(store.usage().unwrap(), 200_000);
    assert_eq!(content(&store, &hash), large);
    assert!(store.has(&hash));
    assert_eq!(store.path_len(&hash), Some(200_000));
    assert_eq!(temporaries(&temp), 0);
    assert_eq!(fs::metadata(file_of(&temp, &hash)).unwrap().mode() & 0o7777, 0o444);
    let other = BlobHash::of(b"other");
    assert!(!store.has(&other));
    assert_eq!(store.open_blob(&other).unwrap_err().code(), "blobs_missing");
}

#[test]
fn content_with_another_hash_is_refused() {
    let temp = TempDir::new().unwrap();
    let store = store(&temp);
    let expected = BlobHash::of(b"right");
    let error = store.put_expected(&expected, &b"wrong"[..]).unwrap_err();
    assert_eq!(error.code(), "hash_mismatch");
    assert!(!store.has(&expected));
    assert!(!store.has(&BlobHash::of(b"wrong")));
    assert_eq!((store.usage().unwrap(), temporaries(&temp)), (0, 0));
}

#[test]
fn a_source_that_breaks_off_leaves_nothing() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("link lost"))
        }
    }
    let temp = TempDir::new().unwrap();
    let store = store(&temp);
    let error = store.put((&b"half"[..]).chain(Broken)).unwrap_err();
    assert_eq!((error.code(), error.is_retryable()), ("io", true));
    assert_eq!((store.usage().unwrap(), temporaries(&temp)), (0, 0));
}

#[test]
fn what_a_crash_leaves_is_harmless() {
    let temp = TempDir::new().unwrap();
    let first = store(&temp);
    let (hash, _) = first.put(&b"whole"[..]).unwrap();
    let stray = temp.path().join("blobs/tmp/1-1");
    fs::write(&stray, "half").unwrap();
    fs::write(temp.path().join("blobs").join("ab.txt"), "odd").unwrap();
    fs::write(file_of(&temp, &hash).with_file_name("odd"), "odd").unwrap();
    assert_eq!(first.usage().unwrap(), 5);
    // While a store is open its temporary files are another's work.
    let second = store(&temp);
    assert!(stray.exists());
    drop((first, second));
    let third = store(&temp);
    assert!(!stray.exists());
    assert_eq!(content(&third, &hash), b"whole");
}

#[test]
fn a_damaged_blob_counts_as_missing_and_is_replaced() {
    let temp = TempDir::new().unwrap();
    let store = store(&temp);
    let manifest = manifest(&[("a", b"whole")]);
    let (hash, _) = store.put(&b"whole"[..]).unwrap();
    let file = file_of(&temp, &hash);
    fs::remove_file(&file).unwrap();
    fs::write(&file, "who").unwrap();
    assert_eq!(missing(&manifest, &store).len(), 1);
    store.put_expected(&hash, &b"whole"[..]).unwrap();
    assert_eq!(missing(&manifest, &store), []);
    assert_eq!(content(&store, &hash), b"whole");
}

#[test]
fn the_least_recently_used_blobs_go_first() {
    let temp = TempDir::new().unwrap();
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_700_000_000_000)));
    let folder = temp.path().join("blobs");
    let store = BlobStore::open_with_clock(&folder, clock.clone()).unwrap();
    let hashes = ["one", "two", "three", "four"].map(|text| {
        clock.advance(Duration::from_secs(1));
        store.put(text.as_bytes()).unwrap().0
    });
    clock.advance(Duration::from_secs(1));
    assert_eq!(content(&store, &hashes[0]), b"one");
    let tree = temp.path().join("tree");
    materialise(&manifest(&[("x", b"two")]), &store, &tree).unwrap();
    assert_eq!(store.usage().unwrap(), 15);
    assert_eq!(store.evict_to(15).unwrap(), 0);
    assert_eq!(store.evict_to(14).unwrap(), 5);
    assert_eq!(hashes.map(|hash| store.has(&hash)), [true, true, false, true]);
    // Laying "two" out was a use of it.
    let kept = [hashes[0], BlobHash::of(b"absent")].into();
    assert_eq!(store.evict_but(3, &kept).unwrap(), 7);
    assert_eq!(hashes.map(|hash| store.has(&hash)), [true, false, false, false]);
    assert_eq!(store.evict_but(0, &kept).unwrap(), 0);
    store.put(&b"two"[..]).unwrap();
    assert_eq!(store.evict_to(3).unwrap(), 3);
    assert_eq!(hashes.map(|hash| store.has(&hash)), [false, true, false, false]);
    assert_eq!(store.evict_to(0).unwrap(), 3);
    assert_eq!(store.usage().unwrap(), 0);
    // The tree has its own copy.
    assert_eq!(fs::read_to_string(tree.join("x")).unwrap(), "two");
}

#[test]
fn a_folder_survives_the_round_trip() {
    let temp = TempDir::new().unwrap();
    let store = store(&temp);
    let source = temp.path().join("source");
    fs::create_dir_all(source.join("notes/deep")).unwrap();
    fs::write(source.join("a.md"), "same").unwrap();
    fs::write(source.join("notes/b.md"), "same").unwrap();
    fs::write(source.join("notes/deep/empty"), "").unwrap();
    symlink("/etc/passwd", source.join("link")).unwrap();
    symlink("notes", source.join("folder-link")).unwrap();
    nix::unistd::mkfifo(&source.join("pipe"), Mode::S_IRWXU).unwrap();
    for path in ["a.md", "notes/b.md", "notes/deep/empty"] {
        set_time(&source.join(path), 1_700_000_000, 0);
    }
    let root = GrantedRoot::grant(&source).unwrap();
    let found = scan(&root, &store, 100).unwrap();
    let mut expected =
        manifest(&[("a.md", b"same"), ("notes/b.md", b"same"), ("notes/deep/empty", b"")]);
    for entry in expected.files.values_mut() {
        entry.modified = Timestamp::from_millis(1_700_000_000_000);
    }
    assert_eq!(found, Scan { manifest: expected.clone(), skipped: 0 });
    assert_eq!(store.usage().unwrap(), 4);

    let target = temp.path().join("runs/1");
    materialise(&expected, &store, &target).unwrap();
    assert_eq!(fs::read_to_string(target.join("notes/b.md")).unwrap(), "same");
    let mode = |path: &str| fs::metadata(target.join(path)).unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode("a.md"), mode("notes/deep")), (0o444, 0o755));
    assert_eq!(scanned(&target, &store), expected);

    assert_eq!(materialise(&expected, &store, &target).unwrap_err().code(), "target_not_empty");
    assert_eq!(scan(&root, &store, 3).unwrap_err().code(), "too_many_files");
}

#[test]
fn missing_blobs_are_listed_before_anything_is_built() {
    let temp = TempDir::new().unwrap();
    let store = store(&temp);
    store.put(&b"here"[..]).unwrap();
    let manifest = manifest(&[("a", b"here"), ("b", b"absent"), ("c", b"absent")]);
    let lacking = missing(&manifest, &store);
    assert_eq!(lacking, [entry(b"absent")]);
    let target = temp.path().join("tree");
    match materialise(&manifest, &store, &target).unwrap_err() {
        SnapshotError::Missing { hashes } => assert_eq!(hashes, [BlobHash::of(b"absent")]),
        error => panic!("{error}"),
    }
    assert!(!target.exists());
    store.put_expected(&BlobHash::of(b"absent"), &b"absent"[..]).unwrap();
    materialise(&manifest, &store, &target).unwrap();
}

#[test]
fn a_file_cannot_be_a_folder_too() {
    let temp = TempDir::new().unwrap();
    let store = store(&temp);
    store.put(&b"x"[..]).unwrap();
    let manifest = manifest(&[("a", b"x"), ("a/b", b"x")]);
    let error = materialise(&manifest, &store, &temp.path().join("tree")).unwrap_err();
    assert_eq!(error.code(), "path_conflict");
}

#[test]
fn each_file_has_its_own_time() {
    let temp = TempDir::new().unwrap();
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_700_000_000_000)));
    let folder = temp.path().join("blobs");
    let store = BlobStore::open_with_clock(&folder, clock.clone()).unwrap();
    let source = temp.path().join("source");
    fs::create_dir(&source).unwrap();
    // Before 1970, to the millisecond, and beyond what nanoseconds can count.
    let times = [("a", -1_500), ("b", 1_600_000_000_123), ("c", 10_413_792_000_000)];
    for (path, millis) in times {
        fs::write(source.join(path), "same").unwrap();
        let nanoseconds = i64::rem_euclid(millis, 1000) * 1_000_000;
        set_time(&source.join(path), i64::div_euclid(millis, 1000), nanoseconds);
    }
    let mut found = scanned(&source, &store);
    let of =
        |found: &Manifest| found.files.values().map(|f| f.modified.millis()).collect::<Vec<_>>();
    assert_eq!(of(&found), times.map(|(_, millis)| millis));
    assert_eq!(store.usage().unwrap(), 4);

    let target = temp.path().join("tree");
    materialise(&found, &store, &target).unwrap();
    let files = || times.map(|(path, _)| fs::metadata(target.join(path)).unwrap());
    assert_eq!(scanned(&target, &store), found);
    // Neither the use of the blob nor its own time shows in the tree.
    clock.advance(Duration::from_secs(60));
    content(&store, &BlobHash::of(b"same"));
    assert_eq!(files().map(|file| file.mtime()), [-2, 1_600_000_000, 10_413_792_000]);

    // Where the time is unknown it is that of the layout.
    found.files.values_mut().for_each(|entry| entry.modified = Timestamp::default());
    let target = temp.path().join("tree 2");
    materialise(&found, &store, &target).unwrap();
    assert_eq!(of(&scanned(&target, &store)), [1_700_000_060_000; 3]);
}

#[test]
fn a_tree_shares_no_file_with_the_store() {
    // Another file system, if the machine has one.
    for folder in [TempDir::new().ok(), TempDir::new_in(Path::new("/dev/shm")).ok()] {
        let Some(other) = folder else { continue };
        let temp = TempDir::new().unwrap();
        let store = store(&temp);
        let (hash, _) = store.put(&b"content"[..]).unwrap();
        let target = other.path().join("tree");
        materialise(&manifest(&[("a", b"content"), ("b", b"content")]), &store, &target).unwrap();
        let file = target.join("a");
        let (placed, stored) = (fs::metadata(&file).unwrap(), file_of(&temp, &hash));
        assert_eq!((placed.nlink(), placed.mode() & 0o7777), (1, 0o444));
        assert_eq!(fs::metadata(&stored).unwrap().nlink(), 1);
        // Even who gains the right to write changes this file alone.
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        fs::write(&file, "changed").unwrap();
        assert_eq!(content(&store, &hash), b"content");
        assert_eq!(fs::read(target.join("b")).unwrap(), b"content");
        assert_eq!(fs::metadata(&stored).unwrap().mode() & 0o7777, 0o444);
    }
}

#[test]
fn what_is_there_is_not_replaced() {
    let temp = TempDir::new().unwrap();
    let store = store(&temp);
    store.put(&b"new"[..]).unwrap();
    fs::write(temp.path().join("a"), "old").unwrap();
    let dir = Dir::open_ambient_dir(temp.path(), ambient_authority()).unwrap();
    match store.place(&entry(b"new"), &dir, "a").unwrap_err() {
        SnapshotError::Io { source, .. } => assert_eq!(source.kind(), ErrorKind::AlreadyExists),
        error => panic!("{error}"),
    }
    assert_eq!(fs::read_to_string(temp.path().join("a")).unwrap(), "old");
}
