//! Profiles for macOS's Seatbelt, in its language (SBPL): everything is denied
//! but what a line allows; of two lines that fit, the later one counts.
//!
//! Nothing here was tried on a Mac: `deploy/macos/check_sandbox.sh` does that.
//! Until a person has run it, [`Confinement::detect`](super::Confinement::detect)
//! refuses there. Weaker than Linux by nature: macOS has no namespaces, so all
//! processes of the user are seen, and a user of its own (`_agentos`) stands in
//! for them.

use std::path::{Path, PathBuf};

use super::PROTECTED;

/// Services that programs may ask: names of users and groups. No more: by way
/// of LaunchServices, Apple events, the Keychain's services or the DNS
/// responder a program gets out.
const SERVICES: [&str; 1] = ["com.apple.system.opendirectoryd.libinfo"];

/// What is read by every program: the system's own parts, which hold nothing
/// of people.
const SYSTEM: [&str; 12] = [
    "/System/Library",
    "/System/Volumes/Preboot/Cryptexes",
    "/bin",
    "/usr/bin",
    "/usr/lib",
    "/usr/libexec",
    "/usr/share",
    "/Library/Apple",
    "/Library/Developer/CommandLineTools",
    "/private/etc/ssl",
    "/private/var/db/timezone",
    "/private/var/select",
];

/// Folders whose programs may be executed.
const PROGRAMS: [&str; 5] =
    ["/bin", "/usr/bin", "/usr/lib", "/usr/libexec", "/Library/Developer/CommandLineTools"];

/// Programs that ask others to act. A copy of one is as good, so this is a
/// second line: the first is that none of their services is reachable.
const DELEGATES: [&str; 10] = [
    "/bin/launchctl",
    "/usr/bin/at",
    "/usr/bin/automator",
    "/usr/bin/crontab",
    "/usr/bin/defaults",
    "/usr/bin/open",
    "/usr/bin/osascript",
    "/usr/bin/security",
    "/usr/bin/sudo",
    "/usr/sbin/screencapture",
];

/// Facts about the machine that interpreters ask for.
const FACTS: [&str; 12] = [
    "hw.activecpu",
    "hw.byteorder",
    "hw.logicalcpu",
    "hw.machine",
    "hw.memsize",
    "hw.ncpu",
    "hw.pagesize",
    "hw.physicalcpu",
    "kern.osproductversion",
    "kern.osrelease",
    "kern.ostype",
    "kern.version",
];

const DEVICES: [&str; 4] = ["/dev/null", "/dev/random", "/dev/urandom", "/dev/zero"];

/// A path that no profile can hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SeatbeltError {
    /// It would be read as another path, or as a part of the profile.
    #[error(
        "`{0}` cannot be in a profile: give an absolute path without `..` and control characters"
    )]
    InvalidPath(String),
}

/// What a program may do on a Mac.
#[derive(Debug, Clone, Default)]
pub struct SeatbeltPolicy {
    /// The run's folder, which it may read.
    pub folder: PathBuf,
    /// Folders below it that it may write, such as `temp`.
    pub writable: Vec<PathBuf>,
    /// Its temporary folder.
    pub temporary: PathBuf,
    /// More that it may read.
    pub readable: Vec<PathBuf>,
    /// More that it may read and execute.
    pub executable: Vec<PathBuf>,
    /// The local port of the egress proxy; no network without.
    pub proxy_port: Option<u16>,
}

/// Both spellings of a path behind macOS's links `/tmp`, `/var` and `/etc`.
fn spellings(path: &Path) -> Vec<PathBuf> {
    let mut all = vec![path.to_owned()];
    for linked in ["tmp", "var", "etc"] {
        let (short, long) = (Path::new("/").join(linked), Path::new("/private").join(linked));
        if let Ok(rest) = path.strip_prefix(&short) {
            all.push(long.join(rest));
        } else if let Ok(rest) = path.strip_prefix(&long) {
            all.push(short.join(rest));
        }
    }
    all
}

