//! The pocket model: a small model inside this program, so that the first run
//! needs no download. Where it comes from and what it can do: edge/pocket/.

use std::io;
use std::path::Path;

/// The name in its metadata.
pub const NAME: &str = "agentos-pocket";

static MODEL: &[u8] = include_bytes!("../../pocket/pocket.gguf");

/// Writes the model to `path`, for llama.cpp loads models from files alone.
/// A file that is the same already is left alone; the file appears whole or
/// not at all.
///
/// # Errors
/// Where the file cannot be read or written.
pub fn write_pocket_model(path: &Path) -> io::Result<()> {
    match std::fs::read(path) {
        Ok(bytes) if bytes == MODEL => return Ok(()),
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    crate::whole_file::write(path, MODEL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_written_whole_and_repaired_where_it_is_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pocket.gguf");
        write_pocket_model(&path).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), MODEL);
        let written = std::fs::metadata(&path).unwrap().modified().unwrap();
        write_pocket_model(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().modified().unwrap(), written);
        std::fs::write(&path, b"GGUF").unwrap();
        write_pocket_model(&path).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), MODEL);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
