//! A process that is measured: its processor time and its memory.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use nix::time::ClockId;
use nix::unistd::Pid;

/// A process, killed when this is dropped.
pub(crate) struct Process(Child);

/// Memory that a process holds, in millions of bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Memory {
    /// Now.
    pub(crate) now: f64,
    /// The most so far.
    pub(crate) peak: f64,
}

impl Process {
    /// Starts one that says nothing of interest.
    pub(crate) fn start(program: &Path, args: &[&str]) -> Result<Self> {
        Ok(Self(spawn(program, args, Stdio::null())?))
    }

    /// Starts one whose first line is of interest, and gives that line.
    pub(crate) fn start_and_listen(program: &Path, args: &[&str]) -> Result<(Self, String)> {
        let mut child = spawn(program, args, Stdio::piped())?;
        let output = child.stdout.take();
        let process = Self(child);
        let mut line = String::new();
        BufReader::new(output.context("no output")?).read_line(&mut line)?;
        ensure!(!line.is_empty(), "{} ended before it said anything", program.display());
        Ok((process, line.trim().to_owned()))
    }

    /// Whether it has ended.
    pub(crate) fn has_ended(&mut self) -> Result<bool> {
        Ok(self.0.try_wait()?.is_some())
    }

    /// The processor time of the process, its threads of before included, and of
    /// its children that live.
    pub(crate) fn processor_time(&self) -> Result<Duration> {
        let tree = tree(self.0.id())?;
        tree.into_iter().map(processor_time).sum()
    }

    /// The memory of the process.
    pub(crate) fn memory(&self) -> Result<Memory> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id()))
            .context("memory is measured on Linux only")?;
        Ok(Memory { now: megabytes(&status, "VmRSS:")?, peak: megabytes(&status, "VmHWM:")? })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to kill.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn spawn(program: &Path, args: &[&str], output: Stdio) -> Result<Child> {
    Command::new(program)
        .args(args)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot start {}", program.display()))
}

/// By the clock of the process, which counts nanoseconds where `/proc/PID/stat`
/// counts hundredths of a second.
#[cfg(target_os = "linux")]
fn processor_time(process: u32) -> Result<Duration> {
    let process = Pid::from_raw(i32::try_from(process)?);
    Ok(ClockId::pid_cpu_clock_id(process)?.now()?.into())
}

#[cfg(not(target_os = "linux"))]
fn processor_time(_process: u32) -> Result<Duration> {
    anyhow::bail!("processor time is measured on Linux only")
}

/// A process and all below it.
fn tree(root: u32) -> Result<Vec<u32>> {
    let (mut found, mut next) = (vec![root], 0);
    while let Some(process) = found.get(next).copied() {
        next += 1;
        let threads = std::fs::read_dir(format!("/proc/{process}/task"))
            .context("processor time is measured on Linux only")?;
        for thread in threads {
            // Threads end while they are looked at.
            let children = std::fs::read_to_string(thread?.path().join("children"));
            let children = children.unwrap_or_default();
            found.extend(children.split_whitespace().filter_map(|id| id.parse::<u32>().ok()));
        }
    }
    Ok(found)
}

/// A size in `/proc/PID/status`, which counts kibibytes.
fn megabytes(status: &str, name: &str) -> Result<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kibibytes = line.and_then(|rest| rest.split_whitespace().next());
    let kibibytes: u32 = kibibytes.with_context(|| format!("no {name}"))?.parse()?;
    Ok(f64::from(kibibytes) * 1024.0 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_the_system_writes_them() {
        let status = "Name:\thub\nVmHWM:\t   20000 kB\nVmRSS:\t   10000 kB\n";
        assert!((megabytes(status, "VmRSS:").unwrap() - 10.24).abs() < 1e-9);
        assert!((megabytes(status, "VmHWM:").unwrap() - 20.48).abs() < 1e-9);
        assert!(megabytes(status, "VmSwap:").is_err());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn work_is_counted_also_that_of_children() {
        let shell = Path::new("/bin/sh");
        // The inner one works; the outer one waits for it.
        let work = "/bin/sh -c 'i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; echo done; \
                    read x; exit 1'; echo never";
        let mut command = Command::new(shell);
        command.args(["-c", work]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let process = Process(child);
        assert!(process.processor_time().unwrap() > Duration::from_millis(5));
        assert!(processor_time(process.0.id()).unwrap() < Duration::from_millis(5));
        assert!(process.memory().unwrap().now > 0.0);
    }
}
