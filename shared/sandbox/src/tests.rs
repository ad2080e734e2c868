//! The folder of a test lies beside a folder `outside`, whose files must never
//! be read or changed.

use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use agentos_domain::{Classified, RelPath, ToolError};
use nix::sys::stat::Mode;
use tempfile::TempDir;

use super::*;

const CANARY: &str = "CANARY";

struct Place {
    _temp: TempDir,
    inside: PathBuf,
    outside: PathBuf,
    root: GrantedRoot,
}

fn place() -> Place {
    let temp = TempDir::new().unwrap();
    let (inside, outside) = (temp.path().join("inside"), temp.path().join("outside"));
    fs::create_dir(&inside).unwrap();
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("secret.txt"), CANARY).unwrap();
    let root = GrantedRoot::grant(&inside).unwrap();
    Place { _temp: temp, inside, outside, root }
}

fn path(text: &str) -> RelPath {
    text.parse().unwrap()
}

fn read(root: &GrantedRoot, text: &str) -> Result<String, &'static str> {
    let mut content = String::new();
    root.open(&path(text)).map_err(|e| e.code())?.read_to_string(&mut content).unwrap();
    Ok(content)
}

fn walked(root: &GrantedRoot, options: WalkOptions) -> Vec<String> {
    root.walk(None, options).unwrap().map(|entry| entry.path.to_string()).collect()
}

#[test]
fn files_are_read_and_absence_is_told_apart() {
    let place = place();
    fs::create_dir(place.inside.join("notes")).unwrap();
    fs::write(place.inside.join("notes/a.md"), "hello").unwrap();
    assert_eq!(read(&place.root, "notes/a.md"), Ok("hello".to_owned()));
    assert_eq!(read(&place.root, "notes/b.md"), Err("not_found"));
    assert_eq!(read(&place.root, "notes"), Err("is_a_directory"));
    assert_eq!(read(&place.root, "notes/a.md/x"), Err("not_a_directory"));
    let info = place.root.metadata(Some(&path("notes/a.md"))).unwrap();
    assert_eq!((info.kind, info.size), (FileKind::File, 5));
    assert!(info.modified.millis() > 1_600_000_000_000);
    assert_eq!(place.root.metadata(None).unwrap().kind, FileKind::Folder);
    let denied = place.root.walk(Some(&path("notes/a.md")), WalkOptions::default()).unwrap_err();
    assert_eq!(denied.code(), "not_a_directory");
}

#[test]
fn links_out_of_the_folder_are_refused() {
    let place = place();
    symlink(place.outside.join("secret.txt"), place.inside.join("absolute")).unwrap();
    symlink("../outside/secret.txt", place.inside.join("relative")).unwrap();
    symlink(&place.outside, place.inside.join("folder")).unwrap();
    symlink("/proc/self/root", place.inside.join("magic")).unwrap();
    // The attack works where nothing confines it.
    assert_eq!(fs::read_to_string(place.inside.join("relative")).unwrap(), CANARY);
    for link in ["absolute", "relative", "folder/secret.txt", "magic/etc/passwd"] {
        assert_eq!(read(&place.root, link), Err("path_outside_grant"), "{link}");
        let metadata = place.root.metadata(Some(&path(link))).unwrap_err();
        assert_eq!(metadata.code(), "path_outside_grant", "{link}");
    }
    let walk = place.root.walk(Some(&path("folder")), WalkOptions::default()).unwrap_err();
    assert_eq!(walk.code(), "path_outside_grant");
    assert_eq!(walked(&place.root, WalkOptions::default()), Vec::<String>::new());
    let error = ToolError::from(place.root.open(&path("relative")).unwrap_err());
    assert_eq!(error.code, "path_outside_grant");
    assert!(!error.message.contains(CANARY));
}

