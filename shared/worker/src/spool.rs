//! What this edge has taken on and its hub may not have, on disk: a restart of
//! the edge's process loses neither a run nor a result.
//!
//! ```text
//!  accept ──► keep, keep … ──► forget: the attempt has ended
//!     └────────────┴── the process dies ──► load: the attempt goes on
//! ```
//!
//! Results and replies are kept before the hub is told, so that they are told
//! in the end. What announces a call is kept only once the hub has it, and
//! before the call is made: if it is here, the call may have been made; if it
//! is not, the call was not made.
//!
//! A crash of the process loses nothing. A loss of power may lose what was kept
//! last, but never what announces a call that must not repeat.

#![expect(clippy::disallowed_methods, reason = "the spool is the worker's own")]

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use agentos_domain::{AttemptId, Entry, ToolClass};
use agentos_proto::v1::ExecuteRequest;
use prost::Message as _;
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::blocking::Blocking;
use crate::error::WorkerError;

const SCHEMA: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA fullfsync = ON;
    CREATE TABLE IF NOT EXISTS attempts (
        attempt_id  TEXT PRIMARY KEY,
        request     BLOB NOT NULL,
        worked_ms   INTEGER NOT NULL DEFAULT 0,
        recoveries  INTEGER NOT NULL DEFAULT 0
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS entries (
        attempt_id TEXT NOT NULL REFERENCES attempts (attempt_id) ON DELETE CASCADE,
        seq        INTEGER NOT NULL,
        entry      TEXT NOT NULL,
        PRIMARY KEY (attempt_id, seq)
    ) STRICT, WITHOUT ROWID;
    PRAGMA foreign_keys = ON;
";

/// An attempt that an earlier process of this edge left.
pub(crate) struct Kept {
    pub(crate) request: ExecuteRequest,
    /// What came after the journal of the request.
    pub(crate) entries: Vec<Entry>,
    /// How long the attempt had been worked on when something was kept last.
    pub(crate) worked: Duration,
    /// How many processes have taken it up, this one included.
    pub(crate) recoveries: u64,
}

/// The spool of one edge.
#[derive(Clone)]
pub(crate) struct Spool {
    connection: Arc<Mutex<Connection>>,
    blocking: Blocking,
}

fn failed(error: impl std::fmt::Display) -> WorkerError {
    WorkerError::Spool(error.to_string())
}

impl Spool {
    /// Opens the spool in `dir`. One that cannot be read is set aside: its runs
    /// are then lost to this edge, not to the hub.
    pub(crate) fn open(dir: &Path, blocking: Blocking) -> Result<Self, WorkerError> {
        std::fs::create_dir_all(dir).map_err(failed)?;
        let path = dir.join("spool.db");
        let connection = open(&path).or_else(|error| {
            if !is_damage(&error) {
                return Err(failed(error));
            }
            tracing::warn!(%error, path = %path.display(), "the spool is damaged; beginning a new one");
            for suffix in ["", "-wal", "-shm"] {
                let old = dir.join(format!("spool.db{suffix}"));
                let aside = dir.join(format!("spool.db.damaged{suffix}"));
                match std::fs::rename(&old, &aside) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                        return Err(failed(error));
                    }
                    _ => {}
                }
            }
            open(&path).map_err(failed)
        })?;
        Ok(Self { connection: Arc::new(Mutex::new(connection)), blocking })
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, WorkerError> {
        let connection = Arc::clone(&self.connection);
        let work = move || work(&mut connection.lock().unwrap_or_else(PoisonError::into_inner));
        self.blocking.run(work).await?.map_err(failed)
    }

    /// Takes an attempt on.
    pub(crate) async fn accept(&self, request: &ExecuteRequest) -> Result<(), WorkerError> {
        let (id, request) = (request.attempt_id.clone(), request.encode_to_vec());
        self.run(move |connection| {
            connection
                .prepare_cached("INSERT INTO attempts (attempt_id, request) VALUES (?1, ?2)")?
                .execute(params![id, request])
                .map(drop)
        })
        .await
    }

    /// Keeps entries, the first of which is `first_seq` in the journal.
    pub(crate) async fn keep(
        &self,
        attempt: &AttemptId,
        first_seq: u64,
        entries: &[Entry],
        worked: Duration,
    ) -> Result<(), WorkerError> {
        let worked = i64::try_from(worked.as_millis()).unwrap_or(i64::MAX);
        let must_last = entries
            .iter()
            .any(|entry| matches!(entry, Entry::ToolIntent { class: ToolClass::Once, .. }));
        let texts: Result<Vec<_>, _> = entries.iter().map(serde_json::to_string).collect();
        let (id, texts) = (attempt.to_string(), texts.map_err(failed)?);
        self.run(move |connection| {
            let level = if must_last { "FULL" } else { "NORMAL" };
            connection.pragma_update(None, "synchronous", level)?;
            let transaction = connection.transaction()?;
            for (seq, text) in (first_seq..).zip(texts) {
                transaction
                    .prepare_cached("INSERT OR REPLACE INTO entries VALUES (?1, ?2, ?3)")?
                    .execute(params![id, seq.cast_signed(), text])?;
            }
            transaction
                .prepare_cached("UPDATE attempts SET worked_ms = ?2 WHERE attempt_id = ?1")?
                .execute(params![id, worked])?;
            transaction.commit()
        })
        .await
    }

    /// The attempt has ended.
    pub(crate) async fn forget(&self, attempt: &AttemptId) -> Result<(), WorkerError> {
        let id = attempt.to_string();
        self.run(move |connection| {
            // Must last: the attempt may go on without the spool.
            connection.pragma_update(None, "synchronous", "FULL")?;
            connection
                .prepare_cached("DELETE FROM attempts WHERE attempt_id = ?1")?
                .execute([id])
                .map(drop)
        })
        .await
    }

    /// Leaves an attempt that cannot go on here to the hub.
    pub(crate) fn leave(&self, id: &str) -> Result<(), WorkerError> {
        remove(&self.connection.lock().unwrap_or_else(PoisonError::into_inner), id)
    }

    /// The attempts that are here, each to be taken up. One that cannot be read
    /// is left to the hub.
    pub(crate) fn load(&self) -> Result<Vec<Kept>, WorkerError> {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        connection
            .execute("UPDATE attempts SET recoveries = recoveries + 1", [])
            .map_err(failed)?;
        let ids: Vec<String> = connection
            .prepare("SELECT attempt_id FROM attempts ORDER BY attempt_id")
            .and_then(|mut ids| ids.query_map([], |row| row.get(0))?.collect())
            .map_err(failed)?;
        let mut kept = Vec::new();
        for id in ids {
            match load(&connection, &id) {
                Ok(Some(attempt)) => kept.push(attempt),
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(%error, attempt = id, "a kept run cannot be read");
                    remove(&connection, &id)?;
                }
            }
        }
        Ok(kept)
    }
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.execute_batch(SCHEMA)?;
    let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    match verdict.as_str() {
        "ok" => Ok(connection),
        _ => Err(damage()),
    }
}

