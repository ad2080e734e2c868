//! The parts of this machine that programs need.

use std::path::{Path, PathBuf};

/// Settings that programs read and that tell nothing of the machine's people.
const SETTINGS: [&str; 14] = [
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/alternatives",
    "/etc/bash.bashrc",
    "/etc/ca-certificates",
    "/etc/gitconfig",
    "/etc/inputrc",
    "/etc/localtime",
    "/etc/mime.types",
    "/etc/pki/tls/certs",
    "/etc/python3",
    "/etc/python3.11",
    "/etc/ssl/certs",
];

/// Where programs and their libraries lie, besides `/usr`.
const FOLDERS: [&str; 5] = ["/bin", "/sbin", "/lib", "/lib32", "/lib64"];

/// What tells about the processor and memory, and nothing about processes.
const MACHINE: [&str; 2] = ["/proc/cpuinfo", "/proc/meminfo"];

/// The devices that programs may open.
pub(super) const DEVICES: [&str; 5] =
    ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"];

/// What there is of it here.
#[derive(Debug, Clone)]
pub(super) struct System {
    /// Folders of programs and libraries.
    pub(super) executable: Vec<PathBuf>,
    /// Links to them: where they lie, and what they say.
    pub(super) links: Vec<(PathBuf, PathBuf)>,
    /// Files and folders of settings.
    pub(super) settings: Vec<PathBuf>,
    /// Files about the machine.
    pub(super) machine: Vec<PathBuf>,
}

fn existing(paths: &[&str]) -> Vec<PathBuf> {
    paths.iter().map(PathBuf::from).filter(|path| path.exists()).collect()
}

impl System {
    pub(super) fn look() -> Self {
        let (mut executable, mut links) = (existing(&["/usr"]), Vec::new());
        for folder in FOLDERS.map(Path::new) {
            match folder.read_link() {
                Ok(target) => links.push((folder.to_owned(), target)),
                Err(_) if folder.is_dir() => executable.push(folder.to_owned()),
                Err(_) => {}
            }
        }
        Self { executable, links, settings: existing(&SETTINGS), machine: existing(&MACHINE) }
    }
}
