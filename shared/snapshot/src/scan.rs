//! From files to a manifest.

use agentos_domain::{FileEntry, Manifest};
use agentos_sandbox::{FileKind, GrantedRoot, SandboxError, WalkOptions};

use crate::{BlobStore, SnapshotError};

/// What a scan of a folder found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scan {
    /// Every regular file, as it was read.
    pub manifest: Manifest,
    /// How many files and folders were left out because they could not be
    /// read, vanished meanwhile, or have a name that is no `RelPath`.
    pub skipped: u64,
}

/// Stores every regular file below `root` and returns the manifest. Symbolic
/// links, pipes, sockets and devices are ignored; a manifest has no empty
/// folders. `limit` is the most files and folders that are taken.
///
/// # Errors
/// `TooManyFiles`, the folder cannot be read, or the store fails.
pub fn scan(root: &GrantedRoot, blobs: &BlobStore, limit: usize) -> Result<Scan, SnapshotError> {
    let options = WalkOptions { max_entries: limit, ..WalkOptions::default() };
    let mut walk = root.walk(None, options)?;
    let mut scan = Scan::default();
    for entry in walk.by_ref().filter(|entry| entry.info.kind == FileKind::File) {
        match root.open_with_info(&entry.path) {
            Ok((file, info)) => {
                let (hash, size) = blobs.put(file)?;
                let entry_of = FileEntry { hash, size, modified: info.modified };
                scan.manifest.files.insert(entry.path, entry_of);
            }
            Err(error @ SandboxError::Io { .. }) => return Err(error.into()),
            Err(_) => scan.skipped += 1,
        }
    }
    if walk.truncated() {
        return Err(SnapshotError::TooManyFiles { limit });
    }
    scan.skipped += walk.skipped();
    Ok(scan)
}
