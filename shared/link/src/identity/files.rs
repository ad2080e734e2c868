//! Private files: readable by their owner alone, replaced as a whole.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use crate::error::LinkError;

/// Writes a file that only its owner can read. After a crash at any instant
/// the file holds either the old or the new content.
pub(crate) fn write_private(path: &Path, content: &[u8]) -> Result<(), LinkError> {
    replace(path, content).map_err(LinkError::file(path))
}

/// Reads a secret of 32 bytes, or makes it if there is none.
pub(crate) fn read_or_create_key(path: &Path) -> Result<[u8; 32], LinkError> {
    match fs::read(path) {
        Ok(bytes) if bytes.len() == 32 => {
            let mut key = [0; 32];
            key.copy_from_slice(&bytes);
            Ok(key)
        }
        Ok(_) => create_key(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => create_key(path),
        Err(error) => Err(LinkError::file(path)(error)),
    }
}

fn create_key(path: &Path) -> Result<[u8; 32], LinkError> {
    let key: [u8; 32] = rand::random();
    write_private(path, &key)?;
    Ok(key)
}

fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let dir = match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    };
    fs::create_dir_all(dir)?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{:016x}.tmp", rand::random::<u64>()));
    let temporary = dir.join(name);
    let result = write_new(&temporary, content).and_then(|()| fs::rename(&temporary, path));
    if result.is_err() {
        // Best effort: the error that is returned says what went wrong.
        drop(fs::remove_file(&temporary));
    }
    result?;
    File::open(dir)?.sync_all()
}

fn write_new(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let mut file = options.open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_private_file_is_its_owners_alone_and_leaves_no_remains() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        write_private(&path, b"one").unwrap();
        write_private(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_key_stays_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        assert_eq!(read_or_create_key(&path).unwrap(), read_or_create_key(&path).unwrap());
    }
}
