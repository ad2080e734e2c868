//! What a run reports: to the spool, and to the hub.

use std::collections::BTreeMap;
use std::sync::Arc;

use agentos_domain::{BlobHash, Changeset, Entry, ErrorInfo, Journal, Manifest, RelPath};
use agentos_run::{Action, next};

use crate::error::WorkerError;
use crate::hub::Taken;
use crate::runner::{Bench, Outcome, Runner};

/// How many obstacles to one report are removed: content that the hub lacks,
/// names that others took.
const OBSTACLES: u32 = 32;

/// What an entry changed of the files, if anything.
fn changes_of(entry: &Entry) -> Option<&Changeset> {
    match entry {
        Entry::ToolResult { changes, .. } => Some(changes).filter(|changes| !changes.is_empty()),
        _ => None,
    }
}

fn apply(manifest: &mut Manifest, changes: &Changeset) -> Result<(), WorkerError> {
    manifest.apply(changes).map_err(|error| WorkerError::Malformed(error.to_string()))
}

impl Runner {
    pub(crate) async fn report_outcome(&mut self, outcome: Outcome) -> Result<(), WorkerError> {
        let entry = match outcome {
            Outcome::Entry(entry) => entry,
            Outcome::TimedOut => {
                let seconds = self.config.agent.timeout_seconds;
                let message = format!(
                    "the run took longer than {seconds} s: ask something smaller, or raise timeout_seconds"
                );
                Entry::Failed { error: ErrorInfo::new("timeout", message) }
            }
        };
        self.report(entry).await
    }

    /// Makes an entry durable, together with the entries that follow from it
    /// without anything happening in the world. Nothing follows from what
    /// announces a call but the call: to a journal that ends there, it looks
    /// as if its executor had been lost.
    pub(crate) async fn report(&mut self, entry: Entry) -> Result<(), WorkerError> {
        let announces = matches!(entry, Entry::ToolIntent { .. } | Entry::ToolRetry { .. });
        let first = self.journal.len();
        self.push(entry)?;
        if announces {
            self.deliver().await?;
            agentos_faults::crash_point("edge.intent.told");
            return self.keep_from(first).await;
        }
        while let Action::Record(entry) = next(&self.journal, &self.config) {
            self.push(entry)?;
        }
        // Where it cannot be kept, the hub is told all the same.
        let kept = self.keep_from(first).await;
        agentos_faults::crash_point("edge.result.kept");
        self.deliver().await?;
        kept
    }

    /// The entries of the journal after the first `count`.
    fn entries_from(&self, count: u64) -> &[Entry] {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        self.journal.entries().get(count..).unwrap_or_default()
    }

    /// Tells the hub what it does not have yet.
    pub(crate) async fn deliver(&mut self) -> Result<(), WorkerError> {
        for _ in 0..OBSTACLES {
            let fresh = std::mem::take(&mut self.to_upload);
            self.upload(fresh).await?;
            let new = self.entries_from(self.durable);
            if new.is_empty() {
                return Ok(());
            }
            match self.bench.hub.append(&self.attempt, self.durable + 1, new).await? {
                Taken::Durable => return self.delivered(),
                Taken::Missing(hashes) => {
                    let mut contents = BTreeMap::new();
                    new.iter().filter_map(changes_of).for_each(|c| contents.extend(c.contents()));
                    contents.retain(|hash, _| hashes.contains(hash));
                    self.to_upload = contents;
                }
                Taken::Conflicts(paths) => self.give_way(&paths).await?,
            }
        }
        Err(WorkerError::Refused("there is always another obstacle to a report".to_owned()))
    }

    async fn upload(&self, contents: BTreeMap<BlobHash, u64>) -> Result<(), WorkerError> {
        let Bench { files, hub, .. } = self.bench.as_ref();
        for (hash, size) in contents {
            files.upload(&self.attempt, &hash, size, hub.as_ref()).await?;
        }
        Ok(())
    }

    /// The hub has everything: the run's files move on.
    fn delivered(&mut self) -> Result<(), WorkerError> {
        let changes: Vec<_> =
            self.entries_from(self.durable).iter().filter_map(changes_of).cloned().collect();
        for changes in changes {
            apply(Arc::make_mut(&mut self.manifest), &changes)?;
        }
        self.durable = self.journal.len();
        self.pinned.clear();
        self.attempt.events.superseded(self.durable);
        Ok(())
    }

    /// Others' changes of files stay. What the run wrote is kept under other
    /// names: its last result, which the hub does not have, is written anew.
    async fn give_way(&mut self, paths: &[RelPath]) -> Result<(), WorkerError> {
        let durable = usize::try_from(self.durable).unwrap_or(usize::MAX);
        let mut entries = self.journal.entries().to_vec();
        let mut manifest = Manifest::clone(&self.manifest);
        let last = entries.iter().rposition(|entry| changes_of(entry).is_some());
        let last = last.filter(|last| *last >= durable);
        let malformed = || WorkerError::Malformed("conflicts without changes".to_owned());
        let last = last.ok_or_else(malformed)?;
        for changes in entries.iter().take(last).skip(durable).filter_map(changes_of) {
            apply(&mut manifest, changes)?;
        }
        if let Some(Entry::ToolResult { changes, .. }) = entries.get_mut(last) {
            for path in paths {
                tracing::info!("somebody else has changed a file meanwhile; the run gives way");
                changes.give_way(path, &self.attempt.task, &manifest);
            }
        }
        self.journal =
            Journal::replay(entries).map_err(|error| WorkerError::Malformed(error.to_string()))?;
        self.keep_from(last as u64).await
    }

    /// Keeps the entries after the first `count` for a later process. Where
    /// that fails, this process goes on alone: a later one must then not find
    /// the attempt, or it would believe in a journal that has ended earlier.
    async fn keep_from(&mut self, count: u64) -> Result<(), WorkerError> {
        if !self.spooled {
            return Ok(());
        }
        let spool = &self.bench.spool;
        let (new, worked) = (self.entries_from(count), self.worked());
        let kept = spool.keep(&self.attempt.id, count + 1, new, worked).await;
        let Err(error) = kept else { return Ok(()) };
        tracing::warn!(%error, "a restart of this edge would lose the run");
        spool.forget(&self.attempt.id).await?;
        self.spooled = false;
        Ok(())
    }

    fn push(&mut self, entry: Entry) -> Result<(), WorkerError> {
        self.journal.push(entry).map_err(|error| WorkerError::Malformed(error.to_string()))
    }
}
