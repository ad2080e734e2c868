//! Where a test keeps its folders, and as whom its processes run.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, Result};
use nix::unistd::{Gid, Uid};
use tempfile::TempDir;

/// `nobody` nearly everywhere; processes need no entry in the user database.
const UNPRIVILEGED: u32 = 65_534;

/// Lines of a log that are shown when a test fails.
const SHOWN_LINES: usize = 150;

/// A temporary folder that is gone with its owner. Where the test runs as
/// root, what it starts runs as an unprivileged user. The logs in it are shown
/// unless the test has said [`Place::passed`].
pub struct Place {
    folder: TempDir,
    user: Option<u32>,
    passed: AtomicBool,
}

impl Place {
    /// A new, empty one.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn new() -> Result<Self> {
        let user = is_root().then_some(UNPRIVILEGED);
        // Root's own folder for temporary files may be closed to others.
        let parent = if user.is_some() { PathBuf::from("/tmp") } else { std::env::temp_dir() };
        let folder = tempfile::Builder::new()
            .prefix("agentos-e2e-")
            .tempdir_in(&parent)
            .with_context(|| format!("no temporary folder in {}", parent.display()))?;
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755))?;
        Ok(Self { folder, user, passed: AtomicBool::new(false) })
    }

    /// The test is over and well: nothing needs to be shown.
    pub fn passed(&self) {
        self.passed.store(true, Ordering::SeqCst);
    }

    /// Copies all logs into `folder`, where they outlive this.
    ///
    /// # Errors
    /// If the file system refuses.
    pub fn keep_logs(&self, folder: &Path) -> Result<()> {
        std::fs::create_dir_all(folder)?;
        for log in self.logs() {
            let name = log.file_name().context("a log without a name")?;
            std::fs::copy(&log, folder.join(name))?;
        }
        Ok(())
    }

    fn logs(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.folder.path()).into_iter().flatten().flatten();
        let mut logs: Vec<_> = entries.map(|entry| entry.path()).collect();
        logs.retain(|path| path.extension().is_some_and(|extension| extension == "log"));
        logs.sort();
        logs
    }

    /// Shows the end of each log.
    fn show_logs(&self) {
        let mut error = std::io::stderr().lock();
        for log in self.logs() {
            let text = std::fs::read(&log).unwrap_or_default();
            let text = String::from_utf8_lossy(&text);
            let lines: Vec<_> = text.lines().collect();
            let end = lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n");
            let name = log.file_name().unwrap_or_default().display();
            // Nothing is left to do if even standard error is gone.
            let _ = writeln!(error, "---- {name} ----\n{end}\n----");
        }
    }

    /// The user that processes run as; `None` is the test's own.
    #[must_use]
    pub fn user(&self) -> Option<u32> {
        self.user
    }

    /// A path in it, whether something is there or not.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A folder that belongs to the user of the processes alone.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn folder(&self, name: &str) -> Result<PathBuf> {
        let path = self.path(name);
        std::fs::create_dir_all(&path)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700))?;
        self.give(&path)?;
        Ok(path)
    }

    /// A file that belongs to the user of the processes.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn file(&self, name: &str, content: &[u8]) -> Result<PathBuf> {
        let path = self.path(name);
        std::fs::write(&path, content)?;
        self.give(&path)?;
        Ok(path)
    }

    /// Gives a file or folder to the user of the processes.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn give(&self, path: &Path) -> Result<()> {
        if let Some(user) = self.user {
            nix::unistd::chown(path, Some(Uid::from_raw(user)), Some(Gid::from_raw(user)))
                .with_context(|| format!("cannot give {} away", path.display()))?;
        }
        Ok(())
    }

    /// A program where the user of the processes can reach it: build folders
    /// often lie below root's home.
    ///
    /// # Errors
    /// If it cannot be linked or copied.
    pub fn program(&self, program: &Path) -> Result<PathBuf> {
        if self.user.is_none() {
            return Ok(program.to_owned());
        }
        let name = program.file_name().context("a program without a name")?;
        let reachable = self.folder.path().join(name);
        if !reachable.exists() && std::fs::hard_link(program, &reachable).is_err() {
            std::fs::copy(program, &reachable)
                .with_context(|| format!("cannot copy {}", program.display()))?;
        }
        Ok(reachable)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.passed.load(Ordering::SeqCst) {
            self.show_logs();
        }
    }
}

fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// Says that a test is skipped. Always returns `true` for use in a condition:
/// `if missing && skip("no root") { return Ok(()) }`.
#[must_use]
pub fn skip(reason: &str) -> bool {
    note(&format!("skipped: {reason}"));
    true
}

/// Says something to those who read the test's output.
pub fn note(text: &str) {
    // Nothing is left to do if even standard error is gone.
    let _ = writeln!(std::io::stderr(), "{text}");
}
