//! From a manifest to files.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use agentos_domain::{FileEntry, Manifest, RelPath};
use cap_std::ambient_authority;
use cap_std::fs::{Dir, Permissions, PermissionsExt};

use crate::{BlobStore, SnapshotError};

/// The blobs that `manifest` needs and the store lacks, each once. A stored
/// file of the wrong length counts as missing: storing it again repairs it.
#[must_use]
pub fn missing(manifest: &Manifest, blobs: &BlobStore) -> Vec<FileEntry> {
    let mut seen = BTreeSet::new();
    let entries = manifest.files.values().filter(|entry| seen.insert(entry.hash));
    entries.filter(|entry| blobs.path_len(&entry.hash) != Some(entry.size)).cloned().collect()
}

/// Builds the files of `manifest` in the folder `target`, which must be empty
/// or absent. Files are copies, mode 0444, with the time of their entry, or
/// that of now where it is unknown; folders are mode 0755. After an error the
/// folder may hold a part: remove it.
///
/// # Errors
/// `Missing`, before anything is built unless a blob is evicted meanwhile;
/// `TargetNotEmpty`, `Conflict`, or the disk's error.
pub fn materialise(
    manifest: &Manifest,
    blobs: &BlobStore,
    target: &Path,
) -> Result<(), SnapshotError> {
    let hashes: Vec<_> = missing(manifest, blobs).into_iter().map(|entry| entry.hash).collect();
    if !hashes.is_empty() {
        return Err(SnapshotError::Missing { hashes });
    }
    let folders = folders(manifest)?;
    let fail = SnapshotError::io("build the tree of files");
    Dir::create_ambient_dir_all(target, ambient_authority()).map_err(&fail)?;
    let dir = Dir::open_ambient_dir(target, ambient_authority()).map_err(&fail)?;
    if dir.entries().map_err(&fail)?.next().is_some() {
        return Err(SnapshotError::TargetNotEmpty { path: target.display().to_string() });
    }
    for folder in folders {
        dir.create_dir(folder)
            .and_then(|()| dir.set_permissions(folder, Permissions::from_mode(0o755)))
            .map_err(|error| refused(manifest, folder, error))?;
    }
    for (path, entry) in &manifest.files {
        blobs.place(entry, &dir, path.as_str()).map_err(|error| match error {
            SnapshotError::Io { source, .. } => refused(manifest, path.as_str(), source),
            error => error,
        })?;
    }
    Ok(())
}

/// Lets the files of a tree that [`materialise`] built be written in place.
///
/// # Errors
/// The disk's error.
pub fn make_writable(manifest: &Manifest, target: &Path) -> Result<(), SnapshotError> {
    let fail = SnapshotError::io("make files writable");
    let dir = Dir::open_ambient_dir(target, ambient_authority()).map_err(&fail)?;
    for path in manifest.files.keys() {
        dir.set_permissions(path.as_str(), Permissions::from_mode(0o644)).map_err(&fail)?;
    }
    Ok(())
}

/// The folders that the files lie in, each after the one that holds it.
fn folders(manifest: &Manifest) -> Result<BTreeSet<&str>, SnapshotError> {
    let mut folders = BTreeSet::new();
    for path in manifest.files.keys() {
        let mut rest = path.as_str();
        while let Some((folder, _)) = rest.rsplit_once('/') {
            if !folders.insert(folder) {
                break;
            }
            rest = folder;
        }
    }
    match manifest.files.keys().find(|path| folders.contains(path.as_str())) {
        Some(path) => Err(SnapshotError::Conflict { path: path.clone() }),
        None => Ok(folders),
    }
}

/// On a file system that ignores case, two paths can be one.
fn refused(manifest: &Manifest, path: &str, source: io::Error) -> SnapshotError {
    if source.kind() == io::ErrorKind::AlreadyExists {
        let named = |file: &&RelPath| {
            let rest = file.as_str().strip_prefix(path);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        if let Some(path) = manifest.files.keys().find(named) {
            return SnapshotError::Conflict { path: path.clone() };
        }
    }
    SnapshotError::Io { action: "build the tree of files", source }
}
