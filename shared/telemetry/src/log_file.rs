//! A log file that is put aside when it has grown.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// A log file of at most about `max_bytes`; older ones are kept as `NAME.1` (the
/// newest) to `NAME.KEEP`.
#[derive(Debug, Clone)]
pub struct LogFileOptions {
    /// Where it is.
    pub path: PathBuf,
    /// The size at which a new one is begun.
    pub max_bytes: u64,
    /// How many older ones are kept.
    pub keep: u32,
}

#[derive(Debug)]
pub(crate) struct LogFile {
    options: LogFileOptions,
    open: Mutex<Open>,
}

#[derive(Debug)]
struct Open {
    file: File,
    size: u64,
}

impl LogFile {
    /// Opens the file, and goes on at its end; only its owner can read it.
    pub(crate) fn open(options: LogFileOptions) -> io::Result<Self> {
        let open = Mutex::new(open(&options.path)?);
        Ok(Self { options, open })
    }

    fn numbered(&self, number: u32) -> PathBuf {
        let mut name = self.options.path.clone().into_os_string();
        name.push(format!(".{number}"));
        name.into()
    }

    /// Puts the file aside and begins a new one.
    fn rotate(&self) -> io::Result<Open> {
        for number in (1..self.options.keep).rev() {
            // A number that is not there yet is no error.
            let _ = std::fs::rename(self.numbered(number), self.numbered(number + 1));
        }
        if self.options.keep == 0 {
            std::fs::remove_file(&self.options.path)?;
        } else {
            std::fs::rename(&self.options.path, self.numbered(1))?;
        }
        open(&self.options.path)
    }
}

fn open(path: &Path) -> io::Result<Open> {
    let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    let size = file.metadata()?.len();
    Ok(Open { file, size })
}

impl Write for &LogFile {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let length = line.len() as u64;
        if open.size > 0 && open.size + length > self.options.max_bytes {
            *open = self.rotate()?;
        }
        open.file.write_all(line)?;
        open.size += length;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_file_is_put_aside_and_the_oldest_goes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("agent.log");
        let log =
            LogFile::open(LogFileOptions { path: path.clone(), max_bytes: 10, keep: 2 }).unwrap();
        for line in ["first\n", "second\n", "third\n", "fourth\n"] {
            (&log).write_all(line.as_bytes()).unwrap();
        }
        let read = |name: &str| std::fs::read_to_string(dir.path().join(name)).ok();
        assert_eq!(read("agent.log").as_deref(), Some("fourth\n"));
        assert_eq!(read("agent.log.1").as_deref(), Some("third\n"));
        assert_eq!(read("agent.log.2").as_deref(), Some("second\n"));
        assert_eq!(read("agent.log.3"), None);
        let again = LogFile::open(LogFileOptions { path, max_bytes: 100, keep: 2 }).unwrap();
        (&again).write_all(b"more\n").unwrap();
        assert_eq!(read("agent.log").as_deref(), Some("fourth\nmore\n"));
    }
}
