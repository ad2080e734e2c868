//! What lies in a workspace, as the file system tells.
//!
//! This is on purpose no use of the tools: what they get wrong must show.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use agentos_domain::Timestamp;

/// Everything in a workspace.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    /// By path.
    pub(crate) files: Vec<FileFacts>,
    /// Their paths, in order.
    pub(crate) folders: Vec<String>,
}

/// A file.
#[derive(Debug)]
pub(crate) struct FileFacts {
    /// Relative to the workspace.
    pub(crate) path: String,
    pub(crate) bytes: u64,
    pub(crate) modified: Timestamp,
    pub(crate) text: String,
}

/// The folder that a path lies in; empty for the workspace itself.
pub(crate) fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

/// The last part of a path.
pub(crate) fn base(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

impl Facts {
    /// Looks at all of `folder`.
    pub(crate) fn look(folder: &Path) -> io::Result<Self> {
        let mut facts = Self::default();
        facts.look_into(folder, "")?;
        facts.files.sort_by(|left, right| left.path.cmp(&right.path));
        facts.folders.sort();
        Ok(facts)
    }

    fn look_into(&mut self, folder: &Path, shown: &str) -> io::Result<()> {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = if shown.is_empty() { name } else { format!("{shown}/{name}") };
            let metadata = entry.metadata()?;
            if metadata.is_dir() {
                self.look_into(&entry.path(), &path)?;
                self.folders.push(path);
                continue;
            }
            let text = String::from_utf8_lossy(&std::fs::read(entry.path())?).into_owned();
            let millis = metadata.mtime() * 1000 + metadata.mtime_nsec() / 1_000_000;
            let modified = Timestamp::from_millis(millis);
            self.files.push(FileFacts { path, bytes: metadata.len(), modified, text });
        }
        Ok(())
    }

    /// A file by its path.
    pub(crate) fn file(&self, path: &str) -> Option<&FileFacts> {
        self.files.iter().find(|file| file.path == path)
    }

    /// Whether there is such a folder; the workspace itself is one.
    pub(crate) fn has_folder(&self, path: &str) -> bool {
        path.is_empty() || self.folders.iter().any(|folder| folder == path)
    }

    /// The files directly in a folder.
    pub(crate) fn files_in<'a>(&'a self, folder: &'a str) -> impl Iterator<Item = &'a FileFacts> {
        self.files.iter().filter(move |file| parent(&file.path) == folder)
    }

    /// The folders directly in a folder.
    pub(crate) fn folders_in<'a>(&'a self, folder: &'a str) -> impl Iterator<Item = &'a str> {
        self.folders.iter().map(String::as_str).filter(move |path| parent(path) == folder)
    }

    /// All files in a folder and its folders.
    pub(crate) fn files_below<'a>(
        &'a self,
        folder: &'a str,
    ) -> impl Iterator<Item = &'a FileFacts> {
        let lies_in = move |path: &str| {
            folder.is_empty() || path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
        };
        self.files.iter().filter(move |file| lies_in(&file.path))
    }
}

impl FileFacts {
    /// Whether its name ends in `.ext`, without regard to case.
    pub(crate) fn has_extension(&self, ext: &str) -> bool {
        let ending = format!(".{}", ext.trim_start_matches('.')).to_lowercase();
        base(&self.path).to_lowercase().ends_with(&ending)
    }

    /// The lines that are not blank.
    pub(crate) fn lines(&self) -> impl Iterator<Item = &str> {
        self.text.lines().filter(|line| !line.trim().is_empty())
    }

    /// How many lines hold `word`, without regard to case.
    pub(crate) fn lines_with(&self, word: &str) -> usize {
        let word = word.to_lowercase();
        self.text.lines().filter(|line| line.to_lowercase().contains(&word)).count()
    }

    /// The text of the first Markdown heading outside blocks of code.
    pub(crate) fn title(&self) -> Option<&str> {
        let mut in_code = false;
        for line in self.text.lines() {
            if line.starts_with("```") {
                in_code = !in_code;
            }
            let text = line.trim_start_matches('#');
            let level = line.len() - text.len();
            if !in_code && (1..=6).contains(&level) && text.starts_with(' ') {
                return Some(text.trim().trim_end_matches('#').trim_end());
            }
        }
        None
    }
}
