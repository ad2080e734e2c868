//! Tenancy: no verb crosses workspaces.

use agentos_domain::{BlobHash, EdgeId, TaskStatus};
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