#[test]
fn links_within_the_folder_may_be_read_but_loops_end() {
    let place = place();
    fs::write(place.inside.join("a"), "hello").unwrap();
    symlink("a", place.inside.join("link")).unwrap();
    symlink("loop", place.inside.join("loop")).unwrap();
    symlink(".", place.inside.join("self")).unwrap();
    assert_eq!(read(&place.root, "link"), Ok("hello".to_owned()));
    assert_eq!(read(&place.root, "self/self/a"), Ok("hello".to_owned()));
    assert_eq!(read(&place.root, "loop"), Err("path_outside_grant"));
    assert_eq!(walked(&place.root, WalkOptions::default()), ["a"]);
}

#[test]
fn writes_through_links_change_nothing_outside() {
    let place = place();
    symlink(&place.outside, place.inside.join("folder")).unwrap();
    symlink(place.outside.join("secret.txt"), place.inside.join("file")).unwrap();
    let denied = place.root.write_atomic(&path("folder/new"), &b"x"[..]).unwrap_err();
    assert_eq!(denied.code(), "path_outside_grant");
    let denied = place.root.create_parents(&path("folder/sub/new")).unwrap_err();
    assert_eq!(denied.code(), "path_outside_grant");
    place.root.write_atomic(&path("file"), &b"mine"[..]).unwrap();
    assert_eq!(read(&place.root, "file"), Ok("mine".to_owned()));
    assert_eq!(fs::read_to_string(place.outside.join("secret.txt")).unwrap(), CANARY);
    assert_eq!(fs::read_dir(&place.outside).unwrap().count(), 1);
}

