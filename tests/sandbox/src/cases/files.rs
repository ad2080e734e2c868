//! Files outside, files that are obeyed, files that are left behind.

use std::fs;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::process::{Child, Stdio};

use agentos_domain::ToolOutcome;
use agentos_sandbox::Tier;
use anyhow::{Result, ensure};
use serde_json::json;

use super::Case;
use crate::CANARY;
use crate::place::Place;
use crate::shell::{Shell, as_user};

const ALONE: &[Tier] = &[Tier::Launcher];

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new("1", "read a file outside", read_outside),
        Case::new("3", "link to a file outside, read by a tool of the host", link_to_file),
        Case::new("4", "link to a folder outside, written through", link_to_folder),
        Case::new("5", "hard link to a file outside", hard_link),
        Case::new("6", "rename out of and into the folder", rename),
        Case::new("7", "truncate and append to a file outside", truncate),
        Case::new("8", "read by way of /proc", by_proc),
        Case::new("9", "read the worker's environment", environment),
        Case::new("10", "read inherited descriptors", descriptors),
        Case::new("11", "write skills", skills),
        Case::new("12", "create control files that did not exist", control_files),
        Case::new("13a", "learn whether a file outside exists, and its size", stat).open_in(ALONE),
        Case::new("13b", "change times of a file outside", times).open_in(ALONE),
        Case::new("13c", "set an extended attribute of a file outside", attribute),
        Case::new("13d", "change the mode of a file outside", mode).open_in(ALONE),
        Case::new("15", "open and make device nodes", devices)
            .uncontrolled("only root may, and nobody should"),
        Case::new("16", "leave pipes, links and odd names for the collector", left_behind),
        Case::new("16b", "give a file a set-uid bit", set_uid_bit),
    ]
}

fn read_outside(place: &Place, shell: &Shell) -> Result<bool> {
    Ok(shell.bash(place, &format!("cat {}", place.out("secret.txt")))?.contains(CANARY))
}

fn link_to_file(place: &Place, shell: &Shell) -> Result<bool> {
    shell.bash(place, &format!("ln -s {} temp/l", place.out("secret.txt")))?;
    let Some(tool) = shell.tool() else {
        // Whoever follows paths reads it.
        return Ok(fs::read_to_string(place.workspace.join("temp/l"))?.contains(CANARY));
    };
    // Also where the link is made after the collector has passed.
    let linked = place.workspace.join("temp/m");
    std::os::unix::fs::symlink(place.outside.join("secret.txt"), linked)?;
    let mut leaked = false;
    for path in ["temp/l", "temp/m"] {
        let outcome = tool.call("file_read", json!({ "path": path }))?;
        leaked |= matches!(&outcome, ToolOutcome::Ok(_)) || format!("{outcome:?}").contains(CANARY);
    }
    Ok(leaked)
}

fn link_to_folder(place: &Place, shell: &Shell) -> Result<bool> {
    let out = place.outside.display();
    shell.bash(place, &format!("ln -s {out} temp/d; echo x > temp/d/new; echo x > temp/d/new2"))?;
    Ok(place.outside.join("new").exists() || place.outside.join("new2").exists())
}

fn hard_link(place: &Place, shell: &Shell) -> Result<bool> {
    let (probe, victim) = (place.probe(), place.out("victim"));
    shell.bash(place, &format!("{} link {victim} temp/h", probe.display()))?;
    Ok(fs::metadata(place.outside.join("victim"))?.nlink() != 1)
}

fn rename(place: &Place, shell: &Shell) -> Result<bool> {
    let (probe, victim, new) = (place.probe(), place.out("victim"), place.out("moved"));
    let probe = probe.display();
    let command =
        format!("{probe} rename {victim} temp/v; echo x > temp/own; {probe} rename temp/own {new}");
    shell.bash(place, &command)?;
    Ok(!place.victim_is_unharmed() || place.outside.join("moved").exists())
}

fn truncate(place: &Place, shell: &Shell) -> Result<bool> {
    let victim = place.out("victim");
    shell.bash(place, &format!("echo more >> {victim}; truncate -s 0 {victim}; : > {victim}"))?;
    Ok(!place.victim_is_unharmed())
}

/// A process of the program's user that has a secret in its environment.
pub(super) struct Victim(pub(super) Child);

impl Victim {
    pub(super) fn start() -> Result<Self> {
        let mut command = as_user("/bin/sleep");
        command.arg("1000").env("SECRET", CANARY).stdin(Stdio::null()).current_dir("/");
        Ok(Self(command.spawn()?))
    }

