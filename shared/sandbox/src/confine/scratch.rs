//! The temporary folder of a call.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use agentos_domain::{Clock as _, SystemClock};

/// How often it is tried to remove a folder that a dying program still uses.
const TRIES: u32 = 500;
const PAUSE: Duration = Duration::from_millis(10);

/// Folders for temporary files, removed when this is dropped.
#[derive(Debug)]
pub(super) struct Scratch {
    path: PathBuf,
}

impl Scratch {
    pub(super) fn new(base: &Path) -> io::Result<Self> {
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        // Another process may have had this number, and left its folder.
        let began = SystemClock.now().millis();
        let path = base.join(format!("run-{}-{began}-{number}", std::process::id()));
        fs::create_dir(&path)?;
        // The program's user passes through.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
        let scratch = Self { path };
        for folder in [scratch.files(), scratch.shared_memory()] {
            fs::create_dir(&folder)?;
            fs::set_permissions(&folder, fs::Permissions::from_mode(0o700))?;
        }
        Ok(scratch)
    }

    /// The whole folder.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// For the program's temporary files.
    pub(super) fn files(&self) -> PathBuf {
        self.path.join("tmp")
    }

    /// For what the program's processes share by name.
    pub(super) fn shared_memory(&self) -> PathBuf {
        self.path.join("shm")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if remove(&self.path).is_ok() {
            return;
        }
        // What was killed a moment ago may still be writing there.
        let path = std::mem::take(&mut self.path);
        let again = move || {
            for _ in 0..TRIES {
                std::thread::sleep(PAUSE);
                if remove(&path).is_ok() {
                    return;
                }
            }
            tracing::warn!(path = %path.display(), "could not remove a temporary folder");
        };
        if let Err(error) = std::thread::Builder::new().name("scratch".into()).spawn(again) {
            tracing::warn!(%error, "could not remove a temporary folder");
        }
    }
}

/// Removes a tree; its owner may have shut folders even to us.
fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            open_folders(path)?;
            fs::remove_dir_all(path)
        }
        result => result,
    }
}

fn open_folders(path: &Path) -> io::Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(0o700))?;
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        // That of a link is not that of a folder.
        if entry.file_type()?.is_dir() {
            open_folders(&entry.path())?;
        }
    }
    Ok(())
}
