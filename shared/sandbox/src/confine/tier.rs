//! How strong a confinement is.

use std::fmt;

/// A way to confine programs; a greater one is stronger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// The launcher alone: for containers, where there are no user namespaces.
    Launcher,
    /// The launcher inside bubblewrap, with namespaces of its own.
    Bubblewrap,
}

const OF_BOTH: [&str; 8] = [
    "opens only the files that were granted (Landlock)",
    "writes only in the folders that were granted; skills and control files are read-only",
    "opens no sockets unless it was given the egress proxy (seccomp)",
    "signals and traces no process outside (Landlock, seccomp)",
    "gains no privileges (no_new_privs), no namespaces, no mounts (seccomp)",
    "inherits no descriptors and no environment",
    "limits: time, processor time, memory per process, processes, open files, file size, disk, output",
    "everything that it started ends with the call",
];

/// Only where it is configured.
pub(super) const OWN_NETWORK: &str =
    "has a network of its own that leads nowhere (network namespace)";

const OF_BUBBLEWRAP: [&str; 4] = [
    "paths that were not granted do not exist (mount namespace)",
    "sees no process outside (PID namespace)",
    OWN_NETWORK,
    "shares no System V memory, no host name (IPC and UTS namespaces)",
];

const OPEN_IN_LAUNCHER: [&str; 4] = [
    "learns whether a path exists, and its size and times (Landlock does not cover metadata)",
    "changes times and modes of files outside that its user owns",
    "sees numbers of processes outside",
    "if the supervisor is killed from outside, detached processes live on",
];

const OPEN_IN_BOTH: [&str; 2] = [
    "memory is limited per process, not of all together",
    "executes what it wrote by way of an interpreter or the dynamic loader, within its confinement",
];

impl Tier {
    /// The name that is reported and configured.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Launcher => "launcher",
            Self::Bubblewrap => "bubblewrap+launcher",
        }
    }

    /// What holds for every program that runs in it.
    #[must_use]
    pub fn guarantees(self) -> Vec<&'static str> {
        let own: &[_] = match self {
            Self::Launcher => &[],
            Self::Bubblewrap => &OF_BUBBLEWRAP,
        };
        OF_BOTH.iter().chain(own).copied().collect()
    }

    /// What it is known not to prevent.
    #[must_use]
    pub fn known_open(self) -> Vec<&'static str> {
        let own: &[_] = match self {
            Self::Launcher => &OPEN_IN_LAUNCHER,
            Self::Bubblewrap => &[],
        };
        own.iter().chain(&OPEN_IN_BOTH).copied().collect()
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
