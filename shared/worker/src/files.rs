//! The files of a run: a copy of its snapshot, from a cache. Calls that only
//! read share one that is read-only. A call that may write gets one in which it
//! can; what it changed is taken from there, and the folder is thrown away: the
//! next call finds what every other executor would find.

#![expect(
    clippy::disallowed_methods,
    reason = "the folders of runs are the worker's own; what is in them is opened through GrantedRoot"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use agentos_domain::{BlobHash, Changeset, Manifest};
use agentos_proto::v1::FetchingFiles;
use agentos_proto::v1::run_event::Event;
use agentos_sandbox::GrantedRoot;
use agentos_snapshot::{BlobStore, SnapshotError};
use tokio_util::io::SyncIoBridge;

use crate::attempts::Attempt;
use crate::blocking::Blocking;
use crate::error::WorkerError;
use crate::hub::Hub;

/// How often a file is fetched before the run gives up.
const FETCH_TRIES: u32 = 5;

fn failed(error: impl std::fmt::Display) -> WorkerError {
    WorkerError::Files(error.to_string())
}

/// Where runs find their files.
pub(crate) struct RunFiles {
    cache: Arc<BlobStore>,
    cache_limit: u64,
    runs: PathBuf,
    blocking: Blocking,
    pins: Arc<Pins>,
    /// How many folders were laid out.
    folders: AtomicU64,
}

/// Contents that stay in the cache, for the hub may not have them yet.
#[derive(Default)]
struct Pins {
    counted: Mutex<BTreeMap<BlobHash, usize>>,
    /// Held shared while contents come that are to be pinned, alone while the
    /// cache is made smaller.
    gate: RwLock<()>,
}

impl Pins {
    fn counted(&self) -> MutexGuard<'_, BTreeMap<BlobHash, usize>> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pin(self: &Arc<Self>, changes: &Changeset) -> Pinned {
        let hashes: Vec<_> = changes.contents().into_keys().collect();
        let mut counted = self.counted();
        for hash in &hashes {
            *counted.entry(*hash).or_default() += 1;
        }
        Pinned { pins: Arc::clone(self), hashes }
    }
}

/// Contents that stay in the cache until this is dropped.
pub(crate) struct Pinned {
    pins: Arc<Pins>,
    hashes: Vec<BlobHash>,
}

impl Drop for Pinned {
    fn drop(&mut self) {
        let mut counted = self.pins.counted();
        for hash in &self.hashes {
            match counted.get_mut(hash) {
                Some(count) if *count > 1 => *count -= 1,
                _ => drop(counted.remove(hash)),
            }
        }
    }
}

/// The files of one run; the folder goes when this is dropped.
pub(crate) struct RunFolder {
    pub(crate) root: Arc<GrantedRoot>,
    path: PathBuf,
}

impl Drop for RunFolder {
    fn drop(&mut self) {
        if let Err(error) = remove_tree(&self.path) {
            tracing::warn!(%error, "could not remove the folder of a run");
        }
    }
}

fn remove_tree(path: &Path) -> std::io::Result<()> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            open_folders(path)?;
            std::fs::remove_dir_all(path)
        }
        result => result,
    }
}

/// A tool may have shut its folders even to us.
fn open_folders(path: &Path) -> std::io::Result<()> {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700))?;
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        // That of a link is not that of a folder.
        if entry.file_type()?.is_dir() {
            open_folders(&entry.path())?;
        }
    }
    Ok(())
}

impl RunFiles {
    /// Uses `dir` for the cache and for the folders of runs; folders that an
    /// earlier process left are removed.
    pub(crate) fn open(
        dir: &Path,
        cache_limit: u64,
        blocking: Blocking,
    ) -> Result<Self, WorkerError> {
        let runs = dir.join("runs");
        remove_tree(&runs).map_err(failed)?;
        std::fs::create_dir_all(&runs).map_err(failed)?;
        // Programs are confined to real paths.
        let runs = runs.canonicalize().map_err(failed)?;
        let cache = Arc::new(BlobStore::open(&dir.join("blobs")).map_err(failed)?);
        let (pins, folders) = (Arc::default(), AtomicU64::new(0));
        Ok(Self { cache, cache_limit, runs, blocking, pins, folders })
    }