fn remove(connection: &Connection, id: &str) -> Result<(), WorkerError> {
    let removed = connection.execute("DELETE FROM attempts WHERE attempt_id = ?1", [id]);
    removed.map(drop).map_err(failed)
}

fn damage() -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT), None)
}

/// Whether the file itself is at fault, and not what is around it.
fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    matches!(error.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase))
}

fn load(connection: &Connection, id: &str) -> Result<Option<Kept>, WorkerError> {
    let row: Option<(Vec<u8>, i64, i64)> = connection
        .prepare_cached("SELECT request, worked_ms, recoveries FROM attempts WHERE attempt_id = ?1")
        .and_then(|mut row| {
            row.query_row([id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).optional()
        })
        .map_err(failed)?;
    let Some((request, worked, recoveries)) = row else { return Ok(None) };
    let texts: Vec<String> = connection
        .prepare_cached("SELECT entry FROM entries WHERE attempt_id = ?1 ORDER BY seq")
        .and_then(|mut texts| texts.query_map([id], |row| row.get(0))?.collect())
        .map_err(failed)?;
    let entries: Result<_, _> = texts.iter().map(|text| serde_json::from_str(text)).collect();
    Ok(Some(Kept {
        request: ExecuteRequest::decode(request.as_slice()).map_err(failed)?,
        entries: entries.map_err(failed)?,
        worked: Duration::from_millis(worked.cast_unsigned()),
        recoveries: recoveries.cast_unsigned(),
    }))
}

#[cfg(test)]
mod tests {
    use agentos_domain::ErrorInfo;

    use super::*;

    fn failed_entry(code: &str) -> Entry {
        Entry::Failed { error: ErrorInfo::new(code, "") }
    }

    #[tokio::test]
    async fn what_is_kept_is_there_after_a_restart_and_forgotten_at_the_end() {
        let dir = tempfile::tempdir().unwrap();
        let id = AttemptId::generate();
        let request = ExecuteRequest { attempt_id: id.to_string(), ..ExecuteRequest::default() };
        let entries = ["a", "b"].map(failed_entry);
        {
            let spool = Spool::open(dir.path(), Blocking::Threads).unwrap();
            assert!(spool.load().unwrap().is_empty());
            spool.accept(&request).await.unwrap();
            let worked = Duration::from_secs;
            spool.keep(&id, 4, &entries[..1], worked(3)).await.unwrap();
            spool.keep(&id, 5, &entries[1..], worked(7)).await.unwrap();
            spool.keep(&id, 5, &entries[1..], worked(7)).await.unwrap();
        }
        let spool = Spool::open(dir.path(), Blocking::InPlace).unwrap();
        let kept = spool.load().unwrap().remove(0);
        assert_eq!((kept.request, kept.recoveries), (request, 1));
        assert_eq!(kept.entries, entries);
        assert_eq!(kept.worked, Duration::from_secs(7));
        spool.forget(&id).await.unwrap();
        assert!(spool.load().unwrap().is_empty());
        assert!(
            spool.keep(&id, 6, &entries, Duration::ZERO).await.is_err(),
            "an attempt that is not here"
        );
    }

    #[test]
    fn a_damaged_spool_is_set_aside() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("spool.db"), [7; 4096]).unwrap();
        let spool = Spool::open(dir.path(), Blocking::InPlace).unwrap();
        assert!(spool.load().unwrap().is_empty());
        assert!(dir.path().join("spool.db.damaged").exists());
    }
}
