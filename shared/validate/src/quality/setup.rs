//! Installs the checkers.

use std::path::{Path, PathBuf};

use tokio::process::Command;

use crate::quality::QualityError;

/// What is installed, and nothing newer: the same code is judged alike.
pub const REQUIREMENTS: &[&str] = &["ruff==0.17.6", "black==26.10.1", "mypy==2.4.1"];

/// Written last: what is there.
const MARKER: &str = "agentos-requirements.txt";

fn wanted() -> String {
    REQUIREMENTS.join("\n")
}

/// Whether exactly [`REQUIREMENTS`] are installed at `venv`.
#[must_use]
pub fn is_set_up(venv: &Path) -> bool {
    std::fs::read_to_string(venv.join(MARKER)).is_ok_and(|there| there == wanted())
}

/// Makes a virtual environment at `venv` with [`REQUIREMENTS`], by the pip that
/// comes with `python` and the index that its user configured. One that is
/// complete is left as it is.
///
/// # Errors
/// Where Python has no `venv`, or a package cannot be had.
pub async fn set_up(python: &Path, venv: &Path) -> Result<(), QualityError> {
    if is_set_up(venv) {
        return Ok(());
    }
    run(Command::new(python).args(["-m", "venv", "--clear"]).arg(venv)).await?;
    let pip = venv.join("bin/python");
    let options = ["-I", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    run(Command::new(pip).args(options).arg("--only-binary=:all:").args(REQUIREMENTS)).await?;
    tokio::fs::write(venv.join(MARKER), wanted())
        .await
        .map_err(|error| QualityError::SetUp(error.to_string()))
}

async fn run(command: &mut Command) -> Result<(), QualityError> {
    let program = PathBuf::from(command.as_std().get_program());
    let output = command.kill_on_drop(true).output().await;
    let output =
        output.map_err(|error| QualityError::NotRunnable { program, reason: error.to_string() })?;
    if output.status.success() {
        return Ok(());
    }
    let said: String = String::from_utf8_lossy(&output.stderr).chars().take(1000).collect();
    Err(QualityError::SetUp(said))
}
