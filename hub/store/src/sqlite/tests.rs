//! What can only be seen from inside.

use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use agentos_domain::{NewTask, TaskId, Timestamp, builtin_file_agent};
use tokio::task::JoinSet;

use super::open::{SCHEMA_VERSION, network_file_system};
use super::{SqliteConfig, SqliteStore, WriteStats};
use crate::{Store, StoreError, TaskFilter};

async fn store(folder: &tempfile::TempDir) -> SqliteStore {
    let path = folder.path().join("hub.db");
    SqliteStore::open(SqliteConfig { path, readers: 1 }).await.unwrap()
}

fn new_task(user_input: String) -> NewTask {
    NewTask::new("a".parse().unwrap(), user_input, builtin_file_agent())
}

async fn create(store: &SqliteStore, user_input: String) -> Result<TaskId, StoreError> {
    let id = TaskId::generate();
    let now = Timestamp::from_millis(0);
    store.create_task(id.clone(), new_task(user_input), [0; 32], u32::MAX, now).await.map(|_| id)
}

async fn pragma(store: &SqliteStore, name: &'static str) -> String {
    let read = move |conn: &rusqlite::Connection| {
        Ok(conn.query_row(
            &format!("SELECT CAST({name} AS TEXT) FROM pragma_{name}"),
            [],
            |row| row.get(0),
        )?)
    };
    store.write(move |tx| read(tx.conn)).await.unwrap()
}

#[tokio::test]
async fn the_writer_is_set_for_durability() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder).await;
    assert_eq!(pragma(&store, "journal_mode").await, "wal");
    assert_eq!(pragma(&store, "foreign_keys").await, "1");
    assert_eq!(pragma(&store, "synchronous").await, "2");
    assert_eq!(pragma(&store, "journal_size_limit").await, "67108864");
    assert_eq!(pragma(&store, "user_version").await, SCHEMA_VERSION.to_string());
    // Below this, a reset of the log can corrupt the database.
    assert!(rusqlite::version_number() >= 3_051_003);
    let read_only = store.read(|conn| Ok(conn.execute("DELETE FROM tasks", [])?)).await;
    assert!(read_only.is_err());
}

#[tokio::test]
async fn every_table_is_strict() {
    let folder = tempfile::tempdir().unwrap();
    let loose: Vec<String> = store(&folder)
        .await
        .read(|conn| {
            let mut statement = conn.prepare(
                "SELECT name FROM pragma_table_list
                 WHERE schema = 'main' AND strict = 0 AND name NOT LIKE 'sqlite_%'",
            )?;
            let names = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
            Ok(names)
        })
        .await
        .unwrap();
    assert!(loose.is_empty(), "{loose:?}");
}

/// Holds the writer up, queues operations, lets it go: they are one group.
#[tokio::test(flavor = "multi_thread")]
async fn one_failing_operation_does_not_hurt_its_group() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(store(&folder).await);
    let (started, at_work) = sync_channel::<()>(1);
    let (go, gate) = sync_channel::<()>(1);
    let mut operations = JoinSet::new();
    let holding = Arc::clone(&store);
    operations.spawn(async move {
        let hold = move |_: &mut super::writer::Tx<'_>| {
            drop(started);
            let _ = gate.recv();
            Ok(())
        };
        holding.write(hold).await
    });
    tokio::task::spawn_blocking(move || at_work.recv().is_err()).await.unwrap();
    let before = store.write_stats();
    for index in 0..20 {
        let store = Arc::clone(&store);
        operations.spawn(async move {
            match index {
                // Its first half is undone with it.
                5 => store
                    .write(|tx| {
                        tx.conn.execute("UPDATE hub SET session_epoch = 77", [])?;
                        tx.conn.execute("INSERT INTO nowhere VALUES (1)", [])?;
                        Ok(())
                    })
                    .await
                    .map_err(|_| StoreError::Fenced),
                6 => store.write(|_| -> Result<(), _> { panic!("a bug") }).await,
                _ => create(&store, "x".into()).await.map(drop),
            }
        });
    }
    // All are in the queue when the group before them ends.
    while store.queued() < 20 {
        tokio::task::yield_now().await;
    }
    go.send(()).unwrap();
    let results: Vec<_> = operations.join_all().await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 19);
    assert_eq!(results.iter().filter(|r| **r == Err(StoreError::Fenced)).count(), 1);
    let WriteStats { operations, transactions } = store.write_stats();
    assert_eq!((operations - before.operations, transactions - before.transactions), (21, 2));
    assert_eq!(store.check().await.unwrap().tasks, 18);
    let epoch: i64 = store
        .read(|conn| Ok(conn.query_row("SELECT session_epoch FROM hub", [], |row| row.get(0))?))
        .await
        .unwrap();
    assert_eq!(epoch, 0);
}

#[tokio::test]
async fn a_full_database_refuses_and_works_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder).await;
    let limit = |pages: u32| {
        store.write(move |tx| {
            let sql = format!("PRAGMA max_page_count = {pages}");
            Ok(tx.conn.query_row(&sql, [], |_| Ok(()))?)
        })
    };
    limit(100).await.unwrap();
    let mut ids = Vec::new();
    let error = loop {
        match create(&store, "x".repeat(20_000)).await {
            Ok(id) => ids.push(id),
            Err(error) => break error,
        }
        assert!(ids.len() < 1000, "the limit has no effect");
    };
    assert!(matches!(error, StoreError::DiskFull { .. }), "{error:?}");
    assert!(error.to_string().contains("free some space; nothing was lost"));
    limit(1_000_000).await.unwrap();
    ids.push(create(&store, "y".into()).await.unwrap());
    let filter = TaskFilter { limit: 1000, ..TaskFilter::default() };
    let tasks = store.tasks(&"a".parse().unwrap(), &filter).await.unwrap();
    ids.reverse();
    assert_eq!(tasks.into_iter().map(|task| task.task_id).collect::<Vec<_>>(), ids);
}

#[test]
fn network_file_systems_are_known_by_their_number() {
    assert_eq!(network_file_system(0x6969), Some("NFS"));
    assert_eq!(network_file_system(0xFF53_4D42), Some("CIFS"));
    assert_eq!(network_file_system(0xFE53_4D42), Some("SMB2"));
    assert_eq!(network_file_system(0xEF53), None, "ext4");
}
