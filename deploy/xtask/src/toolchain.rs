//! What llama.cpp needs to build: is it there, and if not, how to get it.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{account, say};

/// A thing that may be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tool {
    /// Builds llama.cpp.
    Cmake,
    /// Compiles it.
    Cxx,
    /// Reads its headers for bindgen.
    Libclang,
    /// `ip`, for tests with networks of their own.
    Ip,
    /// `iptables`, for the same.
    Iptables,
    /// Wraps what agents run, where the kernel allows it.
    Bubblewrap,
    /// Runs schemathesis, in an environment of its own.
    Python,
    /// Reads metrics as Prometheus does.
    Promtool,
}

/// Fails where Python is too old, or cannot make environments.
const PYTHON: &str = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))";

/// A system's package manager.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manager {
    Apt,
    Dnf,
    Pacman,
    Brew,
}

impl Tool {
    fn what(self) -> &'static str {
        match self {
            Self::Cmake => "cmake, which builds llama.cpp",
            Self::Cxx => "a C++ compiler, which compiles llama.cpp",
            Self::Libclang => "libclang, by which bindgen reads the headers of llama.cpp",
            Self::Ip => "ip (iproute2), for the tests of lost networks",
            Self::Iptables => "iptables, for the tests of blocked ports",
            Self::Bubblewrap => "bubblewrap, for the tests of the sandbox",
            Self::Python => "Python 3.10 or later with venv, for the tests of the API's contract",
            Self::Promtool => "promtool (Prometheus), for the tests of the metrics",
        }
    }

    fn is_there(self) -> bool {
        match self {
            Self::Cmake => in_path("cmake").is_some(),
            Self::Cxx if cfg!(target_os = "macos") => output("xcode-select", &["-p"]).is_some(),
            Self::Cxx => {
                env::var_os("CXX").is_some()
                    || ["c++", "g++", "clang++"].into_iter().any(|name| in_path(name).is_some())
            }
            Self::Libclang => has_libclang(),
            Self::Ip => in_path("ip").is_some(),
            Self::Iptables => in_path("iptables").is_some(),
            Self::Bubblewrap => in_path("bwrap").is_some(),
            Self::Python => output("python3", &["-c", PYTHON]).is_some(),
            Self::Promtool => in_path("promtool").is_some(),
        }
    }

    /// The package's name; `None` where it comes another way. `libclang` is
    /// what Debian calls its package here.
    fn package(self, manager: Manager, libclang: &'static str) -> Option<&'static str> {
        use Manager::{Apt, Brew, Dnf, Pacman};
        Some(match (self, manager) {
            (Self::Cmake, _) => "cmake",
            (Self::Cxx, Apt) => "g++",
            (Self::Cxx, Dnf) => "gcc-c++",
            (Self::Cxx, Pacman) => "gcc",
            (Self::Libclang, Apt) => libclang,
            (Self::Libclang, Dnf) => "clang-devel",
            (Self::Libclang, Pacman) => "clang",
            (Self::Libclang, Brew) => "llvm",
            (Self::Ip, Dnf) => "iproute",
            (Self::Ip, Apt | Pacman) => "iproute2",
            (Self::Iptables, Apt | Dnf | Pacman) => "iptables",
            (Self::Bubblewrap, Apt | Dnf | Pacman) => "bubblewrap",
            (Self::Python, Apt) => "python3-venv",
            (Self::Python, Dnf | Brew) => "python3",
            (Self::Python, Pacman) => "python",
            (Self::Promtool, Dnf) => "golang-github-prometheus",
            (Self::Promtool, Apt | Pacman | Brew) => "prometheus",
            (Self::Cxx | Self::Ip | Self::Iptables | Self::Bubblewrap, Brew) => return None,
        })
    }
}

impl Manager {
    fn detect() -> Option<Self> {
        let known = [
            ("apt-get", Self::Apt),
            ("dnf", Self::Dnf),
            ("pacman", Self::Pacman),
            ("brew", Self::Brew),
        ];
        known.into_iter().find(|(name, _)| in_path(name).is_some()).map(|(_, manager)| manager)
    }

