//! The machine as a case finds it: a run's folder, and beside it what is none
//! of the run's business though its user could use it.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use tempfile::TempDir;

use crate::CANARY;

/// The user that programs run as where the tests are root.
pub const UID: u32 = 0x6A00_0000;

/// The folders of a case. Everything is open to the program's user: what holds
/// an attack back is the sandbox and not the rights of files.
#[derive(Debug)]
pub struct Place {
    _temp: TempDir,
    /// The run's folder.
    pub workspace: PathBuf,
    /// None of its business.
    pub outside: PathBuf,
    /// For temporary files of programs.
    pub scratch: PathBuf,
    /// Programs that it may execute: the attacker's.
    pub programs: PathBuf,
    /// The launcher, where the program's user reaches it.
    pub launcher: PathBuf,
}

/// Whether the tests are root, and programs run as [`UID`].
#[must_use]
pub fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// Where the programs of this build lie.
#[derive(Debug, Clone)]
pub struct Built {
    /// The launcher.
    pub launcher: PathBuf,
    /// The attacker.
    pub probe: PathBuf,
}

impl Built {
    /// The programs beside this one.
    ///
    /// # Errors
    /// They were not built.
    pub fn beside() -> Result<Self> {
        let builds = "cargo build --package agentos-escape";
        let find = |name| agentos_process::program(None, name, builds);
        Ok(Self { launcher: find("launcher-under-test")?, probe: find("escape-probe")? })
    }
}

fn open_folder(path: &Path) -> Result<()> {
    fs::create_dir(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o777))?;
    Ok(())
}

impl Place {
    /// A new one.
    ///
    /// # Errors
    /// The disk's error.
    pub fn new(built: &Built) -> Result<Self> {
        let temp = TempDir::with_prefix("agentos-escape-")?;
        fs::set_permissions(temp.path(), fs::Permissions::from_mode(0o777))?;
        let base = temp.path().canonicalize()?;
        let path = |name: &str| base.join(name);
        let place = Self {
            workspace: path("ws"),
            outside: path("outside"),
            scratch: path("scratch"),
            programs: path("programs"),
            launcher: path("launcher"),
            _temp: temp,
        };
        let folders = [&place.workspace, &place.outside, &place.scratch, &place.programs];
        folders.into_iter().try_for_each(|folder| open_folder(folder))?;
        for folder in ["temp", "outputs", "skills", "memory"] {
            open_folder(&place.workspace.join(folder))?;
        }
        fs::write(place.workspace.join("skills/own.py"), "print('own skill')\n")?;
        fs::write(place.workspace.join("memory/notes.txt"), "b\na\nc\n")?;
        fs::write(place.outside.join("secret.txt"), CANARY)?;
        fs::write(place.outside.join("victim"), "unharmed")?;
        for file in [place.outside.join("victim"), place.workspace.join("skills/own.py")] {
            fs::set_permissions(&file, fs::Permissions::from_mode(0o666))?;
            if is_root() {
                chown(&file, Some(UID), Some(UID))?;
            }
        }
        for (from, to) in [(&built.launcher, &place.launcher), (&built.probe, &place.probe())] {
            fs::copy(from, to).with_context(|| format!("copying {}", from.display()))?;
        }
        Ok(place)
    }

    /// The attacker's program.
    #[must_use]
    pub fn probe(&self) -> PathBuf {
        self.programs.join("probe")
    }

    /// A file outside.
    #[must_use]
    pub fn out(&self, name: &str) -> String {
        self.outside.join(name).display().to_string()
    }

    /// Whether the victim is as it was.
    #[must_use]
    pub fn victim_is_unharmed(&self) -> bool {
        fs::read(self.outside.join("victim")).is_ok_and(|content| content == b"unharmed")
    }
}
