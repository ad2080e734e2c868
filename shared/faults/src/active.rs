//! What points do where they are switched on.

use std::collections::HashMap;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock, PoisonError};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::{CRASH_AT, CRASH_LOG};

/// What this process is told, and what it has passed.
pub(crate) struct Plan {
    at: Option<(String, u64)>,
    log: Option<PathBuf>,
    passed: Mutex<HashMap<&'static str, u64>>,
}

impl Plan {
    pub(crate) fn new(at: Option<&str>, log: Option<PathBuf>) -> Self {
        Self { at: at.and_then(parse), log, passed: Mutex::default() }
    }

    /// Notes a passage; returns whether it is the last.
    pub(crate) fn pass(&self, name: &'static str) -> bool {
        if self.at.is_none() && self.log.is_none() {
            return false;
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
        let last = self.at.as_ref().is_some_and(|(at, nth)| at == name && count == *nth);
        if last {
            self.note("killed", name);
        }
        last
    }

    /// One write, so that lines of several processes do not mix.
    fn note(&self, what: &str, name: &str) {
        let Some(path) = &self.log else { return };
        let file = OpenOptions::new().append(true).create(true).open(path);
        // A point must change nothing but the process's end.
        let _ = file.and_then(|mut file| file.write_all(format!("{what} {name}\n").as_bytes()));
    }
}

/// `NAME:NTH`; `None` is never.
fn parse(text: &str) -> Option<(String, u64)> {
    let (name, nth) = text.rsplit_once(':')?;
    Some((name.to_owned(), nth.parse().ok()?))
}

pub(crate) fn pass(name: &'static str) {
    static PLAN: OnceLock<Plan> = OnceLock::new();
    let plan = PLAN.get_or_init(|| {
        let at = std::env::var(CRASH_AT).ok();
        Plan::new(at.as_deref(), std::env::var_os(CRASH_LOG).map(PathBuf::from))
    });
    if plan.pass(name) {
        // Nothing of this process runs after it, not even a destructor.
        let _ = kill(Pid::this(), Signal::SIGKILL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nth_passage_of_the_named_point_is_the_last() {
        let plan = Plan::new(Some("a.b:2"), None);
        assert!(!plan.pass("a.b"));
        assert!(!plan.pass("a.c"));
        assert!(plan.pass("a.b"));
        assert!(!plan.pass("a.b"), "it was not killed");
    }

    #[test]
    fn nothing_ends_a_process_that_is_not_told_where() {
        for at in [None, Some(""), Some("a.b"), Some("a.b:"), Some("a.b:0"), Some("a.b:x")] {
            let plan = Plan::new(at, None);
            assert!((0..9).all(|_| !plan.pass("a.b")), "{at:?}");
        }
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
