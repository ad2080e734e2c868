//! The test's side of the tool that counts its calls.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;

use super::place::Place;
use super::wait::eventually;

/// Each call of the tool `file_list` of the probed edge writes its idempotency
/// key here, and then waits until the gate is open.
pub struct Probe {
    folder: PathBuf,
    place: Arc<Place>,
}

impl Probe {
    pub(super) fn new(place: &Arc<Place>) -> Result<Self> {
        let probe = Self { folder: place.folder("probe")?, place: Arc::clone(place) };
        probe.open()?;
        Ok(probe)
    }

    /// The folder, for the edge.
    #[must_use]
    pub fn folder(&self) -> String {
        self.folder.display().to_string()
    }

    /// Lets calls return.
    ///
    /// # Errors
    /// If the file system refuses.
    pub fn open(&self) -> Result<()> {
        let gate = self.folder.join("go");
        std::fs::write(&gate, "")?;
        self.place.give(&gate)
    }

    /// Lets calls wait.
    ///
    /// # Errors
    /// If the gate is closed already.
    pub fn close(&self) -> Result<()> {
        Ok(std::fs::remove_file(self.folder.join("go"))?)
    }

    /// The idempotency keys of all calls that began, in order.
    ///
    /// # Errors
    /// If the file system refuses.
    pub fn calls(&self) -> Result<Vec<String>> {
        match std::fs::read_to_string(self.folder.join("calls")) {
            Ok(text) => Ok(text.lines().map(str::to_owned).collect()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error.into()),
        }
    }

    /// Waits until `count` calls have begun.
    ///
    /// # Errors
    /// If they do not begin in time.
    pub async fn called(&self, count: usize) -> Result<()> {
        let what = format!("call {count} of the tool");
        eventually(&what, async || Ok((self.calls()?.len() >= count).then_some(()))).await
    }
}
