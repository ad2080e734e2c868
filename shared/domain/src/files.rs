//! Files of a workspace: names that cannot leave it, and snapshots by content.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// Why a text is not a path inside a workspace, or not a hash.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// Nothing was given.
    #[error("the path is empty")]
    Empty,
    /// It begins at the root of a machine.
    #[error("`{0}` is absolute: give a path relative to the workspace")]
    Absolute(String),
    /// It climbs out.
    #[error("`{0}` contains `..`: give a path inside the workspace")]
    Parent(String),
    /// It holds a control character or a backslash.
    #[error("`{0}` holds a control character or a backslash")]
    Character(String),
    /// Longer than a file system takes.
    #[error("the path has {0} bytes; at most 1024 are allowed")]
    TooLong(usize),
    /// Not 64 hexadecimal digits.
    #[error("`{0}` is no BLAKE3 hash of 64 hexadecimal digits")]
    Hash(String),
}

/// A path relative to the root of a workspace: non-empty, no `..`, no `.`, no
/// leading or doubled slash, no control characters. Two equal files have one
/// spelling.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RelPath(String);

impl RelPath {
    /// The path as text, with `/` between its parts.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for RelPath {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl FromStr for RelPath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        let shown = || text.chars().take(80).flat_map(char::escape_default).collect::<String>();
        if text.len() > 1024 {
            return Err(PathError::TooLong(text.len()));
        }
        if text.chars().any(|c| c.is_control() || c == '\\') {
            return Err(PathError::Character(shown()));
        }
        if text.starts_with('/') {
            return Err(PathError::Absolute(shown()));
        }
        let mut parts = Vec::new();
        for part in text.split('/') {
            match part {
                "" | "." => {}
                ".." => return Err(PathError::Parent(shown())),
                part => parts.push(part),
            }
        }
        if parts.is_empty() {
            return Err(PathError::Empty);
        }
        Ok(Self(parts.join("/")))
    }
}

impl TryFrom<String> for RelPath {
    type Error = PathError;

    fn try_from(text: String) -> Result<Self, PathError> {
        text.parse()
    }
}

impl From<RelPath> for String {
    fn from(path: RelPath) -> Self {
        path.0
    }
}

impl fmt::Display for RelPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The BLAKE3 hash of a file's content.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BlobHash([u8; 32]);

impl BlobHash {
    /// The hash of `content`.
    #[must_use]
    pub fn of(content: &[u8]) -> Self {
        Self(*blake3::hash(content).as_bytes())
    }

    /// From the 32 bytes of a hash.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for BlobHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for BlobHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for BlobHash {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes)
            .map_err(|_| PathError::Hash(text.chars().take(80).collect()))?;
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for BlobHash {
    type Error = PathError;

    fn try_from(text: String) -> Result<Self, PathError> {
        text.parse()
    }
}

impl From<BlobHash> for String {
    fn from(hash: BlobHash) -> Self {
        hash.to_string()
    }
}

/// One file of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Hash of its content.
    pub hash: BlobHash,
    /// Its size in bytes.
    pub size: u64,
    /// When its content was last changed, as its owner's machine said; the
    /// default, the beginning of 1970, where that is unknown.
    #[serde(default)]
    pub modified: Timestamp,
}

impl FileEntry {
    /// When its content was last changed, if that is known.
    #[must_use]
    pub fn known_time(&self) -> Option<Timestamp> {
        Some(self.modified).filter(|time| *time != Timestamp::default())
    }
}

/// A snapshot of a workspace: which files it has and what they hold.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Manifest {
    /// The files by path.
    pub files: BTreeMap<RelPath, FileEntry>,
}

impl Manifest {
    /// Bytes of all files together.
    #[must_use]
    pub fn total_size(&self) -> u64 {
        self.files.values().map(|entry| entry.size).sum()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spellings_of_one_file_are_one_path() {
        for text in ["notes/a.md", "./notes/a.md", "notes//a.md", "notes/./a.md"] {
            assert_eq!(text.parse::<RelPath>().unwrap().as_str(), "notes/a.md");
        }
    }

    #[test]
    fn paths_that_leave_the_workspace_are_refused() {
        for text in ["", ".", "/etc/passwd", "../x", "a/../../x", "a\0b", "a\\b", "a\nb"] {
            assert!(text.parse::<RelPath>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn entries_of_peers_without_times_are_read() {
        let hash = BlobHash::of(b"x");
        let old = format!(r#"{{"files":{{"a":{{"hash":"{hash}","size":1}}}}}}"#);
        let mut manifest: Manifest = serde_json::from_str(&old).unwrap();
        let entry = manifest.files.values_mut().next().unwrap();
        assert_eq!((entry.hash, entry.known_time()), (hash, None));
        entry.modified = Timestamp::from_millis(1_795_250_000_123);
        assert_eq!(entry.known_time(), Some(entry.modified));
        let json = serde_json::to_string(&manifest).unwrap();
        assert_eq!(serde_json::from_str::<Manifest>(&json).unwrap(), manifest);
    }

    proptest! {
        #[test]
        fn a_valid_path_never_climbs(text in "[a-z./\\\\]{0,40}") {
            if let Ok(path) = text.parse::<RelPath>() {
                prop_assert!(path.as_str().split('/').all(|p| !matches!(p, "" | "." | "..")));
                prop_assert_eq!(path.as_str().parse::<RelPath>().unwrap(), path);
            }
        }
    }
}
