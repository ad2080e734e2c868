//! What SQLite and the writer's groups add to the contract.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use agentos_domain::{
    Classified, Decision, EdgeId, Entry, GrantScope, TaskId, TaskStatus, ToolClass,
};
use agentos_store::{Resolution, Store, StoreError, TaskFilter};
use tokio::task::JoinSet;

use crate::fixture::{
    add_task, append, at, call, claim, finished, new_task, open, reply, sqlite, ws,
};

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_appends_share_transactions_and_all_last() {
    const RUNS: usize = 100;
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(sqlite(folder.path()).await);
    let edge = EdgeId::generate();
    let mut runs = Vec::new();
    for _ in 0..RUNS {
        add_task(&*store, "a", 0).await;
        runs.push(claim(&*store, &edge, 1).await);
    }
    let before = store.write_stats();
    let mut appends = JoinSet::new();
    for run in runs {
        let store = Arc::clone(&store);
        appends.spawn(async move {
            append(&*store, &run, 1, &[reply(vec![]), finished()], 2).await.unwrap();
        });
    }
    while let Some(done) = appends.join_next().await {
        done.unwrap();
    }
    let after = store.write_stats();
    assert_eq!(after.operations - before.operations, RUNS as u64);
    assert!(after.transactions - before.transactions < RUNS as u64, "{after:?}");
    drop(store);
    let store = sqlite(folder.path()).await;
    let filter = TaskFilter { limit: 1000, ..TaskFilter::default() };
    let tasks = store.tasks(&ws("a"), &filter).await.unwrap();
    assert_eq!(tasks.len(), RUNS);
    assert!(tasks.iter().all(|task| task.status == TaskStatus::Completed && task.steps == 2));
}

#[tokio::test]
async fn a_reopened_database_carries_on() {
    let folder = tempfile::tempdir().unwrap();
    let store = sqlite(folder.path()).await;
    let id = add_task(&store, "a", 0).await;
    let run = claim(&store, &EdgeId::generate(), 1).await;
    append(&store, &run, 1, &[reply(vec![])], 2).await.unwrap();
    let before = store.task(&ws("a"), &id).await.unwrap();
    drop(store);

    let store = sqlite(folder.path()).await;
    assert_eq!(store.task(&ws("a"), &id).await.unwrap(), before);
    // The lease and the journal's order are known without memory.
    assert!(append(&store, &run, 2, &[reply(vec![])], 3).await.is_err());
    append(&store, &run, 2, &[finished()], 3).await.unwrap();
}

/// The promise of an approval: it is there as long as nobody decides, however
/// often the hub starts, and then it is decided once.
#[tokio::test]
async fn a_proposal_outlives_a_hundred_restarts_and_is_decided_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = sqlite(folder.path()).await;
    add_task(&store, "a", 0).await;
    let run = claim(&store, &EdgeId::generate(), 1).await;
    let asked =
        Entry::ApprovalAsked { call: call("1", "a"), class: ToolClass::Once, reasons: vec![] };
    let appended = append(&store, &run, 1, &[reply(vec![call("1", "a")]), asked], 2).await;
    let proposal = appended.unwrap().proposal.unwrap();
    let id = &proposal.proposal_id;
    drop(store);
    for restart in 0..100 {
        let store = sqlite(folder.path()).await;
        let now = at(10 + restart);
        store.extend_all_leases(now, Duration::from_secs(10)).await.unwrap();
        store.expire_leases(now).await.unwrap();
        assert_eq!(store.proposal(&ws("a"), id).await.unwrap().as_ref(), Some(&proposal));
    }
    let decision = Decision::Approve { scope: GrantScope::Once };
    let resolution =
        Resolution { decision, reviewer: "key_ann".into(), notes: None, content_hash: None };
    for restart in 0..3 {
        let store = sqlite(folder.path()).await;
        let resolved = store.resolve(&ws("a"), id, resolution.clone(), at(200 + restart)).await;
        if restart == 0 {
            assert!(resolved.unwrap().is_some());
        } else {
            assert_eq!(resolved, Err(StoreError::AlreadyDecided { status: "approved" }));
        }
    }
}

#[tokio::test]
async fn sessions_end_with_the_process_and_their_numbers_do_not() {
    let folder = tempfile::tempdir().unwrap();
    let edge = EdgeId::generate();
    let store = sqlite(folder.path()).await;
    store.add_join_token([1; 32], None, at(0), at(60)).await.unwrap();
    store.redeem_join_token([1; 32], &edge, "mac", at(1)).await.unwrap();
    let old = store.open_session(&edge, "boot", "0.1.0", at(2)).await.unwrap();
    drop(store);
    let store = sqlite(folder.path()).await;
    assert_eq!(store.edge(&edge).await.unwrap().unwrap().session_epoch, None);
    assert!(store.open_session(&edge, "boot", "0.1.0", at(3)).await.unwrap() > old);
}

#[tokio::test]
async fn a_closed_store_refuses_and_leaves_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let store = sqlite(folder.path()).await;
    add_task(&store, "a", 0).await;
    assert_eq!(store.check().await.unwrap().tasks, 1);
    store.close(Duration::from_secs(60)).await;
    assert_eq!(store.check().await.unwrap_err(), StoreError::Closed);
    let refused =
        store.create_task(TaskId::generate(), new_task("a"), [0; 32], u32::MAX, at(1)).await;
    assert_eq!(refused.unwrap_err(), StoreError::Closed);
    assert!(store.tasks(&ws("a"), &TaskFilter::default()).await.is_err());
    assert!(!folder.path().join("hub.db-wal").exists(), "the log was not emptied");
    // Although the handle is still there, the next hub can start.
    assert_eq!(sqlite(folder.path()).await.check().await.unwrap().tasks, 1);
}

/// A small file system of its own, unmounted at the end.
struct SmallDisk<'a>(&'a Path);

impl<'a> SmallDisk<'a> {
    fn mount(at: &'a Path) -> Option<Self> {
        let mount =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=4m", "tmpfs"]).arg(at).output();
        mount.is_ok_and(|output| output.status.success()).then_some(Self(at))
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        drop(Command::new("umount").arg(self.0).status());
    }
}

#[tokio::test]
async fn a_full_disk_loses_nothing_and_is_survived() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = SmallDisk::mount(folder.path()) else {
        println!("skipped: a small file system can only be mounted by root on Linux");
        return;
    };
    let path = folder.path().join("hub.db");
    let store = open(&path).await.unwrap();
    // What is freed must hold what the log moves into the database.
    let ballast = folder.path().join("ballast");
    std::fs::write(&ballast, vec![0; 2 * 1024 * 1024]).unwrap();
    let mut accepted = 0;
    let error = loop {
        let mut new = new_task("a");
        new.user_input = "x".repeat(20_000);
        match store.create_task(TaskId::generate(), new, [0; 32], u32::MAX, at(0)).await {
            Ok(_) => accepted += 1,
            Err(error) => break error,
        }
        assert!(accepted < 1000, "the disk never fills");
    };
    assert_eq!(error, StoreError::DiskFull { path: path.clone() });
    assert!(error.is_retryable());
    assert_eq!(store.check().await.unwrap().tasks, accepted);
    std::fs::remove_file(&ballast).unwrap();
    add_task(&store, "a", 1).await;
    assert_eq!(store.check().await.unwrap().tasks, accepted + 1);
    drop(store);
    assert_eq!(open(&path).await.unwrap().check().await.unwrap().tasks, accepted + 1);
    drop(disk);
}
