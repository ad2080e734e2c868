//! Other processes, and processes that stay.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::Case;
use super::files::Victim;
use crate::place::Place;
use crate::shell::Shell;

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new("38", "trace, read, change a process outside", trace),
        Case::new("43", "kill a process outside", kill_outside),
        Case::new("50", "leave a process behind by a double fork", stays),
        Case::new("50b", "leave processes behind where the call is given up", abandoned)
            .uncontrolled("nothing is given up without the tool"),
    ]
}

fn trace(place: &Place, shell: &Shell) -> Result<bool> {
    let victim = Victim::start()?;
    let command = format!("{} process {}", place.probe().display(), victim.0.id());
    let said = shell.bash(place, &command)?;
    ensure!(said.contains("sched_setaffinity"), "the attack did not run to its end: {said}");
    Ok(said.contains("OPEN"))
}

fn kill_outside(place: &Place, shell: &Shell) -> Result<bool> {
    let mut victim = Victim::start()?;
    let pid = victim.0.id();
    // Without the sandbox, -1 would be every process of the user.
    let all = if shell.tool().is_some() { "kill -9 -1;" } else { "" };
    shell.bash(place, &format!("{all} kill -9 {pid}; /bin/kill -9 {pid}; true"))?;
    std::thread::sleep(Duration::from_millis(50));
    Ok(!victim.lives()?)
}

/// The processes of the machine that have this argument.
pub(super) fn with_argument(argument: &str) -> Vec<Pid> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let has = |path: &Path| {
        let arguments = std::fs::read(path.join("cmdline")).unwrap_or_default();
        arguments.split(|byte| *byte == 0).any(|given| given == argument.as_bytes())
    };
    let found = entries.flatten().filter(|entry| has(&entry.path()));
    found.filter_map(|entry| entry.file_name().to_str()?.parse().ok().map(Pid::from_raw)).collect()
}

/// A length of sleep that no other process has.
fn mark(number: u32) -> String {
    format!("{}.{number}", 100_000 + std::process::id())
}

/// Whether processes with the argument are there after `time`, at most; they
/// are ended.
fn any_left(argument: &str, time: Duration) -> bool {
    let pause = Duration::from_millis(20);
    let mut left = with_argument(argument);
    for _ in 0..time.as_millis() / pause.as_millis() {
        if left.is_empty() {
            break;
        }
        std::thread::sleep(pause);
        left = with_argument(argument);
    }
    for pid in &left {
        let _ = kill(*pid, Signal::SIGKILL);
    }
    !left.is_empty()
}

fn stays(place: &Place, shell: &Shell) -> Result<bool> {
    let argument = mark(1);
    // Once with the outputs held open, once with all shut, once detached twice.
    let command = format!(
        "sleep {argument} >/dev/null 2>&1 & (setsid sleep {argument} >/dev/null 2>&1 &) ; \
         (setsid bash -c 'trap \"\" TERM HUP; (sleep {argument} & exec sleep {argument}) \
         </dev/null >/dev/null 2>&1 &' &); sleep 0.3"
    );
    shell.bash(place, &command)?;
    Ok(any_left(&argument, Duration::from_secs(1)))
}

fn abandoned(place: &Place, shell: &Shell) -> Result<bool> {
    let argument = mark(2);
    let Some(tool) = shell.tool() else { return Ok(false) };
    let command =
        format!("(setsid sleep {argument} &); setsid sleep {argument} & sleep {argument}");
    let given = place.workspace.join("temp/begun");
    tool.abandon(&format!("{command} & touch temp/begun; wait"), Duration::from_millis(700))?;
    ensure!(given.exists(), "it had not begun");
    Ok(any_left(&argument, Duration::from_secs(1)))
}
