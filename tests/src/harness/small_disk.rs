//! A disk that can be filled.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

/// A small disk in memory, gone with its owner.
pub struct SmallDisk {
    /// Where it is.
    pub folder: PathBuf,
}

impl SmallDisk {
    /// Mounts one of so many MiB over a folder.
    ///
    /// # Errors
    /// If this machine or this user cannot have one.
    pub fn mount(folder: PathBuf, owner: u32, mebibytes: u32) -> Result<Self> {
        let options = format!("size={mebibytes}m,mode=0700,uid={owner},gid={owner}");
        let output = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "agentos-small-disk"])
            .arg(&folder)
            .output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "mount: {}", said.trim());
        Ok(Self { folder })
    }

    /// Takes all the space that is left; deleting the file gives it back.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn fill(&self) -> Result<PathBuf> {
        let path = self.folder.join("filler");
        let mut file = std::fs::File::create(&path)?;
        let block = [0; 4096];
        loop {
            match file.write_all(&block) {
                Ok(()) => {}
                Err(error) if error.kind() == std::io::ErrorKind::StorageFull => return Ok(path),
                Err(error) => return Err(error).context("cannot fill the disk"),
            }
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // A drop has nobody to tell.
        let _ = Command::new("umount").arg("--lazy").arg(&self.folder).status();
    }
}
