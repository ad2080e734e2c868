//! Where a run keeps everything.
//!
//! ```text
//! RUN/bin/            copies of the binaries, for users who cannot see the build
//! RUN/hub/            the hub's data, its own user's alone; admin.key
//! RUN/edge/           the edge's data, its own user's alone
//! RUN/hub.log edge.log
//! RUN/edge-joined     the edge has its certificate
//! RUN/lock            held while xtask runs
//! ```

use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::account::{self, Account};

/// The programs, and those that hub and edge look for beside themselves.
const BINARIES: [&str; 5] =
    ["agentos-hub", "agentos-edge", "agentos", "agentos-launcher", "agentos-document-parser"];

/// The folder of a run.
pub(crate) struct RunDir {
    root: PathBuf,
    /// Who the hub runs as.
    pub(crate) hub_user: Option<Account>,
    /// Who the edge runs as.
    pub(crate) edge_user: Option<Account>,
    _lock: File,
}

/// Which folder: `AGENT_OS_RUN_DIR`, else the system's for root, else the
/// user's.
pub(crate) fn choose(is_root: bool, env: &dyn Fn(&str) -> Option<OsString>) -> Result<PathBuf> {
    let path = |name: &str| env(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(given) = path("AGENT_OS_RUN_DIR") {
        return std::path::absolute(given).context("AGENT_OS_RUN_DIR is no path");
    }
    if is_root {
        return Ok(PathBuf::from("/var/lib/agentos/run"));
    }
    let share = path("XDG_DATA_HOME").filter(|share| share.is_absolute());
    let share = share.or_else(|| path("HOME").map(|home| home.join(".local").join("share")));
    let share = share.context("set HOME or AGENT_OS_RUN_DIR, so that there is a place for data")?;
    Ok(share.join("agentos").join("run"))
}

impl RunDir {
    /// Prepares the folder and takes it for this process alone.
    pub(crate) fn open() -> Result<Self> {
        let root = choose(account::is_root(), &|name| std::env::var_os(name))?;
        let what = || format!("cannot prepare {}: set AGENT_OS_RUN_DIR", root.display());
        fs::create_dir_all(root.join("bin")).with_context(what)?;
        let lock = File::create(root.join("lock")).with_context(what)?;
        if lock.try_lock().is_err() {
            bail!(
                "another `cargo xtask run` uses {}: end it, or set AGENT_OS_RUN_DIR",
                root.display()
            );
        }
        let hub_user = account::ensure("agentos-hub", 61_771)?;
        let edge_user = account::ensure("agentos-edge", 61_772)?;
        if hub_user.is_some()
            && let Some(closed) = account::first_closed(&root.join("bin"))
        {
            bail!(
                "the users of hub and edge cannot enter {closed}: \
                 `chmod o+x {closed}`, or set AGENT_OS_RUN_DIR to another place"
            );
        }
        account::private_dir(&root.join("hub"), hub_user)?;
        account::private_dir(&root.join("edge"), edge_user)?;
        Ok(Self { root, hub_user, edge_user, _lock: lock })
    }

    /// Copies the binaries from where they were built.
    pub(crate) fn install(&self, built: &Path) -> Result<()> {
        for name in BINARIES {
            let (from, to) = (built.join(name), self.binary(name));
            // A new file in its place: one that still runs cannot be written.
            let fresh = self.root.join("bin").join(format!(".{name}.new"));
            fs::copy(&from, &fresh)
                .and_then(|_| fs::set_permissions(&fresh, fs::Permissions::from_mode(0o755)))
                .and_then(|()| fs::rename(&fresh, &to))
                .with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
        }
        Ok(())
    }

    /// A binary.
    pub(crate) fn binary(&self, name: &str) -> PathBuf {
        self.root.join("bin").join(name)
    }

    /// The hub's data.
    pub(crate) fn hub(&self) -> PathBuf {
        self.root.join("hub")
    }

    /// The edge's data.
    pub(crate) fn edge(&self) -> PathBuf {
        self.root.join("edge")
    }

    /// The hub's admin key.
    pub(crate) fn admin_key(&self) -> PathBuf {
        self.hub().join("admin.key")
    }

    /// A log.
    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.root.join(format!("{name}.log"))
    }

    /// Stands where the edge has joined this hub.
    pub(crate) fn joined(&self) -> PathBuf {
        self.root.join("edge-joined")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_depends_on_who_runs_it() {
        let env = |name: &str| match name {
            "HOME" => Some(OsString::from("/home/a")),
            _ => None,
        };
        let path = |is_root| choose(is_root, &env).unwrap().display().to_string();
        assert_eq!(path(true), "/var/lib/agentos/run");
        assert_eq!(path(false), "/home/a/.local/share/agentos/run");
        let given = choose(true, &|_| Some(OsString::from("/x"))).unwrap();
        assert_eq!(given, PathBuf::from("/x"));
        assert!(choose(false, &|_| None).is_err());
    }
}
