//! A handle on a granted folder.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use agentos_domain::{RelPath, Timestamp};
use cap_std::ambient_authority;
use cap_std::fs::{Dir, File, Metadata, MetadataExt, OpenOptions, OpenOptionsExt};
use nix::fcntl::OFlag;

use crate::SandboxError;
use crate::walk::{Walk, WalkOptions};

/// Names that begin so are files in the making. What a crash leaves of them
/// is not shown by [`GrantedRoot::walk`].
pub const TEMPORARY_PREFIX: &str = ".agentos-tmp-";

/// What a path names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
}

/// What the file system tells about a file or folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileInfo {
    /// File or folder.
    pub kind: FileKind,
    /// Bytes of a file; 0 for a folder.
    pub size: u64,
    /// When its content was last changed.
    pub modified: Timestamp,
}

impl FileInfo {
    /// `None` for anything but a regular file or a folder.
    pub(crate) fn new(metadata: &Metadata) -> Option<Self> {
        let (kind, size) = if metadata.is_file() {
            (FileKind::File, metadata.len())
        } else if metadata.is_dir() {
            (FileKind::Folder, 0)
        } else {
            return None;
        };
        let seconds = metadata.mtime().saturating_mul(1000);
        let millis = seconds.saturating_add(metadata.mtime_nsec() / 1_000_000);
        Some(Self { kind, size, modified: Timestamp::from_millis(millis) })
    }
}

/// A folder that an agent may use. All access goes through the handle that
/// [`GrantedRoot::grant`] opened: symbolic links are followed as long as they
/// stay inside, and refused otherwise.
#[derive(Debug)]
pub struct GrantedRoot {
    dir: Dir,
    path: PathBuf,
    access: Access,
}

/// What may be done with the files of a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// Nothing.
    Nothing,
    /// Reading.
    Read,
    /// Reading and writing.
    Write,
}

impl Access {
    /// What it lets one do, as a noun.
    pub(crate) fn verb(self) -> &'static str {
        match self {
            Self::Nothing => "anything",
            Self::Read => "reading",
            Self::Write => "writing",
        }
    }
}

/// A path for messages and for system calls; the folder itself is `.`.
pub(crate) fn text(path: Option<&RelPath>) -> &str {
    path.map_or(".", RelPath::as_str)
}

impl GrantedRoot {
    /// Opens `folder`, which is a path of the configuration and never of an
    /// agent. This is the only place where a path of the machine is used.
    ///
    /// # Errors
    /// The folder does not exist or cannot be opened.
    pub fn grant(folder: &Path) -> Result<Self, SandboxError> {
        folder
            .canonicalize()
            .and_then(|path| {
                let dir = Dir::open_ambient_dir(&path, ambient_authority())?;
                Ok(Self { dir, path, access: Access::Write })
            })
            .map_err(|e| SandboxError::from_io(&folder.to_string_lossy(), e))
    }

    /// Where the folder lay when it was granted, without links: for the
    /// confinement of programs, which the kernel does by path, and for nothing
    /// that an agent names.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The same folder, with which no more may be done than `access` and what
    /// this one allows.
    ///
    /// # Errors
    /// The process has no descriptor left.
    pub fn narrowed(&self, access: Access) -> Result<Self, SandboxError> {
        let dir = self.dir.try_clone().map_err(|e| SandboxError::from_io(".", e))?;
        Ok(Self { dir, path: self.path.clone(), access: access.min(self.access) })
    }

    fn need(&self, access: Access, path: &str) -> Result<(), SandboxError> {
        if self.access >= access {
            return Ok(());
        }
        Err(SandboxError::AccessDenied { path: path.to_owned(), access })
    }

    pub(crate) fn dir(&self) -> &Dir {
        &self.dir
    }

    /// Opens a regular file for reading. Never blocks: pipes, sockets and
    /// devices are refused.
    ///
    /// # Errors
    /// See [`SandboxError`].
    pub fn open(&self, path: &RelPath) -> Result<File, SandboxError> {
        self.open_with_info(path).map(|(file, _)| file)
    }

