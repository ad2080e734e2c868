//! What is taken of what a program left.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;

use nix::sys::stat::Mode;

use crate::GrantedRoot;
use crate::confine::collect;

#[test]
fn only_plain_files_with_plain_names_stay() {
    let temp = tempfile::tempdir().unwrap();
    let (root, outputs) = (temp.path().join("run"), temp.path().join("run/outputs"));
    fs::create_dir_all(outputs.join("deep/er")).unwrap();
    fs::write(temp.path().join("secret"), "CANARY").unwrap();
    symlink(temp.path().join("secret"), outputs.join("link")).unwrap();
    symlink(temp.path(), outputs.join("deep/folder-link")).unwrap();
    nix::unistd::mkfifo(&outputs.join("deep/pipe"), Mode::S_IRWXU).unwrap();
    let _listener = UnixListener::bind(outputs.join("socket")).unwrap();
    for name in ["new\nline", "esc\u{1b}[2J", "fine", "deep/er/fine", "privileged"] {
        fs::write(outputs.join(name), "content").unwrap();
    }
    fs::create_dir(outputs.join("bad\u{7}folder")).unwrap();
    fs::write(outputs.join("bad\u{7}folder/x"), "content").unwrap();
    let mode = |name: &str, mode| {
        fs::set_permissions(outputs.join(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    mode("privileged", 0o6755);
    mode("deep/er/fine", 0);
    mode("deep/er", 0);
    let granted = GrantedRoot::grant(&root).unwrap();
    let folders = ["outputs".parse().unwrap()];
    let collected = collect(&granted, &folders).unwrap();
    assert_eq!(
        (collected.files, collected.left_out_count, collected.privileges_cleared),
        (3, 7, 1)
    );
    let named = collected.left_out.iter().map(|left| &left.path);
    assert!(named.clone().all(|path| !path.contains(char::is_control)), "{collected:?}");
    assert!(named.clone().any(|path| path == "outputs/esc\u{241B}[2J"), "{collected:?}");
    assert_eq!(fs::read_to_string(outputs.join("deep/er/fine")).unwrap(), "content");
    let privileged = fs::metadata(outputs.join("privileged")).unwrap().permissions().mode();
    assert_eq!(privileged & 0o7777, 0o755);
    assert_eq!(fs::read_to_string(temp.path().join("secret")).unwrap(), "CANARY");
    let again = collect(&granted, &folders).unwrap();
    assert_eq!((again.files, again.left_out_count), (3, 0));
    // A link in the place of the folder is not followed.
    fs::rename(&outputs, root.join("away")).unwrap();
    symlink(temp.path(), &outputs).unwrap();
    assert_eq!(collect(&granted, &folders).unwrap().files, 0);
}
