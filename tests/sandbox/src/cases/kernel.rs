//! System calls that ask the kernel for more. What they answered is all the
//! evidence that there is: the control shows that the same call is answered
//! differently outside.

use std::os::unix::fs::PermissionsExt as _;

use anyhow::{Result, ensure};

use super::Case;
use crate::place::{Place, is_root};
use crate::shell::Shell;

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new("37", "io_uring", io_uring),
        Case::new("39", "user namespaces by clone, clone3, unshare", namespaces),
        Case::new("40", "remount the root, as root", remount)
            .uncontrolled("it would remount the machine's root"),
        Case::new("40b", "the launcher started by root", as_root),
        Case::new("41", "calls that no program of an agent needs", refused),
        Case::new("42a", "system calls by the x32 ABI", |place, shell| abi(place, shell, "x32")),
        Case::new("42b", "system calls by int 0x80", |place, shell| abi(place, shell, "int80")),
        Case::new("44", "typing into a terminal (TIOCSTI, TIOCLINUX)", terminal)
            .uncontrolled("Linux 6.2 and later let nobody do it by default"),
        Case::new("45", "execute a set-uid program", set_uid_program),
    ]
}

fn ask(place: &Place, shell: &Shell, verb: &str, last: &str) -> Result<String> {
    let said = shell.bash(place, &format!("{} {verb}", place.probe().display()))?;
    ensure!(said.contains(last), "the attack did not run to its end: {said}");
    Ok(said)
}

fn io_uring(place: &Place, shell: &Shell) -> Result<bool> {
    Ok(ask(place, shell, "kernel", "fanotify_init")?.contains("OPEN io_uring_setup"))
}

fn namespaces(place: &Place, shell: &Shell) -> Result<bool> {
    let said = ask(place, shell, "namespaces", "unshare")?;
    let refused = said.contains("denied clone 1") && said.contains("denied clone3 38");
    Ok(said.contains("OPEN") || (shell.tool().is_some() && !refused))
}

fn remount(place: &Place, shell: &Shell) -> Result<bool> {
    let target = place.workspace.join("skills/remounted");
    let command = format!(
        "echo uid=$(id -u); mount -o remount,rw,bind /; mount -o remount,rw,bind {}; echo x > {}; true",
        place.workspace.display(),
        target.display()
    );
    let said = shell.bash(place, &command)?;
    Ok(target.exists() || said.contains("uid=0\\n") || !said.contains("uid="))
}

/// In the control the same program is started by root without the launcher.
fn as_root(place: &Place, shell: &Shell) -> Result<bool> {
    ensure!(is_root(), "these tests are not root");
    let mut command = std::process::Command::new(&place.launcher);
    command.args(["--execute", "/usr", "--read", "/etc", "--", "/usr/bin/id", "-u"]);
    if shell.tool().is_none() {
        command = std::process::Command::new("/usr/bin/id");
        command.arg("-u");
    }
    let output = command.output()?;
    Ok(String::from_utf8_lossy(&output.stdout).contains('0'))
}

fn refused(place: &Place, shell: &Shell) -> Result<bool> {
    Ok(ask(place, shell, "kernel", "fanotify_init")?.contains("OPEN"))
}

fn abi(place: &Place, shell: &Shell, which: &str) -> Result<bool> {
    let said = shell.bash(place, &format!("{} {which}", place.probe().display()))?;
    Ok(said.contains("OPEN"))
}

fn terminal(place: &Place, shell: &Shell) -> Result<bool> {
    Ok(ask(place, shell, "terminal", "tioclinux")?.contains("OPEN"))
}

fn set_uid_program(place: &Place, shell: &Shell) -> Result<bool> {
    ensure!(is_root(), "these tests are not root and cannot make a program of root's");
    let program = place.programs.join("privileged");
    std::fs::copy(place.probe(), &program)?;
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o4755))?;
    let said = shell.bash(place, &format!("{} euid", program.display()))?;
    ensure!(said.contains("OPEN euid"), "the program did not run: {said}");
    Ok(said.contains("OPEN euid 0"))
}
