//! Opening the database: which files are refused, and how connections are set.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};
use rusqlite::{Connection, OpenFlags};
use rusqlite_migration::{M, Migrations};

use super::fault;
use crate::StoreError;

const MIGRATIONS: &[M<'_>] = &[
    M::up(include_str!("schema/001_initial.sql")),
    M::up(include_str!("schema/002_keys.sql")),
    M::up(include_str!("schema/003_times.sql")),
    M::up(include_str!("schema/004_provider_keys.sql")),
    M::up(include_str!("schema/005_request_id.sql")),
    M::up(include_str!("schema/006_approvals.sql")),
    M::up(include_str!("schema/007_queue.sql")),
    M::up(include_str!("schema/008_schedules.sql")),
    M::up(include_str!("schema/009_deadlines.sql")),
    M::up(include_str!("schema/010_changesets.sql")),
    M::up(include_str!("schema/011_ledger.sql")),
    M::up(include_str!("schema/012_placement.sql")),
    M::up(include_str!("schema/013_kernel.sql")),
    M::up(include_str!("schema/014_reasons.sql")),
];

/// The newest schema that this program knows.
pub(super) const SCHEMA_VERSION: u32 = 14;

/// "AgOS": marks a database as ours.
const APPLICATION_ID: i64 = 0x4167_4F53;

const WRITER_FLAGS: OpenFlags =
    OpenFlags::SQLITE_OPEN_READ_WRITE.union(OpenFlags::SQLITE_OPEN_NO_MUTEX);

const WRITER_PRAGMAS: &str = "
    PRAGMA synchronous = FULL;
    PRAGMA fullfsync = ON;
    PRAGMA checkpoint_fullfsync = ON;
    PRAGMA foreign_keys = ON;
    PRAGMA mmap_size = 0;
    PRAGMA journal_size_limit = 67108864;
    PRAGMA busy_timeout = 5000;
";

const READER_PRAGMAS: &str = "
    PRAGMA query_only = ON;
    PRAGMA mmap_size = 0;
    PRAGMA busy_timeout = 5000;
";

/// The writer's connection, and the lock that keeps other hubs out.
pub(super) struct Opened {
    pub(super) connection: Connection,
    /// None where nobody else could open it.
    pub(super) lock: Option<Flock<File>>,
}

/// Opens, checks and migrates the database.
pub(super) fn open(path: &Path) -> Result<Opened, StoreError> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    if path.is_dir() {
        return Err(failed(path, "it is a folder: name a file in it"));
    }
    std::fs::create_dir_all(folder).map_err(|error| failed(path, error))?;
    refuse_network(folder)?;
    let lock = lock(path)?;
    if std::fs::metadata(path).is_ok_and(|file| file.len() > 0) {
        refuse_foreign(path).map_err(|fault| fault.at(path))?;
    } else {
        // Created here so that nobody but the hub's user can read it; SQLite
        // gives its companions the same permissions.
        private_file(path).map_err(|error| failed(path, error))?;
    }
    let connection = Connection::open_with_flags(path, WRITER_FLAGS);
    let connection = connection.map_err(|error| fault::sql(&error, path))?;
    Ok(Opened { connection: prepare(connection, path)?, lock: Some(lock) })
}

/// Opens a database on files that are not the system's.
pub(super) fn open_on(path: &Path, files: &str) -> Result<Opened, StoreError> {
    let flags = WRITER_FLAGS | OpenFlags::SQLITE_OPEN_CREATE;
    let connection = Connection::open_with_flags_and_vfs(path, flags, files);
    let connection = connection.map_err(|error| fault::sql(&error, path))?;
    Ok(Opened { connection: prepare(connection, path)?, lock: None })
}

/// Sets, checks and migrates.
fn prepare(connection: Connection, path: &Path) -> Result<Connection, StoreError> {
    let mut connection = set(connection).map_err(|error| fault::sql(&error, path))?;
    quick_check(&connection, path)?;
    migrate(&mut connection, path)?;
    Ok(connection)
}

fn set(connection: Connection) -> rusqlite::Result<Connection> {
    connection.execute_batch(WRITER_PRAGMAS)?;
    connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    connection.set_prepared_statement_cache_capacity(128);
    Ok(connection)
}

/// A connection that only reads.
pub(super) fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.execute_batch(READER_PRAGMAS)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

fn private_file(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

fn lock(path: &Path) -> Result<Flock<File>, StoreError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let file = private_file(&PathBuf::from(name)).map_err(|error| failed(path, error))?;
    Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| match errno {
        nix::errno::Errno::EWOULDBLOCK => StoreError::InUse { path: path.to_owned() },
        errno => failed(path, errno),
    })
}

/// Refuses files of others and of later versions, without writing to them.
fn refuse_foreign(path: &Path) -> Result<(), fault::Fault> {
    let connection = open_reader(path)?;
    let found: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let application: i64 = connection.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let (path, known) = (path.to_owned(), i64::from(SCHEMA_VERSION));
    if tables > 0 && application != APPLICATION_ID {
        return Err(StoreError::NotADatabase { path }.into());
    }
    if found > known {
        return Err(StoreError::NewerSchema { path, found, known }.into());
    }
    Ok(())
}

fn quick_check(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let verdict: String = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(|error| fault::sql(&error, path))?;
    if verdict == "ok" {
        return Ok(());
    }
    Err(StoreError::Corrupt { path: path.to_owned(), detail: verdict })
}

fn migrate(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    connection
        .pragma_update(None, "application_id", APPLICATION_ID)
        .map_err(|error| fault::sql(&error, path))?;
    Migrations::from_slice(MIGRATIONS).to_latest(connection).map_err(|error| match error {
        rusqlite_migration::Error::RusqliteError { err, .. } => fault::sql(&err, path),
        error => failed(path, error),
    })
}

fn failed(path: &Path, error: impl ToString) -> StoreError {
    StoreError::Open { path: path.to_owned(), detail: error.to_string() }
}

#[cfg(target_os = "linux")]
fn refuse_network(folder: &Path) -> Result<(), StoreError> {
    let stat = nix::sys::statfs::statfs(folder).map_err(|errno| failed(folder, errno))?;
    // Some of these numbers are negative where the field is signed.
    let magic = stat.filesystem_type().0 as u32;
    match network_file_system(magic) {
        Some(kind) => Err(StoreError::NetworkFileSystem { path: folder.to_owned(), kind }),
        None => Ok(()),
    }
}

#[cfg(not(target_os = "linux"))]
#[expect(clippy::unnecessary_wraps, reason = "it can fail on Linux")]
fn refuse_network(_folder: &Path) -> Result<(), StoreError> {
    Ok(())
}

/// The network file system that a `statfs` magic number stands for. WAL needs
/// memory shared between processes, and fsync that means it.
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "these numbers are Linux's"))]
pub(super) fn network_file_system(magic: u32) -> Option<&'static str> {
    match magic {
        0x6969 => Some("NFS"),
        0x517B => Some("SMB"),
        0xFE53_4D42 => Some("SMB2"),
        0xFF53_4D42 => Some("CIFS"),
        0x564C => Some("NCP"),
        0x5346_414F => Some("AFS"),
        _ => None,
    }
}
