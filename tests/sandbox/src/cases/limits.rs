//! More than its share.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Result, ensure};

use super::Case;
use super::processes::with_argument;
use crate::place::Place;
use crate::shell::{Shell, small_limits};

const HARM: &str = "it would harm this machine";

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new("46", "more memory than is allowed", memory),
        Case::new("47", "a fork bomb", bomb).uncontrolled(HARM),
        Case::new("48a", "one file of 100 GiB", large_file).uncontrolled(HARM),
        Case::new("48b", "many files and many large ones", many_files).uncontrolled(HARM),
        Case::new("49a", "output without end", endless_output).uncontrolled(HARM),
        Case::new("49b", "one line of 50 MB, and control characters", odd_output),
    ]
}

fn memory(place: &Place, shell: &Shell) -> Result<bool> {
    let bytes = small_limits().memory + (256 << 20);
    let said = shell.bash(place, &format!("{} allocate {bytes}", place.probe().display()))?;
    Ok(said.contains("OPEN allocate"))
}

fn bomb(place: &Place, shell: &Shell) -> Result<bool> {
    // Each of its processes has the whole command as its argument.
    let command =
        format!("bomb() {{ bomb | bomb & }}; : {}; bomb; sleep 3", place.outside.display());
    let (most, done) = (AtomicUsize::new(0), AtomicBool::new(false));
    let ran = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                most.fetch_max(with_argument(&command).len(), Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        let ran = shell.bash(place, &command);
        done.store(true, Ordering::Relaxed);
        ran
    });
    ran?;
    let most = most.into_inner();
    ensure!(most > 10, "the bomb did not go off: {most} processes");
    std::thread::sleep(Duration::from_millis(300));
    // The supervisor, bubblewrap and the launcher carry the command as well.
    let allowed = usize::try_from(small_limits().processes)? + 4;
    Ok(most > allowed || !with_argument(&command).is_empty())
}

/// Bytes and entries below a folder.
fn usage(folder: &Path) -> std::io::Result<(u64, u64)> {
    let (mut bytes, mut entries) = (0, 0);
    for entry in std::fs::read_dir(folder)? {
        let metadata = entry?.metadata()?;
        (bytes, entries) = (bytes + metadata.blocks() * 512, entries + 1);
    }
    Ok((bytes, entries))
}

fn large_file(place: &Place, shell: &Shell) -> Result<bool> {
    let said = shell.bash(place, "head -c 100G /dev/zero > temp/large; echo ended with $?")?;
    ensure!(said.contains("ended with"), "it did not run to its end: {said}");
    let large = std::fs::metadata(place.workspace.join("temp/large"))?.len();
    ensure!(large > 0, "nothing was written");
    Ok(large > small_limits().file_size)
}

fn many_files(place: &Place, shell: &Shell) -> Result<bool> {
    let limits = small_limits();
    let many = "i=0; while :; do i=$((i+1)); : > temp/f$i; done";
    let said = shell.bash(place, many)?;
    let (_, files) = usage(&place.workspace.join("temp"))?;
    ensure!(said.contains("ended_by_limit"), "no limit ended it: {said}");
    shell.bash(place, "find temp -name 'f*' -delete")?;
    let large = "i=0; while :; do i=$((i+1)); head -c 8M /dev/zero > temp/g$i; done";
    let said = shell.bash(place, large)?;
    let (bytes, _) = usage(&place.workspace.join("temp"))?;
    ensure!(said.contains("ended_by_limit\":\"disk"), "no limit of disk ended it: {said}");
    shell.bash(place, "rm -f temp/g*")?;
    // Looked at five times a second: what was written meanwhile is too much.
    Ok(files > 20 * limits.files || bytes > (2 << 30))
}

fn endless_output(place: &Place, shell: &Shell) -> Result<bool> {
    let said = shell.bash(place, "timeout 2 yes; timeout 1 yes >&2; echo")?;
    ensure!(said.contains("cut off after"), "nothing says that it was cut off");
    Ok(said.len() > 4 * small_limits().output)
}

fn odd_output(place: &Place, shell: &Shell) -> Result<bool> {
    let command = "head -c 50M /dev/zero | tr '\\0' a >&2; \
        printf 'start \\e[2J\\e]0;title\\a \\x9b31m \\xff\\xfe \\xe2\\x80\\xae end\\r over'";
    let said = shell.bash(place, command)?;
    ensure!(said.contains("start "), "nothing was printed");
    let harmful = |text: &str| {
        let control = |c: char| (c.is_control() && c != '\n' && c != '\t') || c == '\u{202E}';
        text.contains(control)
    };
    if shell.tool().is_none() {
        return Ok(harmful(&said) && said.len() > 50_000_000);
    }
    // As the model and the log get it: the JSON's strings, read.
    let answer: serde_json::Value = serde_json::from_str(&said)?;
    let texts =
        ["stdout", "stderr"].map(|name| answer[name].as_str().unwrap_or_default().to_owned());
    ensure!(answer["truncated"] == true, "it was not marked as cut off");
    Ok(texts.iter().any(|text| harmful(text)) || said.len() > 4 * small_limits().output)
}
