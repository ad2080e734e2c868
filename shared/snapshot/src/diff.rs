//! From a folder that was worked in to a changeset.

use std::collections::BTreeSet;
use std::io::{Read, Seek};

use agentos_domain::{BlobHash, Change, Changeset, ChangesetError, Manifest, RelPath};
use agentos_sandbox::{FileInfo, FileKind, GrantedRoot, WalkOptions};

use crate::{BlobStore, SnapshotError};

/// The most files and folders that a folder may hold.
const MAX_ENTRIES: usize = 200_000;
const CHUNK: usize = 64 * 1024;

/// What makes the folder `root` differ from `base`; new contents are stored.
/// Every file is read: its time and size are what its writer says. Symbolic
/// links are not followed. A manifest has no empty folders and no modes, so
/// these make no difference.
///
/// # Errors
/// `NotAFile` where there is a symbolic link, a pipe, a socket or a device;
/// `Unreadable`; `TooManyFiles`; `TooMuch` where a changeset would be too
/// large; or the disk's error.
pub fn diff(
    root: &GrantedRoot,
    base: &Manifest,
    blobs: &BlobStore,
) -> Result<Changeset, SnapshotError> {
    let options = WalkOptions { max_entries: MAX_ENTRIES, ..WalkOptions::default() };
    let mut walk = root.walk(None, options)?;
    let (mut changes, mut seen, mut bytes) = (Changeset::default(), BTreeSet::new(), 0);
    for entry in walk.by_ref().filter(|entry| entry.info.kind == FileKind::File) {
        if let Some(change) = changed(root, &entry.path, base, blobs, &mut bytes)? {
            changes.files.insert(entry.path.clone(), change);
            changes.check_size()?;
        }
        seen.insert(entry.path);
    }
    if let Some(path) = walk.irregular() {
        return Err(SnapshotError::NotAFile { path: path.to_owned() });
    }
    if walk.truncated() {
        return Err(SnapshotError::TooManyFiles { limit: MAX_ENTRIES });
    }
    if walk.skipped() > 0 {
        return Err(SnapshotError::Unreadable { count: walk.skipped() });
    }
    for (path, entry) in base.files.iter().filter(|(path, _)| !seen.contains(*path)) {
        changes.files.insert(path.clone(), Change::Delete { base: entry.hash });
    }
    changes.check_size()?;
    Ok(changes)
}

/// What became of one file; stores it where it has changed. `bytes` counts
/// what was stored.
fn changed(
    root: &GrantedRoot,
    path: &RelPath,
    base: &Manifest,
    blobs: &BlobStore,
    bytes: &mut u64,
) -> Result<Option<Change>, SnapshotError> {
    let (file, info) = root.open_with_info(path)?;
    let mut file = file.into_std();
    let old = base.files.get(path);
    if let Some(old) = old.filter(|old| old.size == info.size) {
        if hash_of(&mut file)? == old.hash {
            return Ok(None);
        }
        file.rewind().map_err(SnapshotError::io("read a changed file"))?;
    }
    let FileInfo { size, modified, .. } = info;
    let room = Changeset::MAX_BYTES.saturating_sub(*bytes);
    if size > room {
        let bytes = bytes.saturating_add(size);
        return Err(ChangesetError::TooManyBytes { bytes }.into());
    }
    // One that still grows is cut, and then refused.
    let (hash, size) = blobs.put(file.take(room.saturating_add(1)))?;
    *bytes = bytes.saturating_add(size);
    if size > room {
        return Err(ChangesetError::TooManyBytes { bytes: *bytes }.into());
    }
    let base = old.map(|old| old.hash);
    Ok(Some(Change::Put { hash, size, modified, base }).filter(|_| base != Some(hash)))
}

fn hash_of(content: &mut impl Read) -> Result<BlobHash, SnapshotError> {
    let fail = SnapshotError::io("read a file");
    let (mut hasher, mut buffer) = (blake3::Hasher::new(), vec![0; CHUNK]);
    loop {
        match content.read(&mut buffer) {
            Ok(0) => return Ok(BlobHash::from_bytes(*hasher.finalize().as_bytes())),
            Ok(length) => drop(hasher.update(buffer.get(..length).unwrap_or_default())),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(fail(error)),
        }
    }
}
