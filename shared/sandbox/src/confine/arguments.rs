//! What the launcher is told.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use super::system::{DEVICES, System};
use super::{ChildSpec, Limits, Network};

/// The arguments of a program, one after the other.
#[derive(Debug, Default)]
pub(super) struct Arguments(pub(super) Vec<OsString>);

impl Arguments {
    pub(super) fn flag(&mut self, name: &str) {
        self.0.push(name.into());
    }

    pub(super) fn one(&mut self, name: &str, value: impl AsRef<OsStr>) {
        self.flag(name);
        self.0.push(value.as_ref().to_owned());
    }

    pub(super) fn two(&mut self, name: &str, first: impl AsRef<OsStr>, second: impl AsRef<OsStr>) {
        self.one(name, first);
        self.0.push(second.as_ref().to_owned());
    }
}

/// What differs between the tiers.
pub(super) struct Inside<'a> {
    /// The temporary folder, as the program sees it.
    pub(super) temporary: &'a Path,
    /// Its own `/proc` and `/dev/shm`: nobody else's.
    pub(super) namespaces: bool,
    /// Processes of the same user that the limit counts too.
    pub(super) other_processes: u64,
}

/// The launcher's arguments, up to the program's own.
pub(super) fn of_launcher(spec: &ChildSpec, system: &System, inside: &Inside<'_>) -> Arguments {
    let mut given = Arguments::default();
    for path in system.executable.iter().chain(&spec.executable) {
        given.one("--execute", path);
    }
    for path in system.settings.iter().chain([&spec.folder]).chain(&spec.readable) {
        given.one("--read", path);
    }
    for path in spec.writable_paths() {
        given.one("--write", path);
    }
    given.one("--write", inside.temporary);
    if inside.namespaces {
        given.one("--read", "/proc");
        given.one("--write", "/dev/shm");
    } else {
        system.machine.iter().for_each(|path| given.one("--read", path));
    }
    DEVICES.iter().for_each(|device| given.one("--device", device));
    limits(&mut given, &spec.limits, inside.other_processes);
    if matches!(spec.network, Network::Proxy(_)) {
        given.one("--network", "proxy");
    }
    environment(&mut given, spec, inside.temporary);
    given
}

fn limits(given: &mut Arguments, limits: &Limits, other_processes: u64) {
    let cpu = limits.cpu.as_secs() + u64::from(limits.cpu.subsec_nanos() > 0);
    for (name, value) in [
        ("--cpu-seconds", cpu.max(1)),
        ("--memory", limits.memory),
        ("--processes", limits.processes.saturating_add(other_processes)),
        ("--open-files", limits.open_files),
        ("--file-size", limits.file_size),
    ] {
        given.one(name, value.to_string());
    }
}

fn environment(given: &mut Arguments, spec: &ChildSpec, temporary: &Path) {
    let defaults = [
        ("PATH", OsStr::new("/usr/local/bin:/usr/bin:/bin")),
        ("HOME", temporary.as_os_str()),
        ("TMPDIR", temporary.as_os_str()),
        ("LANG", OsStr::new("C.UTF-8")),
    ];
    let mut set = |name: &str, value: &OsStr| {
        let mut variable = OsString::from(format!("{name}="));
        variable.push(value);
        given.one("--env", variable);
    };
    for (name, value) in defaults {
        if !spec.environment.contains_key(name) {
            set(name, value);
        }
    }
    for (name, value) in &spec.environment {
        set(name, OsStr::new(value));
    }
    if matches!(spec.network, Network::Proxy(_)) {
        set("AGENTOS_EGRESS_SOCKET", OsStr::new(Network::SOCKET));
    }
}

/// `--`, the program and its own arguments.
pub(super) fn push_command(given: &mut Arguments, spec: &ChildSpec) {
    given.one("--", &spec.program);
    given.0.extend(spec.arguments.iter().cloned());
}
