//! The process that stays outside of the confinement and ends everything that
//! the program started, also what it detached: orphans become children of the
//! nearest subreaper. The confinement of the program (Landlock's scope of
//! signals) keeps it from sending a signal to its supervisor.
//!
//! It holds where there is no PID namespace. It does not where the supervisor
//! itself is killed by somebody outside: then only the program's own process
//! dies with it.
#![cfg(target_os = "linux")]

use std::fs;
use std::io;
use std::time::Duration;

use nix::sys::prctl::{set_child_subreaper, set_pdeathsig};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, getpid, getppid, setsid};

/// Between two looks at who is left.
const PAUSE: Duration = Duration::from_micros(200);

fn watched() -> SigSet {
    [Signal::SIGCHLD, Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP].into_iter().collect()
}

/// Becomes two processes: the supervisor, which gets the other's number, and
/// the one to confine, which gets `None`, in a session of its own. The caller
/// must have one thread. The supervisor ends when `parent` does.
///
/// # Errors
/// `parent` has ended already, or the kernel tells nobody's children
/// (`CONFIG_PROC_CHILDREN`).
pub fn split(parent: i32) -> io::Result<Option<Pid>> {
    children(getpid())?;
    watched().thread_block()?;
    set_child_subreaper(true)?;
    set_pdeathsig(Signal::SIGTERM)?;
    if getppid().as_raw() != parent {
        return Err(io::Error::other("the process to work for has ended"));
    }
    let child = fork()?;
    if child.is_none() {
        set_pdeathsig(Signal::SIGKILL)?;
        setsid()?;
        watched().thread_unblock()?;
    }
    Ok(child)
}

#[expect(unsafe_code, reason = "a fork has no safe wrapper")]
fn fork() -> nix::Result<Option<Pid>> {
    // SAFETY: the program has one thread, so the new process may do everything.
    match unsafe { nix::unistd::fork() }? {
        ForkResult::Parent { child } => Ok(Some(child)),
        ForkResult::Child => Ok(None),
    }
}

/// Waits for the program, or to be told to end (SIGTERM); then ends whatever is
/// left. Answers the program's code, or 128 and the number of the signal that
/// ended it.
#[must_use]
pub fn until_the_end(program: Pid) -> u8 {
    let mut code = None;
    while code.is_none() && matches!(watched().wait(), Ok(Signal::SIGCHLD) | Err(_)) {
        code = reap(program);
    }
    loop {
        let left = descendants();
        if left.is_empty() {
            return code.unwrap_or(128 + Signal::SIGKILL as u8);
        }
        for pid in left {
            // It may have ended by itself.
            let _ = kill(pid, Signal::SIGKILL);
        }
        code = code.or(reap(program));
        std::thread::sleep(PAUSE);
    }
}

/// Takes note of who has ended.
fn reap(program: Pid) -> Option<u8> {
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(pid, code)) if pid == program => return u8::try_from(code).ok(),
            Ok(WaitStatus::Signaled(pid, signal, _)) if pid == program => {
                return Some(128 + signal as u8);
            }
            Ok(WaitStatus::StillAlive) | Err(_) => return None,
            Ok(_) => {}
        }
    }
}

fn children(pid: Pid) -> io::Result<Vec<Pid>> {
    let mut found = Vec::new();
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        let listed = fs::read_to_string(task?.path().join("children"))?;
        let pids = listed.split_whitespace().filter_map(|pid| pid.parse().ok());
        found.extend(pids.map(Pid::from_raw));
    }
    Ok(found)
}

/// Everybody below this process.
fn descendants() -> Vec<Pid> {
    let (mut found, mut next) = (vec![getpid()], 0);
    while let Some(pid) = found.get(next).copied() {
        // Who has ended meanwhile has left its children to us.
        found.extend(children(pid).unwrap_or_default());
        next += 1;
    }
    found.split_off(1)
}
