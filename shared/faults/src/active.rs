//! What points do where they are switched on.

use std::collections::HashMap;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock, PoisonError};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::{CRASH_AT, CRASH_LOG};

/// What happens at the point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    /// The process is killed.
    Kill,
    /// The process stands still until somebody has it go on.
    Stop,
}

/// What this process is told, and what it has passed.
pub(crate) struct Plan {
    at: Option<(String, u64, Act)>,
    log: Option<PathBuf>,
    passed: Mutex<HashMap<&'static str, u64>>,
}

impl Plan {
    pub(crate) fn new(at: Option<&str>, log: Option<PathBuf>) -> Self {
        Self { at: at.and_then(parse), log, passed: Mutex::default() }
    }

    /// Notes a passage; returns what happens now.
    pub(crate) fn pass(&self, name: &'static str) -> Option<Act> {
        if self.at.is_none() && self.log.is_none() {
            return None;
        }
        let count = {
            let mut passed = self.passed.lock().unwrap_or_else(PoisonError::into_inner);
            let count = passed.entry(name).or_default();
            *count += 1;
            *count
        };
        if count == 1 {
            self.note("passed", name);
        }
        let (at, nth, act) = self.at.as_ref()?;
        if at != name || count != *nth {
            return None;
        }
        self.note(if *act == Act::Kill { "killed" } else { "stopped" }, name);
        Some(*act)
    }

    /// One write, so that lines of several processes do not mix.
    fn note(&self, what: &str, name: &str) {
        let Some(path) = &self.log else { return };
        let file = OpenOptions::new().append(true).create(true).open(path);
        // A point must change nothing but the process's end.
        let _ = file.and_then(|mut file| file.write_all(format!("{what} {name}\n").as_bytes()));
    }
}

/// `NAME:NTH`, or `NAME:NTH:stop`; `None` is never.
fn parse(text: &str) -> Option<(String, u64, Act)> {
    let mut parts = text.split(':');
    let (name, nth) = (parts.next()?.to_owned(), parts.next()?.parse().ok()?);
    match (parts.next(), parts.next()) {
        (None, None) => Some((name, nth, Act::Kill)),
        (Some("stop"), None) => Some((name, nth, Act::Stop)),
        _ => None,
    }
}

pub(crate) fn pass(name: &'static str) {
    static PLAN: OnceLock<Plan> = OnceLock::new();
    let plan = PLAN.get_or_init(|| {
        let at = std::env::var(CRASH_AT).ok();
        Plan::new(at.as_deref(), std::env::var_os(CRASH_LOG).map(PathBuf::from))
    });
    let signal = match plan.pass(name) {
        None => return,
        // Nothing of this process runs after it, not even a destructor.
        Some(Act::Kill) => Signal::SIGKILL,
        Some(Act::Stop) => Signal::SIGSTOP,
    };
    let _ = kill(Pid::this(), signal);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nth_passage_of_the_named_point_is_the_last() {
        let plan = Plan::new(Some("a.b:2"), None);
        assert_eq!(plan.pass("a.b"), None);
        assert_eq!(plan.pass("a.c"), None);
        assert_eq!(plan.pass("a.b"), Some(Act::Kill));
        assert_eq!(plan.pass("a.b"), None, "it was not killed");
        let plan = Plan::new(Some("a.b:1:stop"), None);
        assert_eq!(plan.pass("a.b"), Some(Act::Stop));
        assert_eq!(plan.pass("a.b"), None, "it goes on");
    }

    #[test]
    fn nothing_ends_a_process_that_is_not_told_where() {
        for at in ["", "a.b", "a.b:", "a.b:0", "a.b:x", "a.b:1:go", "a.b:1:stop:2"] {
            let plan = Plan::new(Some(at), None);
            assert!((0..9).all(|_| plan.pass("a.b").is_none()), "{at}");
        }
        assert_eq!(Plan::new(None, None).pass("a.b"), None);
    }

    #[test]
    fn passages_are_noted_once_and_the_end_is_too() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let plan = Plan::new(Some("a:3"), Some(log.clone()));
        for name in ["a", "a", "b", "a"] {
            plan.pass(name);
        }
        assert_eq!(std::fs::read_to_string(log).unwrap(), "passed a\npassed b\nkilled a\n");
    }
}
