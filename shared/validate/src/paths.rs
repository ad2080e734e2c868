//! Paths that are written in code. Code runs in its workspace: a path that is
//! right is relative and does not climb.

/// Folders of a machine. A text that begins with one is a path there.
const SYSTEM: &[&str] = &[
    "/etc",
    "/proc",
    "/sys",
    "/dev",
    "/root",
    "/home",
    "/var",
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib64",
    "/opt",
    "/tmp",
    "/boot",
    "/run",
    "/mnt",
    "/media",
    "/srv",
    "/Users",
    "/private",
    "/Library",
    "/Applications",
    "/Volumes",
    "/System",
];

/// What is only ever named to get at it, wherever in a text it stands.
const SENSITIVE: &[&str] = &[
    "/etc/passwd",
    "/etc/shadow",
    "/etc/sudoers",
    "/proc/self",
    "/proc/1/",
    "/dev/tcp/",
    "/dev/udp/",
    "docker.sock",
    ".ssh/",
    "id_rsa",
    "id_ed25519",
    ".aws/credentials",
    ".kube/config",
    "169.254.169.254",
];

/// Devices that every program may use.
const HARMLESS: &[&str] = &["/dev/null", "/dev/stdin", "/dev/stdout", "/dev/stderr"];

/// Why a text that stands anywhere in code is no path that it may use.
pub(crate) fn check_text(text: &str) -> Option<&'static str> {
    if HARMLESS.contains(&text) {
        return None;
    }
    let text_is = |folder: &&&str| {
        text.strip_prefix(**folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    // A sentence or a list is no path.
    let one_word = !text.contains(char::is_whitespace);
    if one_word && SYSTEM.iter().any(|folder| text_is(&folder)) {
        return Some("names a folder of the machine: use a path relative to the workspace");
    }
    if SENSITIVE.iter().any(|word| text.contains(word)) {
        return Some("names what holds credentials or leads out: leave it alone");
    }
    let drive =
        matches!(text.as_bytes(), [letter, b':', b'\\', ..] if letter.is_ascii_alphabetic());
    if one_word && (drive || text.starts_with("\\\\") || text.starts_with("file:/")) {
        return Some("is absolute: use a path relative to the workspace");
    }
    if one_word && (text == "~" || text.starts_with("~/") || text.starts_with("../../")) {
        return Some("leaves the workspace: use a path relative to the workspace");
    }
    None
}

/// Why a text that is used as a path is none that code may use.
pub(crate) fn check_path(path: &str) -> Option<&'static str> {
    if HARMLESS.contains(&path) {
        return None;
    }
    if path.starts_with('/') || path.starts_with('\\') {
        return Some("is absolute: use a path relative to the workspace");
    }
    if path.starts_with('~') || path.split(['/', '\\']).any(|part| part == "..") {
        return Some("leaves the workspace: use a path relative to the workspace");
    }
    if path.split('/').any(|part| matches!(part, ".git" | ".ssh" | ".agentos" | ".env")) {
        return Some("is a control file: leave it alone");
    }
    check_text(path)
}
