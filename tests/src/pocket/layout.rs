//! A workspace of the file of requests, as files in a folder.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use super::requests::Workspace;

/// Writes the files and folders of a workspace into an empty folder.
pub(crate) fn lay_out(workspace: &Workspace, folder: &Path) -> io::Result<()> {
    for inner in &workspace.folders {
        std::fs::create_dir_all(folder.join(inner.as_str()))?;
    }
    for file in &workspace.files {
        let path = folder.join(file.path.as_str());
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        let named =
            |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", file.path));
        let mut written = File::create_new(&path).map_err(named)?;
        written.write_all(file.text.as_bytes())?;
        let millis = u64::try_from(file.modified.millis()).map_err(|_| {
            io::Error::new(io::ErrorKind::InvalidInput, format!("{} is older than 1970", file.path))
        })?;
        written.set_modified(UNIX_EPOCH + Duration::from_millis(millis))?;
    }
    Ok(())
}
