//! The three programs.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::finding::Finding;
use crate::language::Language;
use crate::quality::{Checker, QualityError};
use crate::results::WrittenFile;

/// The longest that one program may take.
const LIMIT: Duration = Duration::from_secs(60);
/// The most findings of one program.
const MAX_FINDINGS: usize = 20;

/// The checkers of a virtual environment that [`super::set_up`] made. It
/// confines nothing: where code is not trusted at all, run it in the sandbox
/// behind a [`Checker`] of your own.
#[derive(Debug, Clone)]
pub struct VenvChecker {
    bin: PathBuf,
}

impl VenvChecker {
    /// By the environment's folder.
    #[must_use]
    pub fn new(venv: &Path) -> Self {
        Self { bin: venv.join("bin") }
    }

    /// What a program prints about the files of `folder`; `None` where it is
    /// content.
    async fn run(
        &self,
        program: &str,
        options: &[&str],
        names: &[String],
        folder: &Path,
    ) -> Result<Option<String>, QualityError> {
        let program = self.bin.join(program);
        let mut command = Command::new(&program);
        command
            .args(options)
            .arg("--")
            .args(names)
            .current_dir(folder)
            .env_clear()
            .env("LANG", "C.UTF-8")
            .env("HOME", folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let failed =
            |reason: String| QualityError::NotRunnable { program: program.clone(), reason };
        let output = match tokio::time::timeout(LIMIT, command.output()).await {
            Ok(output) => output.map_err(|error| failed(error.to_string()))?,
            Err(_) => {
                let tool = program.to_string_lossy().into_owned();
                return Err(QualityError::TimedOut { tool, seconds: LIMIT.as_secs() });
            }
        };
        let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        match output.status.code() {
            Some(0) => Ok(None),
            Some(1) => Ok(Some(said(&output.stdout) + &said(&output.stderr))),
            _ => Err(failed(said(&output.stderr).chars().take(500).collect())),
        }
    }

    async fn all(&self, folder: &Path, names: &[String]) -> Result<Vec<Finding>, QualityError> {
        let mut findings = Vec::new();
        let ruff = self.run("ruff", RUFF, names, folder).await?.unwrap_or_default();
        findings.extend(ruff.lines().filter_map(|line| finding("ruff", line)).take(MAX_FINDINGS));
        let mypy = self.run("python", MYPY, names, folder).await?.unwrap_or_default();
        findings.extend(mypy.lines().filter_map(|line| finding("mypy", line)).take(MAX_FINDINGS));
        let black = self.run("black", BLACK, names, folder).await?.unwrap_or_default();
        for name in names {
            if black
                .lines()
                .any(|line| line.starts_with("would reformat") && line.ends_with(name.as_str()))
            {
                let message =
                    format!("{name}: is not formatted as black does: let black format it");
                findings.push(Finding::whole("black", message));
            } else if let Some(line) = black
                .lines()
                .find(|line| line.starts_with("error:") && line.contains(name.as_str()))
            {
                findings.push(Finding::whole("black", line.chars().take(300).collect::<String>()));
            }
        }
        Ok(findings)
    }
}

/// Neither a configuration of the files' own nor a comment in them is heeded.
const RUFF: &[&str] =
    &["check", "--isolated", "--no-cache", "--ignore-noqa", "--output-format=concise", "--quiet"];
/// `--config` of an empty file: none is looked for.
const BLACK: &[&str] = &["--check", "--config", EMPTY, "--workers=1"];
/// An empty `--config-file`: none is looked for, and so no plug-in is loaded.
const MYPY: &[&str] = &[
    "-I",
    "-m",
    "mypy",
    "--config-file=",
    "--cache-dir=/dev/null",
    "--no-error-summary",
    "--no-color-output",
    "--ignore-missing-imports",
    "--explicit-package-bases",
    "--scripts-are-modules",
];
/// The name of the empty configuration.
const EMPTY: &str = "agentos-empty.toml";

/// `skills/a.py:3:1: F401 …`, `skills/a.py:3: error: …`.
fn finding(tool: &str, line: &str) -> Option<Finding> {
    let mut fields = line.splitn(3, ':');
    let (file, number, rest) = (fields.next()?, fields.next()?.parse().ok()?, fields.next()?);
    let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start_matches(':').trim();
    if rest.starts_with("note:") {
        return None;
    }
    let rest: String = rest.chars().take(300).collect();
    Some(Finding::at(number, tool, format!("{file}: {rest}")))
}

#[async_trait::async_trait]
impl Checker for VenvChecker {
    async fn check(&self, files: &[WrittenFile]) -> Result<Vec<Finding>, QualityError> {
        let python: Vec<_> = files
            .iter()
            .filter(|file| Language::of_path(file.path.as_str()) == Some(Language::Python))
            .cloned()
            .collect();
        if python.is_empty() {
            return Ok(Vec::new());
        }
        let names: Vec<_> = python.iter().map(|file| file.path.to_string()).collect();
        let laid_out = tokio::task::spawn_blocking(move || lay_out(&python)).await;
        let folder = laid_out
            .map_err(|error| QualityError::Files(error.to_string()))?
            .map_err(|error| QualityError::Files(error.to_string()))?;
        self.all(folder.path(), &names).await
    }
}

/// A folder with the files and the empty configuration; it goes when dropped.
fn lay_out(files: &[WrittenFile]) -> std::io::Result<tempfile::TempDir> {
    let folder = tempfile::TempDir::new()?;
    std::fs::write(folder.path().join(EMPTY), "")?;
    for file in files {
        // A `RelPath` does not climb, and there is no link in a new folder.
        let path = folder.path().join(file.path.as_str());
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(path, &file.content)?;
    }
    Ok(folder)
}