#[test]
fn a_swapped_folder_never_leads_outside() {
    const TRIES: u32 = 20_000;
    let place = place();
    fs::create_dir(place.inside.join("race")).unwrap();
    fs::write(place.inside.join("race/secret.txt"), "harmless").unwrap();
    symlink(&place.outside, place.inside.join("link")).unwrap();
    let (stop, swaps) = (AtomicBool::new(false), AtomicU32::new(0));
    let name = |name: &str| place.inside.join(name);
    let swapper = || {
        while !stop.load(Ordering::Relaxed) {
            fs::rename(name("race"), name("parked")).unwrap();
            fs::rename(name("link"), name("race")).unwrap();
            fs::rename(name("race"), name("link")).unwrap();
            fs::rename(name("parked"), name("race")).unwrap();
            swaps.fetch_add(1, Ordering::Relaxed);
        }
    };
    // Judged at the end: a panic in here would leave the swapper running.
    let (mut read_inside, mut refused, mut escaped) = (0, 0, 0);
    std::thread::scope(|scope| {
        scope.spawn(swapper);
        let mut tries = 0;
        // Beyond the tries only as long as the threads have hardly met.
        let met = |read_inside: u32, refused: u32| {
            swaps.load(Ordering::Relaxed) >= 100 && read_inside > 0 && refused > 0
        };
        while tries < TRIES || (!met(read_inside, refused) && tries < 100 * TRIES) {
            tries += 1;
            match read(&place.root, "race/secret.txt") {
                Ok(content) if content == "harmless" => read_inside += 1,
                Ok(_) => escaped += 1,
                Err(code) => refused += u32::from(code == "path_outside_grant"),
            }
            let _ = place.root.write_atomic(&path("race/new"), &b"x"[..]);
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert_eq!(escaped, 0);
    assert!(swaps.load(Ordering::Relaxed) >= 100, "the swapper did not run");
    assert!(read_inside > 0, "the benign twin was never read");
    assert!(refused > 0, "the link was never met");
    assert_eq!(fs::read_dir(&place.outside).unwrap().count(), 1);
}

#[test]
fn pipes_and_sockets_are_refused_without_waiting() {
    let place = place();
    nix::unistd::mkfifo(&place.inside.join("pipe"), Mode::S_IRWXU).unwrap();
    let _listener = UnixListener::bind(place.inside.join("socket")).unwrap();
    fs::write(place.inside.join("plain"), "").unwrap();
    assert_eq!(read(&place.root, "pipe"), Err("not_a_file"));
    assert_eq!(read(&place.root, "socket"), Err("not_a_file"));
    let metadata = place.root.metadata(Some(&path("pipe"))).unwrap_err();
    assert_eq!(metadata.code(), "not_a_file");
    assert_eq!(walked(&place.root, WalkOptions::default()), ["plain"]);
}

#[test]
fn a_walk_is_in_order_and_leaves_odd_names_out() {
    let place = place();
    for folder in ["a/c", "z"] {
        fs::create_dir_all(place.inside.join(folder)).unwrap();
    }
    for file in ["a-b", "a/b", "a/c/d", "b", "bad\nname", "esc\u{1b}[2J"] {
        fs::write(place.inside.join(file), "").unwrap();
    }
    fs::write(place.inside.join(format!("{TEMPORARY_PREFIX}1-1")), "left by a crash").unwrap();
    let mut walk = place.root.walk(None, WalkOptions::default()).unwrap();
    let paths: Vec<_> = walk.by_ref().map(|entry| entry.path.to_string()).collect();
    assert_eq!(paths, ["a", "a/b", "a/c", "a/c/d", "a-b", "b", "z"]);
    assert_eq!((walk.skipped(), walk.truncated()), (2, false));
    let listed: Vec<_> =
        place.root.read_dir(Some(&path("a"))).unwrap().map(|e| e.path.to_string()).collect();
    assert_eq!(listed, ["a/b", "a/c"]);
    let two = WalkOptions { max_depth: 2, ..WalkOptions::default() };
    assert_eq!(walked(&place.root, two), ["a", "a/b", "a/c", "a-b", "b", "z"]);
}

#[test]
fn pages_of_a_walk_are_the_whole() {
    let place = place();
    for number in 0..40 {
        let folder = place.inside.join(format!("f{}/g{}", number % 4, number % 3));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(format!("{number}")), "").unwrap();
    }
    let whole = walked(&place.root, WalkOptions::default());
    assert_eq!(whole.len(), 4 + 12 + 40);
    for size in 2..9 {
        let mut paged = vec![whole[0].clone()];
        loop {
            let from = Some(path(paged.last().unwrap()));
            let options = WalkOptions { max_entries: size, from, ..WalkOptions::default() };
            let mut walk = place.root.walk(None, options).unwrap();
            let page: Vec<_> = walk.by_ref().map(|entry| entry.path.to_string()).collect();
            assert!(page.len() <= size);
            // The page begins with the path that it was asked from.
            assert_eq!(page.first(), paged.last());
            paged.extend(page.into_iter().skip(1));
            if !walk.truncated() {
                break;
            }
        }
        assert_eq!(paged, whole, "pages of {size}");
    }
}

#[test]
fn a_write_replaces_the_whole_file_or_nothing() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("broken"))
        }
    }
    let place = place();
    let file = path("a/b/c.txt");
    let missing = place.root.write_atomic(&file, &b"1"[..]).unwrap_err();
    assert_eq!(missing.code(), "not_found");
    place.root.create_parents(&file).unwrap();
    assert_eq!(place.root.write_atomic(&file, &b"one"[..]).unwrap(), 3);
    let torn = place.root.write_atomic(&file, (&b"two"[..]).chain(Broken)).unwrap_err();
    assert_eq!((torn.code(), torn.is_retryable()), ("io", true));
    assert_eq!(read(&place.root, "a/b/c.txt"), Ok("one".to_owned()));
    assert_eq!(fs::read_dir(place.inside.join("a/b")).unwrap().count(), 1);
    let folder = place.root.write_atomic(&path("a/b"), &b"x"[..]).unwrap_err();
    assert_eq!(folder.code(), "is_a_directory");
    place.root.write_atomic(&file, &b"two"[..]).unwrap();
    assert_eq!(read(&place.root, "a/b/c.txt"), Ok("two".to_owned()));
}
