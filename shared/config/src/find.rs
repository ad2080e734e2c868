//! Where the file is, and reading it.

use std::path::{Path, PathBuf};

use crate::error::{ConfigError, Origin};
use crate::load::{Machine, Request};
use crate::overlay::beside;

/// No configuration is larger than this.
const MAX_BYTES: u64 = 1024 * 1024;

/// The file: the one that is named, or the first of the usual places that is
/// there.
pub(crate) fn find(
    request: &Request<'_>,
    machine: Machine,
) -> Result<Option<PathBuf>, ConfigError> {
    let home = request.home.as_deref();
    if let Some(path) = &request.path {
        let path = beside(&request.cwd, path, None);
        return there(path.clone(), Origin::file(path)).map(Some);
    }
    let name = machine.variable();
    if let Some(path) = request.environment.get(name) {
        let path = beside(&request.cwd, Path::new(&path), home);
        return there(path, Origin::Environment { name: name.to_owned() }).map(Some);
    }
    let file = machine.file_name();
    let mut places = vec![request.cwd.join(file), request.cwd.join("config").join(file)];
    places.extend(home.map(|home| home.join(format!(".{file}"))));
    Ok(places.into_iter().find(|path| path.exists()))
}

fn there(path: PathBuf, origin: Origin) -> Result<PathBuf, ConfigError> {
    if path.is_file() {
        return Ok(path);
    }
    let problem = format!("no file at {}", path.display());
    Err(ConfigError::new(origin, "unreadable", problem)
        .allowed("the path of a file; `agentos config example` prints one"))
}

/// The file's text.
pub(crate) fn read(path: &Path) -> Result<String, ConfigError> {
    let failed = |problem: String| ConfigError::new(Origin::file(path), "unreadable", problem);
    let length = std::fs::metadata(path).map(|metadata| metadata.len());
    match length {
        Ok(length) if length > MAX_BYTES => {
            Err(failed("larger than 1 MiB, so hardly a configuration".to_owned()))
        }
        Ok(_) => std::fs::read_to_string(path)
            .map_err(|error| failed(format!("cannot be read: {}", error.kind()))),
        Err(error) => Err(failed(format!("cannot be read: {}", error.kind()))),
    }
}

/// The text of a file that need not be there.
pub(crate) fn read_if_there(path: &Path, errors: &mut Vec<ConfigError>) -> Option<String> {
    if !path.exists() {
        return None;
    }
    read(path).map_err(|error| errors.push(error)).ok()
}
