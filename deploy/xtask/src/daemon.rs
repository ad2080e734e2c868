//! The hub and the edge as processes.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::account::Account;
use crate::clock;

const TICK: Duration = Duration::from_millis(50);
/// How long a process may take to end after SIGTERM.
const GRACE: Duration = Duration::from_secs(15);
const TAIL: usize = 25;

/// A process that runs until it is stopped; stopped when dropped.
pub(crate) struct Daemon {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

/// `program` as `account`, in a folder and with an environment of its own.
pub(crate) fn command(program: &Path, home: &Path, account: Option<Account>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(home).env("HOME", home).stdin(Stdio::null());
    if let Some(account) = account {
        command.gid(account.gid).uid(account.uid);
    }
    command
}

impl Daemon {
    /// Starts a process that writes to `log`.
    pub(crate) fn start(name: &'static str, mut command: Command, log: PathBuf) -> Result<Self> {
        let file = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        command.stdout(file.try_clone()?).stderr(file);
        // A process group of its own: Ctrl-C at the terminal must not reach it
        // before xtask has ended what depends on it.
        command.process_group(0);
        let child = command.spawn().with_context(|| format!("{name} could not be started"))?;
        Ok(Self { name, child, log })
    }

    /// Fails where the process has ended, with the end of its log.
    pub(crate) fn check(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!(
                "{} ended by itself ({status}); the end of {}:\n{}",
                self.name,
                self.log.display(),
                self.tail()
            ),
        }
    }

    /// The last lines of the log.
    pub(crate) fn tail(&self) -> String {
        let text = fs::read(&self.log).unwrap_or_default();
        last_lines(&String::from_utf8_lossy(&text), TAIL)
    }

    /// SIGTERM, and SIGKILL where that does not help in time. Says whether the
    /// process ended in good order.
    pub(crate) fn stop(&mut self) -> bool {
        if let Ok(Some(status)) = self.child.try_wait() {
            return status.success();
        }
        if let Ok(pid) = i32::try_from(self.child.id()) {
            // A process that has just ended cannot be told to end.
            let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
        }
        let deadline = clock::now() + GRACE;
        while clock::now() < deadline {
            match self.child.try_wait() {
                Ok(Some(status)) => return status.success(),
                Ok(None) => sleep(TICK),
                Err(_) => break,
            }
        }
        drop(self.child.kill());
        drop(self.child.wait());
        false
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.stop();
    }
}

fn last_lines(text: &str, n: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(n)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(dir: &Path, script: &str) -> Daemon {
        let mut command = command(Path::new("/bin/sh"), dir, None);
        command.args(["-c", script]);
        Daemon::start("sh", command, dir.join("log")).unwrap()
    }

    #[test]
    fn a_process_that_dies_is_noticed_with_its_last_words() {
        let dir = tempfile::tempdir().unwrap();
        let mut daemon = shell(dir.path(), "echo port in use >&2; exit 3");
        daemon.child.wait().unwrap();
        let error = daemon.check().unwrap_err().to_string();
        assert!(error.contains("port in use") && error.contains('3'), "{error}");
    }

    #[test]
    fn a_running_process_is_ended_by_sigterm() {
        let dir = tempfile::tempdir().unwrap();
        let ready = dir.path().join("ready");
        let mut daemon =
            shell(dir.path(), "trap 'exit 0' TERM; : > ready; while :; do sleep 0.05; done");
        while !ready.exists() {
            daemon.check().unwrap();
            std::thread::yield_now();
        }
        assert!(daemon.stop());
        assert!(daemon.check().is_err());
    }

    #[test]
    fn the_tail_is_the_end() {
        assert_eq!(last_lines("a\nb\nc\n", 2), "b\nc");
        assert_eq!(last_lines("a", 2), "a");
    }
}
