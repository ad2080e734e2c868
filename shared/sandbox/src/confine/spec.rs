//! What is to run, within which limits, and what came of it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use super::{Captured, ConfineError, Tier};

/// Parts of a run's folder that no program may write, whether they exist yet
/// or not: what is in them is obeyed later.
pub const PROTECTED: [&str; 3] = [".agentos", "agents", "skills"];

/// What a program may use up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// From start to end.
    pub wall: Duration,
    /// Of one process; whole seconds, rounded up.
    pub cpu: Duration,
    /// Bytes of address space of one process.
    pub memory: u64,
    /// Processes and threads at once.
    pub processes: u64,
    /// Descriptors of one process.
    pub open_files: u64,
    /// Bytes of one file.
    pub file_size: u64,
    /// Bytes of all that lies in the writable folders and the temporary one.
    /// Looked at every 0.2 s: it may be exceeded by what is written meanwhile.
    /// A folder that the program shuts to the worker counts as too much.
    pub disk: u64,
    /// Files and folders there, looked at as often.
    pub files: u64,
    /// Bytes of standard output that are kept, and as many of standard error.
    pub output: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            wall: Duration::from_secs(60),
            cpu: Duration::from_secs(60),
            memory: 2 << 30,
            processes: 64,
            open_files: 256,
            file_size: 256 << 20,
            disk: 1 << 30,
            files: 20_000,
            output: 64 * 1024,
        }
    }
}

/// What of the network a program may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Network {
    /// Nothing: it opens no sockets.
    None,
    /// The egress proxy that listens on this UNIX socket; the program finds it
    /// at [`Network::SOCKET`]. Only in [`Tier::Bubblewrap`], where its network
    /// leads nowhere else.
    Proxy(PathBuf),
}

impl Network {
    /// Where a program finds the socket of the egress proxy.
    pub const SOCKET: &'static str = "/run/agentos/egress.sock";
}

/// A program to be run.
#[derive(Debug, Clone)]
pub struct ChildSpec {
    /// Its absolute path.
    pub program: PathBuf,
    /// What comes after its name.
    pub arguments: Vec<OsString>,
    /// The run's folder, where it begins; it may read all of it.
    pub folder: PathBuf,
    /// Folders below `folder` that it may write, such as `temp`; they are made
    /// where they do not exist. Never the folder itself nor what is [`PROTECTED`].
    pub writable: Vec<PathBuf>,
    /// More absolute paths that it may read.
    pub readable: Vec<PathBuf>,
    /// More absolute paths that it may read and execute.
    pub executable: Vec<PathBuf>,
    /// Its environment, besides `PATH`, `HOME`, `TMPDIR` and `LANG`, which may
    /// be given other values.
    pub environment: BTreeMap<String, String>,
    /// What it may use up.
    pub limits: Limits,
    /// What of the network it may use.
    pub network: Network,
    /// The weakest confinement that will do.
    pub at_least: Tier,
}

impl ChildSpec {
    /// A program over a run's folder, with the default limits and no network,
    /// that may write nothing.
    pub fn new(program: impl Into<PathBuf>, folder: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            arguments: Vec::new(),
            folder: folder.into(),
            writable: Vec::new(),
            readable: Vec::new(),
            executable: Vec::new(),
            environment: BTreeMap::new(),
            limits: Limits::default(),
            network: Network::None,
            at_least: Tier::Launcher,
        }
    }

    /// The absolute paths of the writable folders.
    pub(super) fn writable_paths(&self) -> impl Iterator<Item = PathBuf> + '_ {
        self.writable.iter().map(|path| self.folder.join(path))
    }

    /// Refuses what would open the confinement.
    pub(super) fn check(&self, active: Tier) -> Result<(), ConfineError> {
        if active < self.at_least {
            return Err(ConfineError::TooWeak { demanded: self.at_least, active });
        }
        if active < Tier::Bubblewrap && self.network != Network::None {
            return Err(ConfineError::TooWeak { demanded: Tier::Bubblewrap, active });
        }
        let given = [&self.program, &self.folder];
        for path in given.into_iter().chain(&self.readable).chain(&self.executable) {
            if !path.is_absolute() {
                let reason = format!("`{}` is relative: give an absolute path", path.display());
                return Err(ConfineError::InvalidSpec { reason });
            }
            if path == Path::new("/") {
                return Err(ConfineError::invalid("`/` is everything: give what is needed"));
            }
        }
        self.writable.iter().try_for_each(|path| check_writable(path))?;
        for (name, value) in &self.environment {
            if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
                let reason = format!("`{}` is no environment variable", name.escape_default());
                return Err(ConfineError::InvalidSpec { reason });
            }
        }
        Ok(())
    }
}

fn check_writable(path: &Path) -> Result<(), ConfineError> {
    let plain = path.components().all(|part| matches!(part, Component::Normal(_)));
    let mut parts = path.components().map(Component::as_os_str);
    let Some(first) = parts.next().filter(|_| plain) else {
        let reason =
            format!("`{}` cannot be writable: give a folder below the run's", path.display());
        return Err(ConfineError::InvalidSpec { reason });
    };
    // Letters of either case name one file on some file systems.
    if PROTECTED.iter().any(|name| first.eq_ignore_ascii_case(name)) {
        let reason = format!("`{}` is never writable: what is in it is obeyed", path.display());
        return Err(ConfineError::InvalidSpec { reason });
    }
    Ok(())
}

/// A limit that ended a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitHit {
    /// [`Limits::wall`].
    WallTime,
    /// [`Limits::cpu`].
    CpuTime,
    /// [`Limits::file_size`].
    FileSize,
    /// [`Limits::disk`] or [`Limits::files`].
    Disk,
}

impl LimitHit {
    /// A word for answers and logs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::WallTime => "wall_time",
            Self::CpuTime => "cpu_time",
            Self::FileSize => "file_size",
            Self::Disk => "disk",
        }
    }
}

/// What came of a program that ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChildOutcome {
    /// Its exit code; 128 and the signal's number where one ended it, as shells
    /// count.
    pub code: i32,
    /// What it printed.
    pub stdout: Captured,
    /// What it complained of.
    pub stderr: Captured,
    /// The limit that ended it. One of memory, processes or open files it meets
    /// as a failed call, and it may go on.
    pub limit: Option<LimitHit>,
}
