//! What a tool call changed of the files of its run.

use std::collections::BTreeMap;
use std::ops::Bound;

use serde::{Deserialize, Serialize};

use crate::{BlobHash, FileEntry, Manifest, RelPath, TaskId, Timestamp};

/// Names of files are cut to this many characters before a mark is added.
const KEPT_OF_NAME: usize = 80;
/// How many names are tried for a file that gives way.
const NAMES: u32 = 100;

/// A change of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// The file has this content now.
    Put {
        /// Hash of the content.
        hash: BlobHash,
        /// Its size in bytes.
        size: u64,
        /// When it was last changed.
        #[serde(default)]
        modified: Timestamp,
        /// What the run saw before; nothing where there was no such file.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        base: Option<BlobHash>,
    },
    /// The file is gone.
    Delete {
        /// What the run saw before.
        base: BlobHash,
    },
}

impl Change {
    /// What the run saw before.
    #[must_use]
    pub fn base(&self) -> Option<BlobHash> {
        match self {
            Self::Put { base, .. } => *base,
            Self::Delete { base } => Some(*base),
        }
    }

    /// The file as it is afterwards.
    #[must_use]
    pub fn entry(&self) -> Option<FileEntry> {
        match *self {
            Self::Put { hash, size, modified, .. } => Some(FileEntry { hash, size, modified }),
            Self::Delete { .. } => None,
        }
    }
}

/// Why a changeset cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangesetError {
    /// More files than one step may change.
    #[error("{paths} files were changed in one step; at most {} are allowed", Changeset::MAX_PATHS)]
    TooManyPaths {
        /// How many were.
        paths: usize,
    },
    /// More content than one step may bring.
    #[error("{bytes} bytes were written in one step; at most {} are allowed", Changeset::MAX_BYTES)]
    TooManyBytes {
        /// How many were.
        bytes: u64,
    },
    /// It was made from other files.
    #[error("`{path}` is not what the change was made from")]
    OtherBase {
        /// The file.
        path: RelPath,
    },
    /// A path would be a file and a folder at once.
    #[error("`{path}` would be a file and a folder")]
    FileAndFolder {
        /// The file.
        path: RelPath,
    },
}

/// What a tool call changed of the files of its run. It travels with the
/// call's result, and is committed together with it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Changeset {
    /// The changes by path.
    #[serde(default)]
    pub files: BTreeMap<RelPath, Change>,
    /// Files that somebody else had changed meanwhile, and under which name the
    /// run's content is kept instead; none for a deletion that was given up.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub conflicts: BTreeMap<RelPath, Option<RelPath>>,
}

impl Changeset {
    /// The most files that one step may change.
    pub const MAX_PATHS: usize = 2000;
    /// The most bytes of new content that one step may bring.
    pub const MAX_BYTES: u64 = 1 << 30;

