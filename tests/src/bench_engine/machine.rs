//! When, of which state of the sources and on what machine was measured.

use std::path::Path;
use std::process::Command;

use sysinfo::{CpuRefreshKind, MemoryRefreshKind, RefreshKind, System};

use super::filler::clock;
use crate::bench::Machine;

/// The time, the commit and the hardware.
#[derive(Debug, Clone)]
pub(super) struct Circumstances {
    /// To the second, UTC.
    pub(super) date: String,
    /// With a plus where files differ from it; empty outside a clone.
    pub(super) commit: String,
    pub(super) cpu: String,
    pub(super) memory_gb: u64,
    pub(super) machine: Machine,
}

impl Circumstances {
    /// Those of now, with the databases in `folder`.
    pub(super) fn look(folder: &Path) -> Self {
        let what = RefreshKind::nothing()
            .with_cpu(CpuRefreshKind::nothing())
            .with_memory(MemoryRefreshKind::nothing().with_ram());
        // Where the system does not tell, the line says so.
        let system = System::new_with_specifics(what).ok();
        let cpu = system
            .as_ref()
            .and_then(|system| Some(system.cpus().first()?.brand().trim().to_owned()));
        Self {
            date: clock().now().to_string(),
            commit: commit().unwrap_or_default(),
            cpu: cpu.unwrap_or_else(|| "unknown processor".to_owned()),
            memory_gb: system.map_or(0, |system| system.total_memory() / 1_000_000_000),
            machine: Machine::look(folder),
        }
    }

    /// The lines above the table.
    pub(super) fn head(&self, folder: &Path) -> String {
        let Self { date, commit, cpu, memory_gb, machine } = self;
        format!("{date}, commit {commit}, {cpu}, {memory_gb} GB\n{}", machine.head(folder))
    }
}

fn commit() -> Option<String> {
    let git = |args: &[&str]| {
        let output =
            Command::new("git").current_dir(env!("CARGO_MANIFEST_DIR")).args(args).output();
        let output = output.ok().filter(|output| output.status.success())?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let mut commit = git(&["rev-parse", "--short=10", "HEAD"])?;
    if !git(&["status", "--porcelain", "--untracked-files=no"])?.is_empty() {
        commit.push('+');
    }
    Some(commit)
}
