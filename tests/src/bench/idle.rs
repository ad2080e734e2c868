//! The memory of a real hub that has nothing to do.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, Command};

use super::error::{BenchError, within};
use crate::harness::builder;

const START_LIMIT: Duration = Duration::from_secs(30);
const KILL_LIMIT: Duration = Duration::from_secs(10);
const PROBE_LIMIT: Duration = Duration::from_secs(2);
const POLL: Duration = Duration::from_millis(100);
/// Memory is stable once it has not moved by more than this …
const STABLE_BYTES: u64 = 256 * 1024;
/// … over so many looks …
pub(crate) const STABLE_LOOKS: usize = 20;
/// … and is taken as it is after so many.
const MOST_LOOKS: usize = 200;
/// How much of the hub's output an error shows.
const LOG_TAIL: usize = 2000;

/// The hub's program: the one that was named, or the one beside this program.
pub(crate) fn hub_program(named: Option<&Path>) -> Result<PathBuf, BenchError> {
    let found = agentos_process::program(named, "agentos-hub", "cargo build -p agentos-hub");
    found.map_err(BenchError::NoHubProgram)
}

/// Starts the hub with an empty data folder, and returns its resident memory
/// in bytes once that is stable. The hub is killed then, and on every error.
pub(crate) async fn measure(folder: &Path, program: &Path) -> Result<u64, BenchError> {
    let (data, log) = (folder.join("idle-hub"), folder.join("idle-hub.log"));
    let unusable = |reason| BenchError::Folder { path: log.clone(), reason };
    let output = File::create(&log).map_err(unusable)?;
    let mut hub = Command::new(program)
        .args(["serve", "--listen", "127.0.0.1:0", "--link-listen", "127.0.0.1:0"])
        .args(["--log-level", "info", "--data"])
        .arg(&data)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(output)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| process(&log, format!("cannot be started: {error}")))?;
    within(START_LIMIT, "the start of the hub", healthy(&mut hub, &data, &log)).await??;
    let bytes = stable_memory(&mut hub, &log).await?;
    let killed = within(KILL_LIMIT, "the end of the hub", hub.kill()).await?;
    killed.map_err(|error| process(&log, format!("cannot be killed: {error}")))?;
    Ok(bytes)
}

/// An error of the hub's process, with the end of what it wrote.
fn process(log: &Path, problem: String) -> BenchError {
    let text = std::fs::read(log).unwrap_or_default();
    let tail = text.get(text.len().saturating_sub(LOG_TAIL)..).unwrap_or_default();
    let wrote = if tail.is_empty() { b"(nothing)" } else { tail };
    BenchError::HubProcess { problem, log: String::from_utf8_lossy(wrote).into_owned() }
}

/// Fails where the hub has ended.
fn still_running(hub: &mut Child, log: &Path) -> Result<(), BenchError> {
    match hub.try_wait() {
        Ok(None) => Ok(()),
        Ok(Some(status)) => Err(process(log, format!("ended ({status})"))),
        Err(error) => Err(process(log, format!("is out of reach: {error}"))),
    }
}

/// Waits until the hub answers that it is well.
async fn healthy(hub: &mut Child, data: &Path, log: &Path) -> Result<(), BenchError> {
    let http = builder(rustls::RootCertStore::empty(), &[])
        .map_err(|error| BenchError::part("http")(&*error))?;
    let http = http.timeout(PROBE_LIMIT).build();
    let http = http.map_err(|error| BenchError::part("http")(&error))?;
    loop {
        still_running(hub, log)?;
        if let Ok(address) = tokio::fs::read_to_string(data.join("api.addr")).await
            && let Ok(reply) = http.get(format!("http://{}/health", address.trim())).send().await
            && reply.status().is_success()
        {
            return Ok(());
        }
        tokio::time::sleep(POLL).await;
    }
}

async fn stable_memory(hub: &mut Child, log: &Path) -> Result<u64, BenchError> {
    let id = hub.id().ok_or_else(|| process(log, "has ended".to_owned()))?;
    let bytes = settled(id, STABLE_LOOKS).await;
    still_running(hub, log)?;
    bytes.ok_or_else(|| process(log, "does not show its memory".to_owned()))
}

/// The resident memory of a process in bytes, once it has not moved over so
/// many looks; `None` where the process has ended.
pub(crate) async fn settled(process: u32, stable_looks: usize) -> Option<u64> {
    let mut looks = Vec::new();
    loop {
        let bytes = resident_bytes(process).await?;
        looks.push(bytes);
        if is_stable(&looks, stable_looks) || looks.len() >= MOST_LOOKS {
            return Some(bytes);
        }
        tokio::time::sleep(POLL).await;
    }
}

fn is_stable(looks: &[u64], over: usize) -> bool {
    let Some(last) = looks.len().checked_sub(over).and_then(|from| looks.get(from..)) else {
        return false;
    };
    let (least, most) = (last.iter().min(), last.iter().max());
    matches!((least, most), (Some(least), Some(most)) if most - least <= STABLE_BYTES)
}

#[cfg(target_os = "linux")]
async fn resident_bytes(process: u32) -> Option<u64> {
    let status = tokio::fs::read_to_string(format!("/proc/{process}/status")).await.ok()?;
    kibibytes(status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?)
}

#[cfg(not(target_os = "linux"))]
async fn resident_bytes(process: u32) -> Option<u64> {
    let ps = Command::new("ps").args(["-o", "rss=", "-p", &process.to_string()]).output();
    let output = tokio::time::timeout(PROBE_LIMIT, ps).await.ok()?.ok()?;
    kibibytes(&String::from_utf8_lossy(&output.stdout))
}

/// The bytes of a number of KiB, as `ps` and `/proc` write it.
fn kibibytes(text: &str) -> Option<u64> {
    let number: u64 = text.trim().trim_end_matches("kB").trim().parse().ok()?;
    number.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_as_both_systems_write_it() {
        assert_eq!(kibibytes("\t   18432 kB"), Some(18432 * 1024));
        assert_eq!(kibibytes(" 18432\n"), Some(18432 * 1024));
        assert_eq!(kibibytes("none"), None);
    }

    #[test]
    fn memory_is_stable_when_the_last_looks_agree() {
        let mut looks = vec![1_000_000, 20_000_000];
        looks.extend([30_000_000; STABLE_LOOKS]);
        assert!(is_stable(&looks, STABLE_LOOKS));
        looks.push(40_000_000);
        assert!(!is_stable(&looks, STABLE_LOOKS));
        assert!(!is_stable(&[1; STABLE_LOOKS - 1], STABLE_LOOKS));
    }

    #[test]
    fn a_missing_program_is_told() {
        let error = hub_program(Some(Path::new("/nowhere/agentos-hub"))).unwrap_err();
        assert!(
            error.to_string().ends_with("builds it, or name another by --hub-binary"),
            "{error}"
        );
    }

    #[tokio::test]
    async fn a_hub_that_ends_at_once_is_told_with_what_it_wrote() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("hub");
        std::fs::write(&program, "#!/bin/sh\necho the port is taken >&2\nexit 3\n").unwrap();
        let mut permissions = std::fs::metadata(&program).unwrap().permissions();
        std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o755);
        std::fs::set_permissions(&program, permissions).unwrap();
        let error = measure(folder.path(), &program).await.unwrap_err().to_string();
        assert!(error.contains("ended") && error.contains("the port is taken"), "{error}");
    }
}
