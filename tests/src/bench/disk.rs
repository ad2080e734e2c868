//! What the disk itself takes to make a little data durable.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use agentos_domain::Clock;

use super::error::BenchError;
use super::stats::Samples;

/// About the size of a step.
const BYTES: [u8; 512] = [0x5A; 512];

/// Appends to a file beside the database. On macOS its sync goes through to
/// the drive, as that of the database does.
pub(crate) struct Disk {
    path: PathBuf,
    file: Arc<File>,
    clock: Arc<dyn Clock>,
    samples: Samples,
}

impl Disk {
    pub(crate) fn open(folder: &Path, clock: Arc<dyn Clock>) -> Result<Self, BenchError> {
        let path = folder.join("fsync.probe");
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .map_err(|reason| BenchError::Folder { path: path.clone(), reason })?;
        Ok(Self { path, file: Arc::new(file), clock, samples: Samples::default() })
    }

    /// What was measured since the last call, in milliseconds.
    pub(crate) fn take(&mut self) -> Samples {
        std::mem::take(&mut self.samples)
    }

    /// Appends and syncs `times` times.
    pub(crate) async fn probe(&mut self, times: usize) -> Result<(), BenchError> {
        let (file, clock) = (Arc::clone(&self.file), Arc::clone(&self.clock));
        let work = move || {
            let mut samples = Samples::default();
            for _ in 0..times {
                let start = clock.monotonic();
                (&*file).write_all(&BYTES)?;
                file.sync_data()?;
                samples.push_ms(clock.monotonic().saturating_sub(start));
            }
            Ok(samples)
        };
        let failed = |reason| BenchError::Folder { path: self.path.clone(), reason };
        let result = tokio::task::spawn_blocking(work).await;
        let samples = result.map_err(|error| failed(std::io::Error::other(error)))?;
        self.samples.extend(&samples.map_err(failed)?);
        Ok(())
    }
}