    /// The commands that install `packages`, without `sudo`.
    fn commands(self, packages: &[&str]) -> Vec<Vec<String>> {
        let words = |text: &str| text.split(' ').map(ToOwned::to_owned).collect::<Vec<_>>();
        let mut commands = match self {
            Self::Apt => {
                vec![words("apt-get update"), words("apt-get install -y --no-install-recommends")]
            }
            Self::Dnf => vec![words("dnf install -y")],
            Self::Pacman => vec![words("pacman -S --needed --noconfirm")],
            Self::Brew => vec![words("brew install")],
        };
        if let Some(last) = commands.last_mut() {
            last.extend(packages.iter().map(|package| (*package).to_owned()));
        }
        commands
    }
}

/// Checks for what a build needs (and with `network` what the tests of the
/// link need) and installs what is missing, if it may.
pub(crate) fn ensure(network: bool) -> Result<()> {
    let mut tools = vec![Tool::Cmake, Tool::Cxx, Tool::Libclang];
    if network && account::is_root() && cfg!(target_os = "linux") {
        tools.extend([Tool::Ip, Tool::Iptables, Tool::Bubblewrap]);
    }
    ensure_all(&tools)
}

/// Checks for what the tests of the API's contract need, and installs what is
/// missing, if it may.
pub(crate) fn ensure_contract() -> Result<()> {
    ensure_all(&[Tool::Python, Tool::Promtool])
}

/// Checks for what the tests with a client in Python need, and installs what is
/// missing, if it may.
pub(crate) fn ensure_python() -> Result<()> {
    ensure_all(&[Tool::Python])
}

fn ensure_all(tools: &[Tool]) -> Result<()> {
    let missing = |tools: &[Tool]| -> Vec<Tool> {
        tools.iter().copied().filter(|tool| !tool.is_there()).collect()
    };
    let wanted = missing(tools);
    if wanted.is_empty() {
        return Ok(());
    }
    say::line("This machine lacks:");
    for tool in &wanted {
        say::line(&format!("  - {}", tool.what()));
    }
    if cfg!(target_os = "macos") && wanted.contains(&Tool::Cxx) {
        bail!("run `xcode-select --install`, wait until it is done, and try again");
    }
    install(&wanted)?;
    let still = missing(&wanted);
    if still.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = still.iter().map(|tool| tool.what()).collect();
    bail!("installed, but still not found: {}", names.join("; "));
}

fn install(wanted: &[Tool]) -> Result<()> {
    let Some(manager) = Manager::detect() else {
        bail!("none of apt-get, dnf, pacman, brew is here: install the above by hand");
    };
    let sudo = manager != Manager::Brew && !account::is_root();
    let libclang = if manager == Manager::Apt { debian_libclang() } else { "" };
    let packages: Vec<_> = wanted.iter().filter_map(|t| t.package(manager, libclang)).collect();
    let mut commands = manager.commands(&packages);
    if sudo {
        commands.iter_mut().for_each(|command| command.insert(0, "sudo".to_owned()));
    }
    let shown: Vec<_> = commands.iter().map(|command| command.join(" ")).collect();
    let shown = shown.join(" && ");
    let may =
        if say::at_terminal() { say::ask(&format!("Run `{shown}`?")) } else { account::is_root() };
    if !may || (sudo && in_path("sudo").is_none()) {
        bail!("install what is missing and try again:\n  {shown}");
    }
    say::line(&format!("Running {shown}"));
    for command in commands {
        let [program, args @ ..] = command.as_slice() else { continue };
        let status = Command::new(program)
            .args(args)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .status()
            .with_context(|| format!("{program} could not be started"))?;
        // Old package lists may do as well: only the installation must succeed.
        if !status.success() && args.last().is_none_or(|word| word != "update") {
            bail!("`{}` failed: run it by hand and try again", command.join(" "));
        }
    }
    Ok(())
}

/// Debian 12 has 14; later ones have only the unversioned name for all.
fn debian_libclang() -> &'static str {
    let known =
        output("apt-cache", &["show", "libclang-14-dev"]).is_some_and(|out| !out.is_empty());
    // Without any lists yet, the release tells.
    let bookworm = std::fs::read_to_string("/etc/os-release")
        .is_ok_and(|text| text.contains("VERSION_CODENAME=bookworm"));
    if known || bookworm { "libclang-14-dev" } else { "libclang-dev" }
}

