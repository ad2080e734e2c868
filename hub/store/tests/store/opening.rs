//! Which files are opened and which are refused.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use agentos_domain::{EdgeId, Manifest};
use agentos_store::{Store, StoreError};

use crate::fixture::{add_task, claim, open, sqlite, ws};

/// The newest schema.
const SCHEMA: u32 = 14;

async fn refusal(path: &Path) -> StoreError {
    open(path).await.err().unwrap()
}

#[tokio::test]
async fn a_missing_folder_is_made_and_the_file_is_private() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a/b/hub.db");
    let store = open(&path).await.unwrap();
    add_task(&store, "a", 0).await;
    assert_eq!(store.check().await.unwrap().schema_version, SCHEMA);
    for name in ["hub.db", "hub.db-wal", "hub.db-shm", "hub.db.lock"] {
        let mode = std::fs::metadata(path.with_file_name(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{name} is readable by others");
    }
}

#[tokio::test]
async fn a_second_hub_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hub.db");
    let store = open(&path).await.unwrap();
    let error = refusal(&path).await;
    assert_eq!(error, StoreError::InUse { path: path.clone() });
    assert!(error.to_string().contains("stop that one first"));
    add_task(&store, "a", 0).await;
    drop(store);
    open(&path).await.unwrap();
}

#[tokio::test]
async fn a_newer_database_is_refused_untouched() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hub.db");
    add_task(&sqlite(folder.path()).await, "a", 0).await;
    let newer = rusqlite::Connection::open(&path).unwrap();
    newer.pragma_update(None, "user_version", 99).unwrap();
    newer.close().unwrap();
    let before = std::fs::read(&path).unwrap();
    let error = refusal(&path).await;
    assert_eq!(
        error.to_string(),
        format!(
            "database {} was written by a newer version (schema 99, this program knows {SCHEMA}): \
             install that version or restore a backup",
            path.display()
        )
    );
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn a_newer_version_in_the_log_is_seen_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hub.db");
    drop(sqlite(folder.path()).await);
    // Still open, so that its change is only in the write-ahead log.
    let newer = rusqlite::Connection::open(&path).unwrap();
    newer.pragma_update(None, "user_version", SCHEMA + 3).unwrap();
    assert!(matches!(refusal(&path).await, StoreError::NewerSchema { found, known, .. }
        if (found, known) == (i64::from(SCHEMA) + 3, i64::from(SCHEMA))));
}

#[tokio::test]
async fn other_files_are_refused_untouched() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("text.db");
    let content = "this is no database\n".repeat(500);
    std::fs::write(&text, &content).unwrap();
    assert_eq!(refusal(&text).await, StoreError::NotADatabase { path: text.clone() });
    assert_eq!(std::fs::read_to_string(&text).unwrap(), content);

    let foreign = folder.path().join("foreign.db");
    let other = rusqlite::Connection::open(&foreign).unwrap();
    other.execute_batch("CREATE TABLE theirs (x)").unwrap();
    other.close().unwrap();
    let before = std::fs::read(&foreign).unwrap();
    assert_eq!(refusal(&foreign).await, StoreError::NotADatabase { path: foreign.clone() });
    assert_eq!(std::fs::read(&foreign).unwrap(), before);
}

#[tokio::test]
async fn a_damaged_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hub.db");
    let store = sqlite(folder.path()).await;
    for now in 0..200 {
        add_task(&store, "a", now).await;
    }
    drop(store);
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..].fill(0xAA);
    std::fs::write(&path, bytes).unwrap();
    let error = refusal(&path).await;
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
    assert!(error.to_string().contains("restore a backup"));
}

#[tokio::test]
async fn a_path_that_cannot_be_is_explained() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "x").unwrap();
    assert!(matches!(refusal(&file.join("hub.db")).await, StoreError::Open { .. }));
    assert!(matches!(refusal(folder.path()).await, StoreError::Open { .. }));
}

#[tokio::test]
async fn an_older_database_is_brought_up_to_date() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hub.db");
    let old = rusqlite::Connection::open(&path).unwrap();
    old.execute_batch(include_str!("../../src/sqlite/schema/001_initial.sql")).unwrap();
    old.execute_batch(
        "INSERT INTO api_keys (key_id, name, prefix, hash, workspace_id, scopes, created_at)
             VALUES ('key_0192f5e0a0007000800000000000abcd', 'admin', 'aos_1234',
                     zeroblob(32), 'default', '[\"admin\"]', 5);
         INSERT INTO files (workspace_id, path, hash, size, updated_at)
             VALUES ('a', 'x', hex(zeroblob(32)), 3, 7), ('a', 'y', hex(zeroblob(32)), 3, 8);
         INSERT INTO workspaces (workspace_id, files_version) VALUES ('a', 2);
         INSERT INTO snapshots (snapshot_id, workspace_id, version) VALUES (1, 'a', 2);
         -- Since the snapshot `y` has changed.
         INSERT INTO snapshot_files (snapshot_id, workspace_id, path, hash, size)
             VALUES (1, 'a', 'x', hex(zeroblob(32)), 3), (1, 'a', 'y', hex(randomblob(32)), 3);
         PRAGMA application_id = 1097289555; PRAGMA user_version = 1;",
    )
    .unwrap();
    old.close().unwrap();
    let store = open(&path).await.unwrap();
    assert_eq!(store.check().await.unwrap().schema_version, SCHEMA);
    let key = store.key_by_hash(&[0; 32]).await.unwrap().unwrap();
    assert_eq!((key.name.as_str(), key.last_used_at), ("admin", None));
    let times = |manifest: Manifest| {
        manifest.files.into_values().map(|entry| entry.modified.millis()).collect::<Vec<_>>()
    };
    assert_eq!(times(store.manifest(&ws("a")).await.unwrap()), [7, 8]);
    add_task(&store, "a", 0).await;
    let claimed = claim(&store, &EdgeId::generate(), 1).await;
    assert_eq!(times(claimed.manifest), [7, 0]);
}
