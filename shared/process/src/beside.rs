//! Other programs of the same build.

use std::io;
use std::path::{Path, PathBuf};

/// The program that was named, or the one called `name` that lies beside this
/// one.
///
/// # Errors
/// Where there is none; `builds` is the command that makes it.
pub fn program(named: Option<&Path>, name: &str, builds: &str) -> io::Result<PathBuf> {
    let path = match named {
        Some(path) => path.to_owned(),
        None => std::env::current_exe()?.with_file_name(name),
    };
    if path.is_file() {
        return Ok(path);
    }
    let missing = format!("there is no program at {}: `{builds}` builds it", path.display());
    Err(io::Error::new(io::ErrorKind::NotFound, missing))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_the_named_one_or_beside_this_one() {
        let own = std::env::current_exe().unwrap();
        let name = own.file_name().unwrap().to_str().unwrap();
        assert_eq!(program(None, name, "cargo build").unwrap(), own);
        assert_eq!(program(Some(&own), "another", "cargo build").unwrap(), own);
    }

    #[test]
    fn a_missing_program_is_told() {
        let missing = Path::new("/nowhere/hub");
        let error = program(Some(missing), "hub", "cargo xtask bench engine").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        let said = "there is no program at /nowhere/hub: `cargo xtask bench engine` builds it";
        assert_eq!(error.to_string(), said);
    }
}
