//! What the figures depend on besides the program.

use std::path::Path;

/// The machine, as far as it matters for the figures.
#[derive(Debug, Clone, PartialEq)]
pub struct Machine {
    /// Cores that this process may use.
    pub cores: usize,
    /// The system's load over the last minute, before the measurements; not a
    /// number where the system does not tell.
    pub load_average: f64,
    /// Whether the databases lie in memory, where an fsync does nothing.
    pub in_memory: bool,
    /// Whether the program was built without the optimisations of a release.
    pub debug_build: bool,
}

impl Machine {
    /// This machine, with the databases in `folder`.
    #[must_use]
    pub fn look(folder: &Path) -> Self {
        Self {
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            load_average: sysinfo::System::load_average().map_or(f64::NAN, |load| load.one),
            in_memory: in_memory(folder),
            debug_build: cfg!(debug_assertions),
        }
    }

    /// The lines above the table.
    #[must_use]
    pub fn head(&self, folder: &Path) -> String {
        let Self { cores, load_average, .. } = self;
        let build = if self.debug_build { "development" } else { "release" };
        let mut head = format!(
            "{cores} cores, load average {load_average:.2}, {build} build, databases in {}\n",
            folder.display()
        );
        if self.in_memory {
            head.push_str(
                "note: that folder is in memory: fsync does nothing there, \
                 and the figures of journal and tool calls say nothing about a disk \
                 (name a folder on a disk by --dir)\n",
            );
        }
        if load_average / cores_as_number(*cores) > 0.5 {
            head.push_str("note: this machine is busy with other work: expect worse figures\n");
        }
        head
    }
}

fn cores_as_number(cores: usize) -> f64 {
    f64::from(u32::try_from(cores).unwrap_or(u32::MAX))
}

#[cfg(target_os = "linux")]
fn in_memory(folder: &Path) -> bool {
    use nix::sys::statfs::{TMPFS_MAGIC, statfs};
    statfs(folder).is_ok_and(|stat| stat.filesystem_type() == TMPFS_MAGIC)
}

#[cfg(not(target_os = "linux"))]
fn in_memory(_folder: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine() -> Machine {
        Machine { cores: 4, load_average: 0.3, in_memory: false, debug_build: false }
    }

    #[test]
    fn a_quiet_machine_with_a_disk_needs_no_notes() {
        let head = machine().head(Path::new("/data"));
        assert_eq!(head, "4 cores, load average 0.30, release build, databases in /data\n");
    }

    #[test]
    fn memory_and_load_are_told() {
        let busy = Machine { load_average: 3.0, in_memory: true, ..machine() };
        let head = busy.head(Path::new("/tmp"));
        assert!(head.contains("fsync does nothing") && head.contains("busy"), "{head}");
    }
}
