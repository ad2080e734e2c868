//! ruff, black and mypy in the worker's data folder, where somebody installed
//! them. Agents whose configuration asks for them (`validation.lint`) are judged
//! without them otherwise.

#![expect(clippy::disallowed_methods, reason = "looks for the project's own programs")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use agentos_validate::quality::{Checker, VenvChecker, set_up};

use crate::error::WorkerError;

fn folder(data: &Path) -> PathBuf {
    data.join("checkers")
}

/// Installs them for a worker with this data folder, by the pip of `python` and
/// the index that it is configured for. Says where they are.
///
/// # Errors
/// Where Python has no `venv`, or a package cannot be had.
pub async fn install_checkers(data: &Path, python: &Path) -> Result<PathBuf, WorkerError> {
    let folder = folder(data);
    set_up(python, &folder).await?;
    Ok(folder)
}

/// Those that are installed.
pub(crate) fn installed(data: &Path) -> Option<Arc<dyn Checker>> {
    let folder = folder(data);
    let there = ["ruff", "black", "mypy"].iter().all(|name| folder.join("bin").join(name).exists());
    there.then(|| Arc::new(VenvChecker::new(&folder)) as Arc<dyn Checker>)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_used_where_all_three_are_there() {
        let data = tempfile::tempdir().unwrap();
        let bin = data.path().join("checkers/bin");
        std::fs::create_dir_all(&bin).unwrap();
        for name in ["ruff", "black", "mypy"] {
            assert!(installed(data.path()).is_none(), "{name} is missing");
            std::fs::write(bin.join(name), "").unwrap();
        }
        assert!(installed(data.path()).is_some());
    }
}
