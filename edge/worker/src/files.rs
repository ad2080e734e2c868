//! The files of a run: a read-only copy of its snapshot, from a cache.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use agentos_domain::{BlobHash, Manifest};
use agentos_proto::v1::FetchingFiles;
use agentos_proto::v1::run_event::Event;
use agentos_sandbox::GrantedRoot;
use agentos_snapshot::BlobStore;
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
        result => result,
    }
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
        let cache = Arc::new(BlobStore::open(&dir.join("blobs")).map_err(failed)?);
        Ok(Self { cache, cache_limit, runs, blocking })
    }

    /// Fetches what is missing and lays the snapshot out.
    pub(crate) async fn lay_out(
        &self,
        attempt: &Attempt,
        manifest: Manifest,
        hub: &dyn Hub,
    ) -> Result<RunFolder, WorkerError> {
        self.fetch_missing(attempt, &manifest, hub).await?;
        let path = self.runs.join(attempt.id.to_string());
        let (cache, target) = (Arc::clone(&self.cache), path.clone());
        let limit = self.cache_limit;
        let lay_out = move || {
            let laid_out = agentos_snapshot::materialise(&manifest, &cache, &target)
                .map_err(failed)
                .and_then(|()| GrantedRoot::grant(&target).map_err(failed));
            if laid_out.is_err() {
                remove_tree(&target).map_err(failed)?;
            }
            // A full cache is no reason to fail a run.
            if let Err(error) = cache.evict_to(limit) {
                tracing::warn!(%error, "could not make room in the cache of files");
            }
            laid_out
        };
        let root = self.blocking.run(lay_out).await??;
        Ok(RunFolder { root: Arc::new(root), path })
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
