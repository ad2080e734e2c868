//! As whom programs run.

use std::io;
use std::os::unix::fs::lchown;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Users for programs of a worker that runs as root: one for each program that
/// runs at the same time. They own nothing and log in nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserRange {
    /// The first uid, and gid.
    pub first: u32,
    /// How many; so many programs run at once.
    pub count: u32,
}

impl Default for UserRange {
    /// Numbers that no distribution gives to anybody.
    fn default() -> Self {
        Self { first: 0x6A00_0000, count: 32 }
    }
}

/// Who may run programs.
#[derive(Debug)]
pub(super) enum Identities {
    /// The worker's own user.
    Own,
    /// Users of a range, each for one program at a time.
    Pool(Arc<Pool>),
}

#[derive(Debug)]
pub(super) struct Pool {
    free: Mutex<Vec<u32>>,
    permits: Arc<Semaphore>,
}

/// A user that nobody else runs programs as until this is dropped.
#[derive(Debug)]
pub(super) struct Lent {
    pub(super) uid: u32,
    pool: Arc<Pool>,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.pool.free.lock().unwrap_or_else(PoisonError::into_inner).push(self.uid);
    }
}

impl Identities {
    /// Users of `range` where this process is root, else its own.
    pub(super) fn new(range: UserRange) -> Self {
        if !nix::unistd::geteuid().is_root() {
            return Self::Own;
        }
        let users = range.first..range.first.saturating_add(range.count.max(1));
        let permits = Arc::new(Semaphore::new(users.len()));
        Self::Pool(Arc::new(Pool { free: Mutex::new(users.rev().collect()), permits }))
    }

    /// Waits until one is free; `None` is the worker's own.
    pub(super) async fn take(&self) -> io::Result<Option<Lent>> {
        let Self::Pool(pool) = self else { return Ok(None) };
        let permit = Arc::clone(&pool.permits).acquire_owned().await.map_err(io::Error::other)?;
        let uid = pool.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let uid = uid.ok_or_else(|| io::Error::other("no user is free"))?;
        Ok(Some(Lent { uid, pool: Arc::clone(pool), _permit: permit }))
    }
}

/// Gives a folder and all that is in it to a user. Links are not followed.
pub(super) fn give(path: &Path, uid: u32) -> io::Result<()> {
    if path.symlink_metadata()?.is_dir() {
        for entry in std::fs::read_dir(path)? {
            give(&entry?.path(), uid)?;
        }
    }
    lchown(path, Some(uid), Some(uid))
}

/// The processes and threads of this process's user, for the limit of
/// processes counts them all.
pub(super) fn tasks_of_own_user() -> io::Result<u64> {
    let uid = nix::unistd::geteuid().as_raw().to_string();
    let mut tasks = 0;
    for entry in std::fs::read_dir("/proc")? {
        let entry = entry?;
        if !entry.file_name().to_string_lossy().bytes().all(|byte| byte.is_ascii_digit()) {
            continue;
        }
        // It may have ended meanwhile.
        let status = std::fs::read_to_string(entry.path().join("status")).unwrap_or_default();
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|values| values.split_whitespace().next())
        };
        if field("Uid:") == Some(uid.as_str()) {
            tasks += field("Threads:").and_then(|count| count.parse::<u64>().ok()).unwrap_or(1);
        }
    }
    Ok(tasks)
}