/// A path as a string of the profile.
fn quoted(path: &Path) -> Result<String, SeatbeltError> {
    let invalid = || SeatbeltError::InvalidPath(path.to_string_lossy().escape_debug().to_string());
    let text = path.to_str().ok_or_else(invalid)?;
    let plain = path.is_absolute()
        && text != "/"
        && !text.contains(char::is_control)
        && !text.split('/').any(|part| part == "..");
    if !plain {
        return Err(invalid());
    }
    Ok(format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")))
}

/// Lines that name paths, each with all its spellings.
fn paths(
    filter: &str,
    given: impl IntoIterator<Item = impl AsRef<Path>>,
) -> Result<String, SeatbeltError> {
    let mut lines = String::new();
    for path in given {
        for spelling in spellings(path.as_ref()) {
            // Written without a trailing slash, as the kernel compares it.
            let spelling: PathBuf = spelling.components().collect();
            lines.push_str(&format!("\n  ({filter} {})", quoted(&spelling)?));
        }
    }
    Ok(lines)
}

impl SeatbeltPolicy {
    /// The profile, for `/usr/bin/sandbox-exec -p`.
    ///
    /// # Errors
    /// A path cannot be in a profile.
    pub fn profile(&self) -> Result<String, SeatbeltError> {
        let mut rules: Vec<_> =
            ["(version 1)", "(deny default)", "(allow process-fork)"].map(str::to_owned).into();
        let mut rule = |head: &str, body: String| {
            // A list that is empty would allow everything.
            if !body.is_empty() {
                rules.push(format!("({head}{body})"));
            }
        };
        rule("allow signal process-info*", "\n  (target same-sandbox)".to_owned());
        let named = |filter: &str, names: &[&str]| -> String {
            names.iter().map(|name| format!("\n  ({filter} \"{name}\")")).collect()
        };
        rule("allow sysctl-read", named("sysctl-name", &FACTS));
        rule("allow mach-lookup", named("global-name", &SERVICES));
        rule("allow file-read-metadata file-test-existence", ancestors(self)?);
        rule("allow file-read*", paths("subpath", SYSTEM)?);
        rule("allow file-read* file-write-data", paths("literal", DEVICES)?);
        let more = self.readable.iter().chain(&self.executable).chain([&self.folder]);
        rule("allow file-read*", paths("subpath", more)?);
        let programs = PROGRAMS.iter().map(PathBuf::from).chain(self.executable.iter().cloned());
        rule("allow process-exec*", paths("subpath", programs)?);
        let written = self.writable.iter().map(|path| self.folder.join(path));
        let written: Vec<_> = written.chain([self.temporary.clone()]).collect();
        rule("allow file-read* file-write*", paths("subpath", &written)?);
        // From here on what is denied whatever was allowed before.
        let protected = PROTECTED.iter().map(|name| self.folder.join(name));
        rule("deny file-write*", paths("subpath", protected)?);
        rule("deny process-exec*", paths("subpath", &written)?);
        rule("deny process-exec*", paths("literal", DELEGATES)?);
        rule("deny file-write-setugid file-link", paths("subpath", [&self.folder])?);
        if let Some(port) = self.proxy_port {
            rule("allow network-outbound", format!("\n  (remote ip \"localhost:{port}\")"));
        }
        Ok(rules.join("\n") + "\n")
    }
}

/// The folders on the way to what is granted: programs look at them.
fn ancestors(policy: &SeatbeltPolicy) -> Result<String, SeatbeltError> {
    let mut all = std::collections::BTreeSet::new();
    let granted = policy.readable.iter().chain(&policy.executable);
    for path in granted.chain([&policy.folder, &policy.temporary]) {
        for spelling in spellings(path) {
            all.extend(spelling.ancestors().skip(1).map(Path::to_owned));
        }
    }
    let root = all.take(Path::new("/")).map_or("", |_| "\n  (literal \"/\")");
    // Each ancestor of a spelling is listed as it is.
    let lines = all.iter().map(|path| Ok(format!("\n  (literal {})", quoted(path)?)));
    Ok(root.to_owned() + &lines.collect::<Result<String, SeatbeltError>>()?)
}
