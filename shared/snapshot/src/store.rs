//! Files by the hash of their content.
//!
//! ```text
//! lock        held shared while a store is open
//! tmp/…       content on its way in; what a crash leaves is removed at the next opening
//! aa/bb…      a blob: its hash in hexadecimal, mode 0444, mtime = last use
//! ```

use std::collections::BTreeSet;
use std::fmt;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use agentos_domain::{BlobHash, Clock, FileEntry, SystemClock, Timestamp};
use cap_std::ambient_authority;
use cap_std::fs::{
    Dir, File, MetadataExt, OpenOptions, OpenOptionsExt, Permissions, PermissionsExt,
};
use nix::sys::stat::futimens;
use nix::sys::time::TimeSpec;

use crate::SnapshotError;

const TEMPORARY: &str = "tmp";
const CHUNK: usize = 64 * 1024;

/// A folder of blobs. Several may be open on one folder, in one process or in
/// several.
pub struct BlobStore {
    dir: Dir,
    clock: Arc<dyn Clock>,
    /// Held until the store is dropped: nobody else cleans up meanwhile.
    _lock: std::fs::File,
}

/// A blob as the store lists it.
struct Stored {
    path: String,
    size: u64,
    used_millis: i64,
}

fn path_of(hash: &BlobHash) -> String {
    let hex = hash.to_string();
    let (folder, file) = hex.split_at(2);
    format!("{folder}/{file}")
}

/// As the system takes it. `TimeSpec::milliseconds` panics beyond 2262.
fn time_spec(time: Timestamp) -> TimeSpec {
    let millis = time.millis();
    TimeSpec::new(millis.div_euclid(1000), millis.rem_euclid(1000) * 1_000_000)
}

fn sync_folder(dir: &Dir, path: &str) -> io::Result<()> {
    // The handle of a `Dir` cannot be synced: open the folder for reading.
    dir.open(path)?.sync_all()
}

impl BlobStore {
    /// Opens the store in the folder `dir`, which is created if it is absent.
    ///
    /// # Errors
    /// The folder cannot be created, read or locked.
    pub fn open(dir: &Path) -> Result<Self, SnapshotError> {
        Self::open_with_clock(dir, Arc::new(SystemClock))
    }

    /// Like [`BlobStore::open`], with the clock that says when a blob was
    /// last used.
    ///
    /// # Errors
    /// As [`BlobStore::open`].
    pub fn open_with_clock(dir: &Path, clock: Arc<dyn Clock>) -> Result<Self, SnapshotError> {
        let fail = SnapshotError::io("open the blob store");
        Dir::create_ambient_dir_all(dir, ambient_authority()).map_err(&fail)?;
        let dir = Dir::open_ambient_dir(dir, ambient_authority()).map_err(&fail)?;
        dir.create_dir_all(TEMPORARY).map_err(&fail)?;
        let lock = lock(&dir).map_err(&fail)?;
        Ok(Self { dir, clock, _lock: lock })
    }

    /// Whether the store has the blob.
    #[must_use]
    pub fn has(&self, hash: &BlobHash) -> bool {
        self.path_len(hash).is_some()
    }

    /// The size in bytes of the blob's file; `None` if the store lacks it.
    #[must_use]
    pub fn path_len(&self, hash: &BlobHash) -> Option<u64> {
        self.dir.metadata(path_of(hash)).ok().map(|metadata| metadata.len())
    }