    pub(super) fn lives(&mut self) -> Result<bool> {
        Ok(self.0.try_wait()?.is_none())
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn by_proc(place: &Place, shell: &Shell) -> Result<bool> {
    let victim = Victim::start()?;
    let (pid, secret) = (victim.0.id(), place.out("secret.txt"));
    let command = format!(
        "cat /proc/self/root{secret} /proc/{pid}/root{secret} /proc/{pid}/cwd{secret}; \
         tr '\\0' '\\n' < /proc/{pid}/environ; cat /proc/1/environ /proc/[0-9]*/environ"
    );
    Ok(shell.bash(place, &command)?.contains(CANARY))
}

fn environment(place: &Place, shell: &Shell) -> Result<bool> {
    ensure!(std::env::var("API_KEY").is_ok_and(|key| key == CANARY), "the worker has no API_KEY");
    let said = shell.bash(place, "env; cat /proc/self/environ; cat /proc/$$/environ")?;
    if shell.tool().is_some() {
        ensure!(said.contains("ALLOWED=yes"), "the allowed variable is missing: {said}");
    }
    Ok(said.contains(CANARY))
}

fn descriptors(place: &Place, shell: &Shell) -> Result<bool> {
    use nix::fcntl::{FcntlArg, FdFlag, fcntl};
    let secret = fs::File::open(place.outside.join("secret.txt"))?;
    fcntl(&secret, FcntlArg::F_SETFD(FdFlag::empty()))?;
    let said = shell.bash(place, &format!("{} descriptors", place.probe().display()))?;
    drop(secret);
    Ok(said.contains(CANARY))
}

fn skills(place: &Place, shell: &Shell) -> Result<bool> {
    let command = "echo x > skills/new.py; echo x >> skills/own.py; rm -f skills/own.py; \
        mv skills away; ln -sf ../memory/notes.txt skills/link; chmod 777 skills";
    shell.bash(place, command)?;
    let skills = place.workspace.join("skills");
    let own = fs::read_to_string(skills.join("own.py")).unwrap_or_default();
    Ok(own != "print('own skill')\n" || fs::read_dir(skills)?.count() != 1)
}

fn control_files(place: &Place, shell: &Shell) -> Result<bool> {
    let command = "mkdir -p .agentos skills/x agents; echo x > .agentos/config.toml; \
        echo x > skills/x/hooks.toml; echo x > agents/evil.yaml; echo x > ../agents.toml; \
        echo x > temp/../agents.yaml";
    shell.bash(place, command)?;
    let made = [".agentos", "skills/x", "agents", "../agents.toml", "agents.yaml"];
    Ok(made.iter().any(|path| place.workspace.join(path).exists()))
}

fn stat(place: &Place, shell: &Shell) -> Result<bool> {
    fs::write(place.outside.join("sized"), vec![0; 4711])?;
    Ok(shell
        .bash(place, &format!("stat -c 'size %s' {}", place.out("sized")))?
        .contains("size 4711"))
}

fn times(place: &Place, shell: &Shell) -> Result<bool> {
    shell.bash(place, &format!("touch -d 2001-01-01 {}", place.out("victim")))?;
    Ok(fs::metadata(place.outside.join("victim"))?.mtime() < 1_000_000_000)
}

fn attribute(place: &Place, shell: &Shell) -> Result<bool> {
    shell.bash(place, &format!("{} xattr {}", place.probe().display(), place.out("victim")))?;
    let code = format!("import os; print(os.listxattr('{}'))", place.out("victim"));
    let listed = std::process::Command::new("/usr/bin/python3").args(["-c", &code]).output()?;
    ensure!(listed.status.success(), "there is no Python to look with");
    Ok(String::from_utf8_lossy(&listed.stdout).contains("user.agentos"))
}

fn mode(place: &Place, shell: &Shell) -> Result<bool> {
    shell.bash(place, &format!("chmod 600 {}", place.out("victim")))?;
    Ok(fs::metadata(place.outside.join("victim"))?.mode() & 0o777 != 0o666)
}

fn devices(place: &Place, shell: &Shell) -> Result<bool> {
    let command = "for d in /dev/vda /dev/sda /dev/nvme0n1 /dev/mem /dev/kmsg /dev/port; do \
        head -c 16 $d >/dev/null 2>&1 && echo OPENED $d; done; \
        mknod temp/null c 1 3 && echo MADE; mknod temp/mem c 1 1 && echo MADE; \
        mknod temp/disk b 8 0 && echo MADE; true";
    let said = shell.bash(place, command)?;
    let made = fs::read_dir(place.workspace.join("temp"))?.flatten();
    let made = made.filter(|entry| {
        entry.file_type().is_ok_and(|kind| kind.is_char_device() || kind.is_block_device())
    });
    Ok(said.contains("OPENED") || said.contains("MADE") || made.count() > 0)
}

fn left_behind(place: &Place, shell: &Shell) -> Result<bool> {
    let command = "cd outputs; mkfifo pipe; ln -s /etc/passwd link; ln -s / all; mkdir deep; \
        mkfifo deep/pipe; echo x > $'new\\nline'; echo x > $'esc\\e[2J'; echo fine > fine; \
        mkdir shut; echo x > shut/x; chmod 000 shut; chmod 000 fine; \
        python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"sock\")'; true";
    shell.bash(place, command)?;
    let outputs = place.workspace.join("outputs");
    if shell.tool().is_some() {
        ensure!(
            fs::read_to_string(outputs.join("fine"))?.contains("fine"),
            "an honest file is lost"
        );
    }
    Ok(odd(&outputs)?)
}

/// Whether anything but regular files and folders with plain names lies there.
fn odd(folder: &std::path::Path) -> std::io::Result<bool> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.path().symlink_metadata()?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let regular = metadata.is_file() || metadata.is_dir();
        let privileged = metadata.permissions().mode() & 0o6000 != 0;
        if !regular || privileged || name.contains(char::is_control) {
            return Ok(true);
        }
        if metadata.is_dir() && odd(&entry.path())? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn set_uid_bit(place: &Place, shell: &Shell) -> Result<bool> {
    let probe = place.probe();
    let said = shell.bash(
        place,
        &format!("echo x > temp/own; chmod 4755 temp/own; {} modes temp/own", probe.display()),
    )?;
    // The tool's collector clears bits: what the calls answered counts, too.
    Ok(said.contains("OPEN") || odd(&place.workspace.join("temp"))?)
}