    /// Like [`GrantedRoot::open`], with what the file system tells about the
    /// very file that was opened.
    ///
    /// # Errors
    /// See [`SandboxError`].
    pub fn open_with_info(&self, path: &RelPath) -> Result<(File, FileInfo), SandboxError> {
        self.need(Access::Read, path.as_str())?;
        let fail = |e| SandboxError::from_io(path.as_str(), e);
        let mut options = OpenOptions::new();
        options.read(true).custom_flags((OFlag::O_NONBLOCK | OFlag::O_NOCTTY).bits());
        let file = self.dir.open_with(path.as_str(), &options).map_err(fail)?;
        // The handle is asked, not the path: nobody can swap what is open.
        let metadata = file.metadata().map_err(fail)?;
        let shown = path.as_str().to_owned();
        match FileInfo::new(&metadata) {
            Some(info) if info.kind == FileKind::File => Ok((file, info)),
            Some(_) => Err(SandboxError::IsADirectory { path: shown }),
            None => Err(SandboxError::NotAFile { path: shown }),
        }
    }

    /// What `path` names; `None` is the folder itself.
    ///
    /// # Errors
    /// See [`SandboxError`]; a pipe, socket or device is `NotAFile`.
    pub fn metadata(&self, path: Option<&RelPath>) -> Result<FileInfo, SandboxError> {
        let shown = text(path);
        self.need(Access::Read, shown)?;
        let metadata = self.dir.metadata(shown).map_err(|e| SandboxError::from_io(shown, e))?;
        FileInfo::new(&metadata).ok_or_else(|| SandboxError::NotAFile { path: shown.to_owned() })
    }

    /// The files and folders directly in a folder, sorted by name.
    ///
    /// # Errors
    /// The folder cannot be opened.
    pub fn read_dir(&self, folder: Option<&RelPath>) -> Result<Walk, SandboxError> {
        self.walk(folder, WalkOptions { max_depth: 1, ..WalkOptions::default() })
    }

    /// The files and folders below a folder, each folder before what is in it
    /// and names in order. Symbolic links, pipes, sockets and devices are left
    /// out; names that are no [`RelPath`] are counted as skipped.
    ///
    /// # Errors
    /// The folder cannot be opened.
    pub fn walk(
        &self,
        folder: Option<&RelPath>,
        options: WalkOptions,
    ) -> Result<Walk, SandboxError> {
        let shown = text(folder);
        self.need(Access::Read, shown)?;
        let dir = self.dir.open_dir(shown).map_err(|e| SandboxError::from_io(shown, e))?;
        Walk::new(dir, folder, options)
    }

    /// Creates the folders that `path` lies in.
    ///
    /// # Errors
    /// See [`SandboxError`].
    pub fn create_parents(&self, path: &RelPath) -> Result<(), SandboxError> {
        self.need(Access::Write, path.as_str())?;
        match path.as_str().rsplit_once('/') {
            None => Ok(()),
            Some((parent, _)) => {
                self.dir.create_dir_all(parent).map_err(|e| SandboxError::from_io(parent, e))
            }
        }
    }

    /// Writes a file so that a crash leaves the old content or the new, never
    /// a part. Its folder must exist. Returns how many bytes were written.
    /// A symbolic link of that name is replaced, not followed.
    ///
    /// # Errors
    /// See [`SandboxError`]; what `content` fails with is an `Io`.
    pub fn write_atomic(
        &self,
        path: &RelPath,
        mut content: impl Read,
    ) -> Result<u64, SandboxError> {
        self.need(Access::Write, path.as_str())?;
        let (parent, name) = path.as_str().rsplit_once('/').unwrap_or((".", path.as_str()));
        let fail = |e| SandboxError::from_io(path.as_str(), e);
        let dir = self.dir.open_dir(parent).map_err(fail)?;
        let (mut file, temporary) = create_temporary(&dir).map_err(fail)?;
        let written = io::copy(&mut content, &mut file)
            .and_then(|size| file.sync_all().map(|()| size))
            .and_then(|size| dir.rename(&temporary, &dir, name).map(|()| size));
        match written {
            Ok(size) => {
                // The handle of a `Dir` cannot be synced: open the folder for reading.
                dir.open(".").and_then(|folder| folder.sync_all()).map_err(fail)?;
                Ok(size)
            }
            Err(error) => {
                // The walk ignores it if this fails too.
                let _ = dir.remove_file(&temporary);
                Err(fail(error))
            }
        }
    }
}

fn create_temporary(dir: &Dir) -> io::Result<(File, String)> {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o644);
    loop {
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let name = format!("{TEMPORARY_PREFIX}{}-{number}", std::process::id());
        match dir.open_with(&name, &options) {
            // Left by a crashed process of the same number: the next is free.
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            result => return result.map(|file| (file, name)),
        }
    }
}
