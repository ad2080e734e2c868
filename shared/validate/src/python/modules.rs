//! The modules that are known, and what of them may be used.

use std::collections::BTreeMap;
use std::sync::LazyLock;

/// What the table says of a name of a module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// It may be used, with this permission where there is one.
    Name(Option<&'static str>),
    /// It is a module too.
    Module,
}

/// Names, and the permissions that they need.
type Names = BTreeMap<&'static str, Option<&'static str>>;

static TABLE: LazyLock<BTreeMap<&'static str, Names>> = LazyLock::new(|| {
    let lines = include_str!("modules.txt").lines().filter(|line| !line.starts_with('#'));
    let mut table: BTreeMap<&str, Names> = BTreeMap::new();
    let mut module = "";
    for line in lines {
        let names = match line.split_once(':').filter(|_| !line.starts_with(' ')) {
            Some((name, names)) => {
                module = name;
                names
            }
            None => line,
        };
        let known = table.entry(module).or_default();
        known.extend(names.split_whitespace().map(|name| match name.split_once('@') {
            Some((name, permission)) => (name, Some(permission)),
            None => (name, None),
        }));
    }
    table
});

/// Modules that reach everything: no list of an agent allows them.
const NEVER: &[&str] = &[
    "_ctypes",
    "_posixsubprocess",
    "_thread",
    "antigravity",
    "ast",
    "bdb",
    "builtins",
    "cffi",
    "cProfile",
    "code",
    "codecs",
    "codeop",
    "commands",
    "ctypes",
    "dbm",
    "dill",
    "dis",
    "distutils",
    "doctest",
    "ensurepip",
    "faulthandler",
    "fcntl",
    "ftplib",
    "gc",
    "imaplib",
    "imp",
    "importlib",
    "inspect",
    "joblib",
    "linecache",
    "marshal",
    "mmap",
    "modulefinder",
    "multiprocessing",
    "nntplib",
    "nt",
    "paramiko",
    "pdb",
    "pexpect",
    "pickle",
    "pickletools",
    "pip",
    "pkgutil",
    "poplib",
    "posix",
    "profile",
    "pty",
    "pydoc",
    "readline",
    "resource",
    "rlcompleter",
    "runpy",
    "sched",
    "select",
    "selectors",
    "setuptools",
    "sh",
    "shelve",
    "signal",
    "site",
    "smtplib",
    "socket",
    "socketserver",
    "ssl",
    "subprocess",
    "symtable",
    "sysconfig",
    "syslog",
    "telnetlib",
    "termios",
    "timeit",
    "trace",
    "tracemalloc",
    "tty",
    "turtle",
    "venv",
    "webbrowser",
    "winreg",
    "xmlrpc",
    "zipapp",
    "zipimport",
];

/// Whether no list of an agent allows a module.
pub(super) fn is_never_allowed(module: &str) -> bool {
    let root = module.split('.').next().unwrap_or(module);
    NEVER.contains(&root)
}

/// Whether the table has a module.
pub(super) fn is_known(module: &str) -> bool {
    TABLE.contains_key(module)
}

/// The permission that every name of a module needs, such as for `requests`.
pub(super) fn needed_for_all(module: &str) -> Option<&'static str> {
    TABLE.get(module).and_then(|names| names.get("*").copied().flatten())
}

/// What `name` of a module is; `None` where it may not be used.
pub(super) fn lookup(module: &str, name: &str) -> Option<Known> {
    if is_known(&format!("{module}.{name}")) {
        return Some(Known::Module);
    }
    let names = TABLE.get(module)?;
    if let Some(permission) = names.get(name) {
        return Some(Known::Name(*permission));
    }
    let any = names.get("*").filter(|_| !name.starts_with('_'));
    any.map(|permission| Known::Name(*permission))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_read_whole() {
        assert!(TABLE.len() > 80, "{} modules", TABLE.len());
        assert_eq!(lookup("json", "dumps"), Some(Known::Name(None)));
        assert_eq!(lookup("os", "remove"), Some(Known::Name(Some("fs.write"))));
        assert_eq!(lookup("os", "path"), Some(Known::Module));
        assert_eq!(lookup("requests", "get"), Some(Known::Name(Some("network.http"))));
        assert_eq!(needed_for_all("requests"), Some("network.http"));
        for (module, name) in [("os", "system"), ("os", "environ"), ("sys", "modules")] {
            assert_eq!(lookup(module, name), None, "{module}.{name}");
        }
        for module in TABLE.keys() {
            assert!(!is_never_allowed(module), "{module}");
        }
    }
}
