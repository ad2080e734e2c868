//! What a program left in its folders, made fit to be taken.

use std::io;

use agentos_domain::RelPath;
use cap_std::fs::{Dir, MetadataExt as _, Permissions, PermissionsExt as _};

use super::neutralise;
use crate::GrantedRoot;

/// Set-uid, set-gid.
const PRIVILEGED: u32 = 0o6000;
/// The deepest folder that is looked into.
const MAX_DEPTH: usize = 64;
/// The most of what was left out that is named.
const MAX_NAMED: usize = 50;

/// Something that was taken away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Its path from the granted folder, without control characters.
    pub path: String,
    /// What it is.
    pub reason: &'static str,
}

/// What there was.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Collected {
    /// Regular files that stay.
    pub files: u64,
    /// What was taken away, the first 50.
    pub left_out: Vec<LeftOut>,
    /// How many were taken away.
    pub left_out_count: u64,
    /// Files that gave their user's or group's rights to others, and no longer do.
    pub privileges_cleared: u64,
}

/// Goes through folders of a run, after the program that wrote them has ended.
/// Links, pipes, sockets, devices, and what has no name that a [`RelPath`] can
/// have, is removed; set-uid and set-gid bits are cleared; what was shut is
/// opened to us. Nothing is opened for its content, so nothing blocks.
///
/// # Errors
/// The disk's error.
pub fn collect(root: &GrantedRoot, folders: &[RelPath]) -> io::Result<Collected> {
    let mut collected = Collected::default();
    for folder in folders {
        let metadata = root.dir().symlink_metadata(folder.as_str())?;
        if metadata.is_dir() {
            let dir = root.dir().open_dir(folder.as_str())?;
            collected.folder(&dir, folder.as_str(), 1)?;
        }
    }
    Ok(collected)
}

impl Collected {
    fn folder(&mut self, dir: &Dir, prefix: &str, depth: usize) -> io::Result<()> {
        for entry in dir.entries()? {
            let name = entry?.file_name();
            let metadata = dir.symlink_metadata(&name)?;
            let path = name.to_str().map(|name| format!("{prefix}/{name}"));
            let nameable = path.as_ref().is_some_and(|path| path.parse::<RelPath>().is_ok());
            let reason = match metadata.file_type() {
                kind if kind.is_symlink() => Some("a link"),
                kind if !kind.is_file() && !kind.is_dir() => Some("a pipe, socket or device"),
                _ if !nameable => Some("a name with characters that names may not have"),
                kind if kind.is_dir() && depth >= MAX_DEPTH => Some("a folder too deep"),
                _ => None,
            };
            if let Some(reason) = reason {
                if metadata.is_dir() {
                    remove_tree(dir, &name)?
                } else {
                    dir.remove_file(&name)?
                }
                let shown = neutralise(format!("{prefix}/{}", name.display()).as_bytes());
                self.leave_out(shown.replace(['\n', '\t'], "\u{FFFD}"), reason);
                continue;
            }
            let mode = metadata.mode();
            let own = if metadata.is_dir() { 0o700 } else { 0o600 };
            let wanted = (mode & 0o777) | own;
            if mode & 0o7777 != wanted {
                dir.set_permissions(&name, Permissions::from_mode(wanted))?;
            }
            if metadata.is_dir() {
                let path = path.unwrap_or_default();
                self.folder(&dir.open_dir(&name)?, &path, depth + 1)?;
            } else {
                self.privileges_cleared += u64::from(mode & PRIVILEGED != 0);
                self.files += 1;
            }
        }
        Ok(())
    }

    fn leave_out(&mut self, path: String, reason: &'static str) {
        self.left_out_count += 1;
        if self.left_out.len() < MAX_NAMED {
            self.left_out.push(LeftOut { path, reason });
        }
    }
}

/// Removes a folder, opening to us what was shut.
fn remove_tree(dir: &Dir, name: &std::ffi::OsStr) -> io::Result<()> {
    dir.set_permissions(name, Permissions::from_mode(0o700))?;
    match dir.remove_dir_all(name) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            let below = dir.open_dir(name)?;
            for entry in below.entries()? {
                let entry = entry?;
                if entry.file_type()?.is_dir() {
                    remove_tree(&below, &entry.file_name())?;
                }
            }
            dir.remove_dir_all(name)
        }
        result => result,
    }
}
