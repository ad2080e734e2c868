//! What bubblewrap is told: a file system of bound parts, and namespaces.

use std::path::Path;

use super::arguments::{Arguments, Inside, of_launcher, push_command};
use super::system::System;
use super::{ChildSpec, Network};

/// Where the launcher lies inside.
const LAUNCHER: &str = "/run/agentos/launcher";

/// Where a program's own temporary files lie on the machine.
pub(super) struct Temporary<'a> {
    /// Its `/tmp`.
    pub(super) files: &'a Path,
    /// Its `/dev/shm`.
    pub(super) shared_memory: &'a Path,
}

/// All arguments: of bubblewrap, of the launcher in it, and of the program.
pub(super) fn arguments(
    spec: &ChildSpec,
    system: &System,
    launcher: &Path,
    temporary: &Temporary<'_>,
    own_network: bool,
) -> Arguments {
    let mut given = Arguments::default();
    // Nested user namespaces are off: what needs one cannot be undone inside.
    for flag in ["--unshare-user", "--disable-userns", "--unshare-pid", "--unshare-ipc"] {
        given.flag(flag);
    }
    for flag in ["--unshare-uts", "--unshare-cgroup-try"] {
        given.flag(flag);
    }
    if own_network || spec.network != Network::None {
        given.flag("--unshare-net");
    }
    for flag in ["--new-session", "--die-with-parent", "--clearenv"] {
        given.flag(flag);
    }
    given.one("--cap-drop", "ALL");
    given.one("--hostname", "sandbox");
    given.one("--proc", "/proc");
    given.one("--dev", "/dev");
    // On the disk, where usage is watched, and not in memory.
    given.two("--bind", temporary.shared_memory, "/dev/shm");
    given.two("--bind", temporary.files, "/tmp");
    for path in system.executable.iter().chain(&system.settings) {
        given.two("--ro-bind", path, path);
    }
    for (link, target) in &system.links {
        given.two("--symlink", target, link);
    }
    for path in spec.readable.iter().chain(&spec.executable).chain([&spec.folder]) {
        given.two("--ro-bind", path, path);
    }
    for path in spec.writable_paths() {
        given.two("--bind", &path, &path);
    }
    given.two("--ro-bind", launcher, LAUNCHER);
    if let Network::Proxy(socket) = &spec.network {
        given.two("--bind", socket, Network::SOCKET);
    }
    given.one("--remount-ro", "/");
    given.one("--chdir", &spec.folder);
    given.one("--", LAUNCHER);
    let inside = Inside { temporary: Path::new("/tmp"), namespaces: true, other_processes: 0 };
    given.0.extend(of_launcher(spec, system, &inside).0);
    push_command(&mut given, spec);
    given
}