/// Looks where bindgen looks.
fn has_libclang() -> bool {
    let mut folders: Vec<PathBuf> = Vec::new();
    if let Some(path) = env::var_os("LIBCLANG_PATH").map(PathBuf::from) {
        if path.is_file() {
            return true;
        }
        folders.push(path);
    }
    let config = env::var("LLVM_CONFIG_PATH").unwrap_or_else(|_| "llvm-config".to_owned());
    folders.extend(output(&config, &["--libdir"]).map(|out| PathBuf::from(out.trim())));
    let fixed = [
        "/usr/lib64",
        "/usr/lib",
        "/usr/local/lib",
        "/usr/lib/x86_64-linux-gnu",
        "/usr/lib/aarch64-linux-gnu",
        "/Library/Developer/CommandLineTools/usr/lib",
        "/Applications/Xcode.app/Contents/Developer/Toolchains/XcodeDefault.xctoolchain/usr/lib",
        "/opt/homebrew/opt/llvm/lib",
        "/usr/local/opt/llvm/lib",
    ];
    folders.extend(fixed.map(PathBuf::from));
    for parent in ["/usr/lib", "/usr/lib64", "/usr/local"] {
        let versions = names(Path::new(parent)).into_iter().filter(|name| name.starts_with("llvm"));
        folders.extend(versions.map(|name| Path::new(parent).join(name).join("lib")));
    }
    folders.iter().any(|folder| names(folder).iter().any(|name| is_libclang(name)))
        || output("ldconfig", &["-p"]).is_some_and(|out| lists_libclang(&out))
}

/// Whether a file of this name is the library: `libclang.so`, `libclang.so.14`,
/// `libclang-14.so.14.0.6`, `libclang.dylib`, but not `libclang-cpp.so`.
fn is_libclang(name: &str) -> bool {
    let Some(rest) = name.strip_prefix("libclang") else { return false };
    let version = rest.strip_prefix('-').map(|rest| {
        rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.').trim_start_matches("so")
    });
    match version {
        Some(after) => {
            rest.contains(".so")
                && rest.starts_with("-")
                && rest[1..].starts_with(|c: char| c.is_ascii_digit())
                && after.chars().all(|c| c.is_ascii_digit() || c == '.')
        }
        None => rest == ".so" || rest.starts_with(".so.") || rest == ".dylib",
    }
}

fn lists_libclang(ldconfig: &str) -> bool {
    ldconfig.lines().filter_map(|line| line.split_whitespace().next()).any(is_libclang)
}

fn names(folder: &Path) -> Vec<String> {
    let entries = folder.read_dir().into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
}

fn in_path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    // The tools of the network are kept from the path of users.
    let folders = env::split_paths(&path).chain(["/usr/sbin", "/sbin"].map(PathBuf::from));
    folders.map(|folder| folder.join(program)).find(|file| file.is_file())
}

fn output(program: &str, args: &[&str]) -> Option<String> {
    let output = Command::new(program).args(args).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_is_told_from_its_neighbours() {
        for name in [
            "libclang.so",
            "libclang.so.1",
            "libclang-14.so",
            "libclang-14.so.14.0.6",
            "libclang.dylib",
        ] {
            assert!(is_libclang(name), "{name}");
        }
        for name in
            ["libclang-cpp.so.14", "libclang.a", "libclangAST.a", "libclang-rt.so", "libclang-14.a"]
        {
            assert!(!is_libclang(name), "{name}");
        }
        let listing = "2 libs\n\tlibclang-cpp.so.14 (libc6) => /x\n";
        assert!(!lists_libclang(listing));
        assert!(lists_libclang(&format!("{listing}\tlibclang-14.so.1 (libc6) => /x\n")));
    }

    #[test]
    fn every_manager_gets_packages_it_knows() {
        let tools = [Tool::Cmake, Tool::Cxx, Tool::Libclang];
        let packages = |manager, libclang| -> Vec<_> {
            tools.iter().filter_map(|tool| tool.package(manager, libclang)).collect()
        };
        assert_eq!(packages(Manager::Apt, "libclang-14-dev"), ["cmake", "g++", "libclang-14-dev"]);
        assert_eq!(packages(Manager::Brew, ""), ["cmake", "llvm"]);
        for manager in [Manager::Apt, Manager::Dnf, Manager::Pacman, Manager::Brew] {
            for tool in [Tool::Python, Tool::Promtool] {
                assert!(tool.package(manager, "").is_some(), "{tool:?} by {manager:?}");
            }
        }
        let commands = Manager::Apt.commands(&["cmake"]);
        assert_eq!(commands[1].join(" "), "apt-get install -y --no-install-recommends cmake");
    }
}
