//! `cargo xtask openai`: OpenAI's own Python package against a running hub.
//!
//! The script starts the hub and the mocks of providers itself, so that it can
//! also be run by hand.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::venv::Venv;
use crate::{cargo, clock, say, toolchain};

/// Builds what is needed and runs the script; gives the exit code.
pub(crate) fn run() -> Result<u8> {
    say::stage("tool chain");
    toolchain::ensure(false)?;
    toolchain::ensure_python()?;
    say::stage("build");
    check(&cargo::build(&["agentos-hub", "agentos-mock-provider"], false)?)
}

/// Runs the script with the programs in this folder; gives the exit code.
pub(crate) fn check(built: &Path) -> Result<u8> {
    say::stage("OpenAI's client: cargo xtask openai");
    let begin = clock::now();
    let venv = Venv::ensure("openai-venv", &folder().join("requirements.txt"))?;
    let mut script = Command::new(venv.program("python"));
    script.arg(folder().join("test_openai.py")).env("PYTHONDONTWRITEBYTECODE", "1");
    script.env("AGENTOS_HUB", built.join("agentos-hub"));
    script.env("AGENTOS_MOCK_PROVIDER", built.join("mock-provider"));
    let status = script.stdin(Stdio::null()).status().context("python could not be started")?;
    let seconds = (clock::now() - begin).as_secs();
    if status.success() {
        say::line(&format!("OpenAI's client: ok, {seconds} s"));
        return Ok(0);
    }
    say::problem(&format!(
        "OpenAI's client: FAILED after {seconds} s ({status}); repeat it with\n  cargo xtask openai"
    ));
    Ok(1)
}

/// Where the script is.
fn folder() -> PathBuf {
    cargo::root().join("tests").join("openai")
}
