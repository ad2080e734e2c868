//! How much disk a program uses.

use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Limits;

const PERIOD: Duration = Duration::from_millis(200);
/// Bytes of a block of `st_blocks`.
const BLOCK: u64 = 512;

/// Returns when the folders hold more than the limits allow.
pub(super) async fn exceeded(folders: Vec<PathBuf>, limits: &Limits) {
    let (disk, files) = (limits.disk, limits.files);
    loop {
        tokio::time::sleep(PERIOD).await;
        let folders = folders.clone();
        let look = move || Usage { disk, files }.fit(&folders);
        // A look that breaks down tells nothing: the next one will.
        if tokio::task::spawn_blocking(look).await.is_ok_and(|fits| !fits) {
            return;
        }
    }
}

/// What is left.
struct Usage {
    disk: u64,
    files: u64,
}

impl Usage {
    fn fit(mut self, folders: &[PathBuf]) -> bool {
        folders.iter().all(|folder| self.take(folder))
    }

    /// Takes what lies in a folder from what is left; false where that is not
    /// enough. A folder that is shut to us could hold anything: that is too much.
    fn take(&mut self, folder: &Path) -> bool {
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => return error.kind() != ErrorKind::PermissionDenied,
        };
        for entry in entries.flatten() {
            let Ok(metadata) = entry.metadata() else { continue };
            let size = metadata.blocks().saturating_mul(BLOCK);
            let left = (self.disk.checked_sub(size), self.files.checked_sub(1));
            let (Some(disk), Some(files)) = left else { return false };
            (self.disk, self.files) = (disk, files);
            if metadata.is_dir() && !self.take(&entry.path()) {
                return false;
            }
        }
        true
    }
}