    /// Opens a blob for reading and counts that as a use.
    ///
    /// # Errors
    /// `Missing`, or the disk's error.
    pub fn open_blob(&self, hash: &BlobHash) -> Result<std::fs::File, SnapshotError> {
        let file = self.dir.open(path_of(hash)).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => SnapshotError::Missing { hashes: vec![*hash] },
            _ => SnapshotError::Io { action: "open a blob", source: error },
        })?;
        let file = file.into_std();
        self.touch(&file);
        Ok(file)
    }

    /// Stores what `content` yields, durably, and returns its hash and size.
    /// Content that the store already has is kept once.
    ///
    /// # Errors
    /// `content` or the disk fails.
    pub fn put(&self, content: impl Read) -> Result<(BlobHash, u64), SnapshotError> {
        let arrived = self.receive(content)?;
        let known = (arrived.hash, arrived.size);
        self.keep(arrived)?;
        Ok(known)
    }

    /// Stores what `content` yields if it has the hash `expected`, and returns
    /// its size.
    ///
    /// # Errors
    /// `HashMismatch`: nothing was stored. Or `content` or the disk fails.
    pub fn put_expected(
        &self,
        expected: &BlobHash,
        content: impl Read,
    ) -> Result<u64, SnapshotError> {
        let arrived = self.receive(content)?;
        if arrived.hash != *expected {
            return Err(SnapshotError::HashMismatch { expected: *expected, actual: arrived.hash });
        }
        let size = arrived.size;
        self.keep(arrived)?;
        Ok(size)
    }

    /// Bytes of all blobs together. Reads the whole store's folders.
    ///
    /// # Errors
    /// The disk fails.
    pub fn usage(&self) -> Result<u64, SnapshotError> {
        let blobs = self.list().map_err(SnapshotError::io("list the blob store"))?;
        Ok(blobs.iter().map(|blob| blob.size).sum())
    }

    /// Removes blobs, the least recently used first, until at most `bytes`
    /// remain, and returns how many bytes were freed. Trees that were built
    /// from them stay whole: they hold copies.
    ///
    /// # Errors
    /// The disk fails.
    pub fn evict_to(&self, bytes: u64) -> Result<u64, SnapshotError> {
        self.evict_but(bytes, &BTreeSet::new())
    }

    /// Like [`BlobStore::evict_to`], but the blobs `kept` stay.
    ///
    /// # Errors
    /// The disk fails.
    pub fn evict_but(&self, bytes: u64, kept: &BTreeSet<BlobHash>) -> Result<u64, SnapshotError> {
        let kept: BTreeSet<_> = kept.iter().map(path_of).collect();
        let fail = SnapshotError::io("evict blobs");
        let mut blobs = self.list().map_err(&fail)?;
        let mut used: u64 = blobs.iter().map(|blob| blob.size).sum();
        blobs.sort_by(|a, b| (a.used_millis, &a.path).cmp(&(b.used_millis, &b.path)));
        let mut freed = 0;
        for blob in blobs.iter().filter(|blob| !kept.contains(&blob.path)) {
            if used <= bytes {
                break;
            }
            match self.dir.remove_file(&blob.path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(fail(error)),
                _ => {}
            }
            used -= blob.size;
            freed += blob.size;
        }
        Ok(freed)
    }

    /// Puts a copy of the blob of `entry` at `path` below `target`, with its
    /// own time: that of the entry, or now where it is unknown. The copy
    /// shares its blocks with the blob where the file system can.
    pub(crate) fn place(
        &self,
        entry: &FileEntry,
        target: &Dir,
        path: &str,
    ) -> Result<(), SnapshotError> {
        let fail = SnapshotError::io("copy a blob");
        drop(self.open_blob(&entry.hash)?);
        // Copying replaces what is there: on a file system that ignores case
        // that would be another file of the tree.
        if target.symlink_metadata(path).is_ok() {
            return Err(fail(io::ErrorKind::AlreadyExists.into()));
        }
        self.dir.copy(path_of(&entry.hash), target, path).map_err(|error| match error.kind() {
            // Evicted since it was opened.
            io::ErrorKind::NotFound => SnapshotError::Missing { hashes: vec![entry.hash] },
            _ => fail(error),
        })?;
        let file = target.open(path).map_err(&fail)?;
        // Whatever the blob's file or the process's mask says.
        file.set_permissions(Permissions::from_mode(0o444)).map_err(&fail)?;
        let time = time_spec(entry.known_time().unwrap_or_else(|| self.clock.now()));
        futimens(&file, &time, &time).map_err(|errno| fail(errno.into()))
    }

    /// Notes that the blob was used. Failing to is no reason to fail the use.
    fn touch(&self, file: &std::fs::File) {
        let now = time_spec(self.clock.now());
        if let Err(error) = futimens(file, &now, &now) {
            tracing::debug!(%error, "cannot note the use of a blob");
        }
    }

    fn receive(&self, mut content: impl Read) -> Result<Arrived<'_>, SnapshotError> {
        let (file, path) = self.temporary().map_err(SnapshotError::io("create a blob"))?;
        let mut arrived =
            Arrived { dir: &self.dir, path, file, hash: BlobHash::from_bytes([0; 32]), size: 0 };
        let mut hasher = blake3::Hasher::new();
        let mut buffer = vec![0; CHUNK];
        loop {
            let length = match content.read(&mut buffer) {
                Ok(0) => break,
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(source) => {
                    return Err(SnapshotError::Io { action: "read the content", source });
                }
            };
            let chunk = buffer.get(..length).unwrap_or_default();
            hasher.update(chunk);
            arrived.file.write_all(chunk).map_err(SnapshotError::io("write a blob"))?;
            arrived.size += chunk.len() as u64;
        }
        arrived.hash = BlobHash::from_bytes(*hasher.finalize().as_bytes());
        Ok(arrived)
    }

    fn temporary(&self) -> io::Result<(File, String)> {
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        loop {
            let number = COUNTER.fetch_add(1, Ordering::Relaxed);
            let path = format!("{TEMPORARY}/{}-{number}", std::process::id());
            match self.dir.open_with(&path, &options) {
                // Left by a crashed process of the same number: the next is free.
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                result => return result.map(|file| (file, path)),
            }
        }
    }

    /// Gives a blob that arrived whole its name, durably.
    fn keep(&self, arrived: Arrived<'_>) -> Result<(), SnapshotError> {
        // A file of another length is damaged and gets replaced.
        if self.path_len(&arrived.hash) == Some(arrived.size) {
            self.open_blob(&arrived.hash)?;
            return Ok(());
        }
        self.rename(arrived).map_err(SnapshotError::io("store a blob"))
    }

    fn rename(&self, arrived: Arrived<'_>) -> io::Result<()> {
        let path = path_of(&arrived.hash);
        let folder = path.get(..2).unwrap_or_default();
        arrived.file.set_permissions(Permissions::from_mode(0o444))?;
        let file = arrived.file.try_clone()?.into_std();
        self.touch(&file);
        file.sync_all()?;
        match self.dir.create_dir(folder) {
            Ok(()) => sync_folder(&self.dir, ".")?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
        self.dir.rename(&arrived.path, &self.dir, &path)?;
        sync_folder(&self.dir, folder)
    }

    fn list(&self) -> io::Result<Vec<Stored>> {
        let mut blobs = Vec::new();
        for folder in self.dir.entries()? {
            let folder = folder?.file_name().to_string_lossy().into_owned();
            if folder.len() != 2 {
                continue;
            }
            for entry in self.dir.read_dir(&folder)? {
                let entry = entry?;
                let name = entry.file_name().to_string_lossy().into_owned();
                if format!("{folder}{name}").parse::<BlobHash>().is_err() {
                    continue;
                }
                // Evicted by another meanwhile: no longer there.
                let Ok(metadata) = entry.metadata() else { continue };
                blobs.push(Stored {
                    path: format!("{folder}/{name}"),
                    size: metadata.len(),
                    used_millis: metadata.mtime() * 1000 + metadata.mtime_nsec() / 1_000_000,
                });
            }
        }
        Ok(blobs)
    }
}

impl fmt::Debug for BlobStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlobStore").field("dir", &self.dir).finish_non_exhaustive()
    }
}

/// The shared lock of an open store. Whoever finds itself alone first removes
/// what a crash left half-written.
fn lock(dir: &Dir) -> io::Result<std::fs::File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).mode(0o600);
    let lock = dir.open_with("lock", &options)?.into_std();
    if lock.try_lock().is_ok() {
        for entry in dir.read_dir(TEMPORARY)? {
            entry?.remove_file()?;
        }
    }
    // Held exclusively for the moment of a clean-up only.
    lock.lock_shared()?;
    Ok(lock)
}

/// Content on its way in; its file goes away unless it gets renamed.
struct Arrived<'a> {
    dir: &'a Dir,
    path: String,
    file: File,
    hash: BlobHash,
    size: u64,
}

impl Drop for Arrived<'_> {
    fn drop(&mut self) {
        // After a rename there is nothing of that name: that is fine.
        let _ = self.dir.remove_file(&self.path);
    }
}