    /// Whether nothing changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.files.is_empty() && self.conflicts.is_empty()
    }

    /// The contents that it brings, each once, with their sizes.
    #[must_use]
    pub fn contents(&self) -> BTreeMap<BlobHash, u64> {
        let entries = self.files.values().filter_map(Change::entry);
        entries.map(|entry| (entry.hash, entry.size)).collect()
    }

    /// Whether it is small enough.
    ///
    /// # Errors
    /// Where it is not.
    pub fn check_size(&self) -> Result<(), ChangesetError> {
        let paths = self.files.len().max(self.conflicts.len());
        if paths > Self::MAX_PATHS {
            return Err(ChangesetError::TooManyPaths { paths });
        }
        let sizes = self.files.values().filter_map(Change::entry).map(|entry| entry.size);
        match sizes.fold(0, u64::saturating_add) {
            bytes if bytes > Self::MAX_BYTES => Err(ChangesetError::TooManyBytes { bytes }),
            _ => Ok(()),
        }
    }

    /// Gives way to somebody else's change of `path`: what the run wrote is kept
    /// under another name, what it deleted stays. `before` is what the run saw
    /// before these changes. Again for a name that was taken as well: another.
    pub fn give_way(&mut self, path: &RelPath, task: &TaskId, before: &Manifest) {
        let Some(change) = self.files.remove(path) else { return };
        let ours = |(_, kept): &(&RelPath, &Option<RelPath>)| kept.as_ref() == Some(path);
        let earlier = self.conflicts.iter().find(ours).map(|(original, _)| original.clone());
        let original = earlier.unwrap_or_else(|| path.clone());
        let Change::Put { hash, size, modified, .. } = change else {
            self.conflicts.insert(original, None);
            return;
        };
        let mut numbers = 0..NAMES;
        // After the name that was taken.
        if original != *path {
            numbers.find(|number| kept_as(&original, task, *number) == *path);
        }
        let free = numbers
            .map(|number| kept_as(&original, task, number))
            .find(|name| !self.files.contains_key(name) && !is_below_a_file(&before.files, name));
        let Some(name) = free else { return };
        let base = before.files.get(&name).map(|entry| entry.hash);
        self.files.insert(name.clone(), Change::Put { hash, size, modified, base });
        self.conflicts.insert(original, Some(name));
    }

    /// What the model has to know beside the tool's own answer.
    #[must_use]
    pub fn note(&self) -> Option<String> {
        if self.conflicts.is_empty() {
            return None;
        }
        let told = self.conflicts.iter().map(|(path, kept)| match kept {
            Some(kept) => format!(
                "somebody else changed `{path}` meanwhile: their content stays there, \
                 yours is kept as `{kept}`"
            ),
            None => format!("somebody else changed `{path}` meanwhile: it was not deleted"),
        });
        Some(told.collect::<Vec<_>>().join("; "))
    }
}

/// The folders that `path` lies in.
fn ancestors(path: &RelPath) -> impl Iterator<Item = &str> {
    path.as_str().match_indices('/').filter_map(|(at, _)| path.as_str().get(..at))
}

/// `notes/a.md` becomes `notes/a (task_…).md`, then `a (task_…, 1).md`: at the
/// top, where nothing can be in its way but a file of that name.
fn kept_as(path: &RelPath, task: &TaskId, number: u32) -> RelPath {
    let (folder, name) = path.as_str().rsplit_once('/').unwrap_or(("", path.as_str()));
    let (stem, ending) = match name.rsplit_once('.') {
        Some((stem, ending)) if !stem.is_empty() && ending.len() <= 16 => {
            (stem, format!(".{ending}"))
        }
        _ => (name, String::new()),
    };
    let stem: String = stem.chars().take(KEPT_OF_NAME).collect();
    let beside = format!("{folder}/{stem} ({task}){ending}");
    let at_top = format!("{stem} ({task}, {number}){ending}");
    let name = if number == 0 && beside.len() <= 1024 { beside } else { at_top };
    // Made of parts of a path, so it is one.
    name.trim_start_matches('/').parse().unwrap_or_else(|_| path.clone())
}

impl Manifest {
    /// Makes the changes.
    ///
    /// # Errors
    /// Where they were made from other files, or do not fit together; nothing
    /// is changed then.
    pub fn apply(&mut self, changes: &Changeset) -> Result<(), ChangesetError> {
        for (path, change) in &changes.files {
            if self.files.get(path).map(|entry| entry.hash) != change.base() {
                return Err(ChangesetError::OtherBase { path: path.clone() });
            }
        }
        let mut files = self.files.clone();
        for (path, change) in &changes.files {
            match change.entry() {
                Some(entry) => files.insert(path.clone(), entry),
                None => files.remove(path),
            };
        }
        for path in changes.files.keys().filter(|path| files.contains_key(*path)) {
            if is_folder(&files, path) || is_below_a_file(&files, path) {
                return Err(ChangesetError::FileAndFolder { path: path.clone() });
            }
        }
        self.files = files;
        Ok(())
    }
}

fn is_folder(files: &BTreeMap<RelPath, FileEntry>, path: &RelPath) -> bool {
    let prefix = format!("{path}/");
    let after = (Bound::Excluded(prefix.as_str()), Bound::Unbounded);
    let next = files.range::<str, _>(after).next();
    next.is_some_and(|(other, _)| other.as_str().starts_with(&prefix))
}

fn is_below_a_file(files: &BTreeMap<RelPath, FileEntry>, path: &RelPath) -> bool {
    ancestors(path).any(|folder| files.contains_key(folder))
}

#[cfg(test)]
mod tests;