    /// Fetches what is missing and lays the snapshot out.
    pub(crate) async fn lay_out(
        &self,
        attempt: &Attempt,
        manifest: &Arc<Manifest>,
        hub: &dyn Hub,
    ) -> Result<RunFolder, WorkerError> {
        self.fetch_missing(attempt, manifest, hub).await?;
        // What an earlier call left running may still write to its own folder.
        let number = self.folders.fetch_add(1, Ordering::Relaxed);
        let path = self.runs.join(format!("{}-{number}", attempt.id));
        let (cache, target) = (Arc::clone(&self.cache), path.clone());
        let (limit, manifest) = (self.cache_limit, Arc::clone(manifest));
        let pins = Arc::clone(&self.pins);
        let lay_out = move || {
            let laid_out = agentos_snapshot::materialise(&manifest, &cache, &target)
                .map_err(failed)
                .and_then(|()| GrantedRoot::grant(&target).map_err(failed));
            if laid_out.is_err() {
                remove_tree(&target).map_err(failed)?;
            }
            // A full cache is no reason to fail a run.
            let alone = pins.gate.write().unwrap_or_else(PoisonError::into_inner);
            let kept: BTreeSet<_> = pins.counted().keys().copied().collect();
            let evicted = cache.evict_but(limit, &kept);
            drop(alone);
            if let Err(error) = evicted {
                tracing::warn!(%error, "could not make room in the cache of files");
            }
            laid_out
        };
        let root = self.blocking.run(lay_out).await??;
        Ok(RunFolder { root: Arc::new(root), path })
    }

    /// Does work on files where it keeps nothing else waiting.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, WorkerError> {
        self.blocking.run(work).await
    }

    /// Lets a call write in a folder.
    pub(crate) async fn make_writable(
        &self,
        folder: &RunFolder,
        manifest: &Arc<Manifest>,
    ) -> Result<(), WorkerError> {
        let (path, manifest) = (folder.path.clone(), Arc::clone(manifest));
        let open = move || agentos_snapshot::make_writable(&manifest, &path);
        self.blocking.run(open).await?.map_err(failed)
    }

    /// What a call changed in a folder, which is thrown away. The inner error
    /// says why that cannot be taken.
    pub(crate) async fn take_changes(
        &self,
        folder: RunFolder,
        manifest: &Arc<Manifest>,
    ) -> Result<Result<(Changeset, Pinned), SnapshotError>, WorkerError> {
        let (cache, pins) = (Arc::clone(&self.cache), Arc::clone(&self.pins));
        let manifest = Arc::clone(manifest);
        let take = move || {
            let _with_others = pins.gate.read().unwrap_or_else(PoisonError::into_inner);
            let changes = agentos_snapshot::diff(&folder.root, &manifest, &cache)?;
            let pinned = pins.pin(&changes);
            Ok((changes, pinned))
        };
        self.blocking.run(take).await
    }

    /// Keeps what an earlier process wrote and the hub may not have.
    pub(crate) fn pin(&self, changes: &Changeset) -> Pinned {
        self.pins.pin(changes)
    }

    /// Brings content to the hub.
    pub(crate) async fn upload(
        &self,
        attempt: &Attempt,
        hash: &BlobHash,
        size: u64,
        hub: &dyn Hub,
    ) -> Result<(), WorkerError> {
        let open = || {
            // Without it the result cannot be told. The hub gives the run to
            // somebody who makes the call again, or asks a person.
            self.cache.open_blob(hash).map_err(|error| WorkerError::Spool(error.to_string()))
        };
        hub.put(attempt, hash, size, &open).await
    }

    async fn fetch_missing(
        &self,
        attempt: &Attempt,
        manifest: &Manifest,
        hub: &dyn Hub,
    ) -> Result<(), WorkerError> {
        let missing = agentos_snapshot::missing(manifest, &self.cache);
        if missing.is_empty() {
            return Ok(());
        }
        let bytes = missing.iter().map(|entry| entry.size).sum();
        attempt.events.push(Event::Fetching(FetchingFiles { bytes }));
        for entry in missing {
            let mut tries = 1;
            while let Err(error) = self.fetch_one(attempt, &entry.hash, hub).await {
                if tries == FETCH_TRIES {
                    return Err(error);
                }
                tracing::warn!(task = %attempt.task, %error, "fetching a file again");
                tries += 1;
            }
        }
        Ok(())
    }

    async fn fetch_one(
        &self,
        attempt: &Attempt,
        hash: &BlobHash,
        hub: &dyn Hub,
    ) -> Result<(), WorkerError> {
        let content = hub.fetch(attempt, hash).await?;
        let (cache, hash) = (Arc::clone(&self.cache), *hash);
        let reader = SyncIoBridge::new(content);
        let keep = move || cache.put_expected(&hash, reader);
        self.blocking.run(keep).await?.map_err(failed)?;
        agentos_faults::crash_point("edge.file.fetched");
        Ok(())
    }
}
