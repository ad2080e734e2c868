//! Tenancy: no verb crosses workspaces.

use agentos_domain::{BlobHash, EdgeId, FileEntry, TaskStatus};
use agentos_store::{Store, StoreError, TaskFilter};

use crate::fixture::{add_task, append, at, claim, file, reply, ws};

pub(crate) async fn nothing_is_seen_from_another_workspace(store: &dyn Store) {
    let (a, b) = (ws("a"), ws("b"));
    let path = "secret.md".parse().unwrap();
    store.put_file(&a, &path, &file("secret"), at(0)).await.unwrap();
    let id = add_task(store, "a", 0).await;
    assert_eq!(store.queue_position(&b, &id).await.unwrap(), None);
    let run = claim(store, &EdgeId::generate(), 1).await;
    append(store, &run, 1, &[reply(vec![])], 2).await.unwrap();

    assert!(store.task(&b, &id).await.unwrap().is_none());
    assert!(store.tasks(&b, &TaskFilter::default()).await.unwrap().is_empty());
    let cursor = TaskFilter { before: Some(id.clone()), ..TaskFilter::default() };
    assert_eq!(store.tasks(&b, &cursor).await.unwrap_err(), StoreError::UnknownCursor);
    assert!(store.steps(&b, &id, 0, 10).await.unwrap().is_empty());
    assert!(store.cancel(&b, &id, "x", at(3)).await.unwrap().is_none());
    assert!(store.manifest(&b).await.unwrap().files.is_empty());
    assert!(!store.delete_file(&b, &path, at(3)).await.unwrap());
    let theirs = add_task(store, "b", 4).await;
    let other = claim(store, &EdgeId::generate(), 5).await;
    assert!(other.manifest.files.is_empty());
    let secret = BlobHash::of(b"secret");
    assert!(!store.blob_in_lease(&other.edge, &theirs, &secret).await.unwrap());

    let task = store.task(&a, &id).await.unwrap().unwrap();
    assert_eq!((task.status, task.steps), (TaskStatus::Running, 1));
    assert_eq!(store.manifest(&a).await.unwrap().files.len(), 1);
}

pub(crate) async fn a_list_of_files_follows_its_changes(store: &dyn Store) {
    let a = ws("a");
    let (one, two) = ("one.md".parse().unwrap(), "sub/two.md".parse().unwrap());
    store.put_file(&a, &one, &file("1"), at(0)).await.unwrap();
    store.put_file(&a, &two, &file("2"), at(1)).await.unwrap();
    store.put_file(&a, &one, &file("1, again"), at(2)).await.unwrap();
    let files = store.manifest(&a).await.unwrap().files;
    assert_eq!(files.len(), 2);
    assert_eq!((&files[&one], &files[&two]), (&file("1, again"), &file("2")));
    assert!(store.delete_file(&a, &one, at(3)).await.unwrap());
    assert!(!store.delete_file(&a, &one, at(3)).await.unwrap());
    assert_eq!(store.manifest(&a).await.unwrap().files.into_keys().collect::<Vec<_>>(), [two]);
}

pub(crate) async fn a_file_keeps_the_time_that_its_owner_said(store: &dyn Store) {
    let (a, path) = (ws("a"), "x.md".parse().unwrap());
    let put = async |content: &str, time: Option<i64>, now: i64| {
        let modified = time.map(at).unwrap_or_default();
        let entry = FileEntry { modified, ..file(content) };
        let kept = store.put_file(&a, &path, &entry, at(now)).await.unwrap();
        assert_eq!(store.manifest(&a).await.unwrap().files[&path], kept);
        assert_eq!((kept.hash, kept.size), (entry.hash, entry.size));
        kept.modified
    };
    assert_eq!(put("1", Some(-50), 0).await, at(-50));
    // The same content, and nothing said about its time.
    assert_eq!(put("1", None, 1).await, at(-50));
    let old = add_task(store, "a", 2).await;
    let first = claim(store, &EdgeId::generate(), 2).await;
    assert_eq!(put("1", Some(-70), 3).await, at(-70));
    assert_eq!(put("2", None, 4).await, at(4));
    assert_eq!(put("3", Some(90), 5).await, at(90));

    // A run sees the times of its snapshot, in all attempts.
    assert_eq!(first.manifest.files[&path].modified, at(-50));
    add_task(store, "a", 6).await;
    store.expire_leases(at(100)).await.unwrap();
    let again = claim(store, &EdgeId::generate(), 101).await;
    assert_eq!((&again.task.task_id, &again.manifest), (&old, &first.manifest));
    let newer = claim(store, &EdgeId::generate(), 101).await;
    assert_eq!(newer.manifest, store.manifest(&a).await.unwrap());
}
