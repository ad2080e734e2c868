//! Where programs keep their data.

use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

/// `$XDG_DATA_HOME/agentos/NAME`, or the usual place below the home folder.
#[must_use]
pub fn default_data_dir(name: &str) -> PathBuf {
    let base = std::env::var_os("XDG_DATA_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::home_dir().map(|home| home.join(".local/share")))
        .unwrap_or_else(|| PathBuf::from("."));
    base.join("agentos").join(name)
}

/// The folder of this program, where those are that belong to it. Where the
/// system does not tell it, the root, and never the current folder: a program
/// that lies there may be anybody's.
#[must_use]
pub fn own_folder() -> PathBuf {
    let program = std::env::current_exe().ok();
    let folder = program.as_deref().and_then(Path::parent);
    folder.unwrap_or(Path::new("/")).to_owned()
}

/// Makes a folder that only its owner can enter, where it is missing.
///
/// # Errors
/// Where it cannot be made.
pub fn create_private(path: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}
