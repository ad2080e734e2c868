//! Python environments of their own beside the builds, for the tests that need
//! programs or packages of Python.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::{cargo, say};

/// What lies in the environment is written here once it is whole.
const STAMP: &str = "installed.txt";

/// A Python environment with all that a `requirements.txt` names.
pub(crate) struct Venv(PathBuf);

impl Venv {
    /// The environment of this name; made, or made anew, where it does not hold
    /// what the file `wanted` names.
    pub(crate) fn ensure(name: &str, wanted: &Path) -> Result<Self> {
        let text = fs::read_to_string(wanted)
            .with_context(|| format!("cannot read {}", wanted.display()))?;
        let cache = cargo::cache_dir(&|name| std::env::var_os(name))?;
        let what = || format!("cannot prepare {}", cache.display());
        fs::create_dir_all(&cache).with_context(what)?;
        // Two clones may want it at once.
        let lock = File::create(cache.join(format!("{name}.lock"))).with_context(what)?;
        lock.lock().with_context(what)?;
        let venv = Self(cache.join(name));
        if !is_ready(&venv.0, &text) || !succeeds(&venv.program("python"), &["--version"]) {
            venv.make(wanted)?;
            fs::write(venv.0.join(STAMP), &text).with_context(what)?;
        }
        Ok(venv)
    }

    /// A program in it.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.0.join("bin").join(name)
    }

    fn make(&self, wanted: &Path) -> Result<()> {
        say::line(&format!("Installing {} in {}", wanted.display(), self.0.display()));
        let mut venv = Command::new("python3");
        venv.args(["-m", "venv", "--clear"]).arg(&self.0);
        must(venv)?;
        let mut pip = Command::new(self.program("python"));
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]);
        pip.arg("--requirement").arg(wanted);
        must(pip)
    }
}

/// Whether all of `wanted` was installed there.
fn is_ready(venv: &Path, wanted: &str) -> bool {
    fs::read_to_string(venv.join(STAMP)).is_ok_and(|installed| installed == wanted)
}

fn must(mut command: Command) -> Result<()> {
    let status = command.stdin(Stdio::null()).status();
    let status = status.with_context(|| format!("{command:?} could not be started"))?;
    if !status.success() {
        bail!("{command:?} failed ({status}): it needs the network, or a registry that pip knows");
    }
    Ok(())
}

fn succeeds(program: &Path, args: &[&str]) -> bool {
    let output = Command::new(program).args(args).output();
    output.is_ok_and(|output| output.status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_environment_is_ready_once_all_that_is_wanted_was_installed() {
        let dir = tempfile::tempdir().unwrap();
        assert!(!is_ready(dir.path(), "a==1\n"));
        fs::write(dir.path().join(STAMP), "a==1\n").unwrap();
        assert!(is_ready(dir.path(), "a==1\n"));
        assert!(!is_ready(dir.path(), "a==2\n"));
    }

    #[test]
    fn all_versions_are_pinned_and_what_is_wanted_is_among_them() {
        for (folder, package) in
            [("contract", "schemathesis=="), ("openai", "openai=="), ("dojo", "agentdojo==")]
        {
            let path = cargo::root().join("tests").join(folder).join("requirements.txt");
            let text = fs::read_to_string(path).unwrap();
            let lines: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
            assert!(lines.iter().all(|line| line.contains("==")), "{lines:?}");
            assert!(lines.iter().any(|line| line.starts_with(package)), "{lines:?}");
        }
    }
}
