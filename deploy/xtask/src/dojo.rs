//! `cargo xtask eval-dojo`: AgentDojo's attacks against the policy.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::venv::Venv;
use crate::{cargo, say, toolchain};

/// Builds the policy's program and has AgentDojo run against it; gives the exit
/// code. The last line is JSON.
pub(crate) fn eval(args: &[&str]) -> Result<u8> {
    toolchain::ensure_python()?;
    say::stage("build");
    let built = cargo::build(&["agentos-dojo"], false)?;
    let venv = Venv::ensure("dojo-venv", &folder().join("requirements.txt"))?;
    say::stage("AgentDojo, with an agent that obeys every injection");
    let mut driver = Command::new(venv.program("python"));
    driver.arg(folder().join("dojo.py")).args(args).env("PYTHONDONTWRITEBYTECODE", "1");
    driver.env("AGENTOS_DOJO", built.join("dojo"));
    let status = driver.stdin(Stdio::null()).status().context("python could not be started")?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}

/// Where the driver is.
fn folder() -> PathBuf {
    cargo::root().join("tests").join("dojo")
}
