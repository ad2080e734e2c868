//! Iteration over the files below a folder, in bounded memory.

use std::collections::{BTreeSet, btree_set};

use agentos_domain::RelPath;
use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt};
use nix::fcntl::OFlag;

use crate::SandboxError;
use crate::root::{FileInfo, FileKind, TEMPORARY_PREFIX, text};

/// How far a walk goes.
#[derive(Debug, Clone)]
pub struct WalkOptions {
    /// 1 is the folder's own entries. Also bounds the open handles.
    pub max_depth: usize,
    /// The most entries that the walk yields. Also bounds its memory.
    pub max_entries: usize,
    /// Where to begin: this path and everything after it. A path outside the
    /// walked folder has no effect.
    pub from: Option<RelPath>,
}

impl Default for WalkOptions {
    fn default() -> Self {
        Self { max_depth: 64, max_entries: 100_000, from: None }
    }
}

/// A file or folder that a walk found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WalkEntry {
    /// Its path from the granted folder.
    pub path: RelPath,
    /// What it is.
    pub info: FileInfo,
}

/// A walk under way. Its order is that of the paths' parts, compared one by
/// one: `a`, `a/b`, `a-b`.
#[derive(Debug)]
pub struct Walk {
    levels: Vec<Level>,
    options: WalkOptions,
    yielded: usize,
    skipped: u64,
    irregular: Option<String>,
    truncated: bool,
}

#[derive(Debug)]
struct Level {
    dir: Dir,
    /// Path of the folder with a slash at its end; empty for the root.
    prefix: String,
    names: btree_set::IntoIter<String>,
    /// More names than the walk can yield: the last ones were left out.
    cut: bool,
}

impl Walk {
    pub(crate) fn new(
        dir: Dir,
        folder: Option<&RelPath>,
        options: WalkOptions,
    ) -> Result<Self, SandboxError> {
        let mut walk = Self {
            levels: Vec::new(),
            options,
            yielded: 0,
            skipped: 0,
            irregular: None,
            truncated: false,
        };
        let prefix = folder.map_or(String::new(), |path| format!("{path}/"));
        let level = walk.list(dir, prefix).map_err(|e| SandboxError::from_io(text(folder), e))?;
        walk.levels.push(level);
        Ok(walk)
    }

    /// Entries left out so far: unreadable, too deep, or with a name that is
    /// no [`RelPath`].
    #[must_use]
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// The first symbolic link, pipe, socket or device that was left out so far.
    #[must_use]
    pub fn irregular(&self) -> Option<&str> {
        self.irregular.as_deref()
    }

    /// Whether the walk ended at `max_entries` with more to come.
    #[must_use]
    pub fn truncated(&self) -> bool {
        self.truncated
    }

    /// The smallest names of a folder, as many as can still be yielded.
    fn list(&mut self, dir: Dir, prefix: String) -> std::io::Result<Level> {
        let room = self.options.max_entries.saturating_sub(self.yielded).saturating_add(1);
        let first = self.first_name(&prefix);
        let mut names = BTreeSet::new();
        let mut cut = false;
        for entry in dir.entries()? {
            let entry = entry?;
            let regular = entry.file_type().is_ok_and(|kind| kind.is_file() || kind.is_dir());
            let Ok(name) = entry.file_name().into_string() else {
                self.skipped += 1;
                continue;
            };
            if !regular && self.irregular.is_none() {
                self.irregular = Some(format!("{prefix}{}", name.escape_default()));
            }
            if !regular || name.starts_with(TEMPORARY_PREFIX) {
                continue;
            }
            if format!("{prefix}{name}").parse::<RelPath>().is_err() {
                self.skipped += 1;
                continue;
            }
            if first.as_ref().is_some_and(|first| name < *first) {
                continue;
            }
            names.insert(name);
            if names.len() > room {
                names.pop_last();
                cut = true;
            }
        }
        Ok(Level { dir, prefix, names: names.into_iter(), cut })
    }

    /// The first name of interest in the folder `prefix`, if `from` lies in it.
    fn first_name(&self, prefix: &str) -> Option<String> {
        let rest = self.options.from.as_ref()?.as_str().strip_prefix(prefix)?;
        rest.split('/').next().map(str::to_owned)
    }

    fn enter(&mut self, path: &RelPath) {
        if self.levels.len() >= self.options.max_depth {
            // A walk of one level is a listing: it leaves nothing out.
            self.skipped += u64::from(self.options.max_depth > 1);
            return;
        }
        let Some(level) = self.levels.last() else { return };
        let name = path.as_str().rsplit('/').next().unwrap_or_default();
        let mut options = OpenOptions::new();
        // A link that took the folder's place meanwhile is not followed.
        let flags = OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
        options.read(true).custom_flags(flags.bits());
        let opened = level.dir.open_with(name, &options);
        let listed = opened
            .and_then(|file| self.list(Dir::from_std_file(file.into_std()), format!("{path}/")));
        match listed {
            Ok(level) => self.levels.push(level),
            Err(_) => self.skipped += 1,
        }
    }

    /// Whether `path` is only passed through on the way to `from`.
    fn precedes_start(&self, path: &RelPath) -> bool {
        self.options.from.as_ref().is_some_and(|from| {
            let rest = from.as_str().strip_prefix(path.as_str());
            rest.is_some_and(|rest| rest.starts_with('/'))
        })
    }
}

impl Iterator for Walk {
    type Item = WalkEntry;

    fn next(&mut self) -> Option<WalkEntry> {
        loop {
            let level = self.levels.last_mut()?;
            let Some(name) = level.names.next() else {
                if level.cut {
                    // What follows in the parents comes after what was left out.
                    self.truncated = true;
                    self.levels.clear();
                    return None;
                }
                self.levels.pop();
                continue;
            };
            let Ok(path) = format!("{}{name}", level.prefix).parse::<RelPath>() else {
                continue;
            };
            let info = level.dir.symlink_metadata(&name).ok().as_ref().and_then(FileInfo::new);
            let Some(info) = info else { continue };
            if self.precedes_start(&path) {
                if info.kind == FileKind::Folder {
                    self.enter(&path);
                }
                continue;
            }
            if self.yielded >= self.options.max_entries {
                self.truncated = true;
                self.levels.clear();
                return None;
            }
            self.yielded += 1;
            if info.kind == FileKind::Folder {
                self.enter(&path);
            }
            return Some(WalkEntry { path, info });
        }
    }
}
