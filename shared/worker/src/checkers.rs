//! ruff, black and mypy in the worker's data folder, where somebody installed
//! them. Agents whose configuration asks for them (`validation.lint`) are judged
//! without them otherwise.

#![expect(clippy::disallowed_methods, reason = "the data folder is of the configuration")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use agentos_validate::quality::{Checker, VenvChecker, is_set_up, set_up};

use crate::error::WorkerError;

fn folder(data: &Path) -> PathBuf {
    data.join("checkers")
}

/// Installs them for a worker with this data folder, by the pip of `python` and
/// the index that it is configured for. Says where they are.
///
/// # Errors
/// Where there is no such folder, Python has no `venv`, or a package cannot be had.
pub async fn install_checkers(data: &Path, python: &Path) -> Result<PathBuf, WorkerError> {
    if !data.is_dir() {
        return Err(WorkerError::NoDataDir(data.to_owned()));
    }
    let folder = folder(data);
    set_up(python, &folder).await?;
    Ok(folder)
}

/// Those that are installed.
pub(crate) fn installed(data: &Path) -> Option<Arc<dyn Checker>> {
    let folder = folder(data);
    is_set_up(&folder).then(|| Arc::new(VenvChecker::new(&folder)) as Arc<dyn Checker>)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn they_are_used_where_they_were_installed_whole_and_as_they_are_wanted_now() {
        let data = tempfile::tempdir().unwrap();
        let checkers = data.path().join("checkers");
        std::fs::create_dir_all(&checkers).unwrap();
        assert!(installed(data.path()).is_none());
        let marker = checkers.join("agentos-requirements.txt");
        std::fs::write(&marker, "ruff==0.0.1").unwrap();
        assert!(installed(data.path()).is_none(), "another version");
        std::fs::write(&marker, agentos_validate::quality::REQUIREMENTS.join("\n")).unwrap();
        assert!(installed(data.path()).is_some());
        let nowhere = install_checkers(&data.path().join("none"), "python3".as_ref()).await;
        let error = nowhere.unwrap_err().to_string();
        assert!(error.contains("is not there"), "{error}");
    }
}
