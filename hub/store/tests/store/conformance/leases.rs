//! Leases and fencing.

use std::time::Duration;

use agentos_domain::{
    AttemptId, BlobHash, Decision, EdgeId, Entry, ErrorInfo, Fence, GrantScope, OnEdgeLost,
    ProposalStatus, Task, TaskId, TaskStatus, ToolClass,
};
use agentos_store::{HeldLease, Lease, ProposalFilter, Resolution, Store, StoreError};

use crate::fixture::{
    TTL, add_task, append, at, call, claim, file, finished, held, intent, new_task, reply,
    try_claim, ws,
};

fn ids(tasks: &[Task]) -> Vec<TaskId> {
    tasks.iter().map(|task| task.task_id.clone()).collect()
}

pub(crate) async fn the_oldest_task_is_claimed_first(store: &dyn Store) {
    let edge = EdgeId::generate();
    assert!(try_claim(store, &edge, 0).await.is_none());
    // In order of acceptance, even if the clock was set back in between.
    let ids = [
        add_task(store, "b", 3).await,
        add_task(store, "a", 1).await,
        add_task(store, "c", 2).await,
    ];
    for id in ids {
        let claimed = claim(store, &edge, 4).await;
        assert_eq!((&claimed.task.task_id, claimed.fence), (&id, Fence(1)));
        assert_eq!(
            (claimed.task.status, claimed.task.started_at),
            (TaskStatus::Running, Some(at(4)))
        );
    }
    assert!(try_claim(store, &edge, 5).await.is_none());
}

pub(crate) async fn a_late_writer_is_fenced(store: &dyn Store) {
    let id = add_task(store, "a", 0).await;
    let late = claim(store, &EdgeId::generate(), 0).await;
    append(store, &late, 1, &[reply(vec![call("1", "a")])], 1).await.unwrap();
    // Its time is over, even before anybody has noticed.
    assert_eq!(append(store, &late, 2, &[], 11).await, Err(StoreError::Fenced));
    assert_eq!(ids(&store.expire_leases(at(11)).await.unwrap()), std::slice::from_ref(&id));
    assert_eq!(append(store, &late, 2, &[], 5).await, Err(StoreError::Fenced));
    let next = claim(store, &EdgeId::generate(), 12).await;
    assert_eq!((&next.task.task_id, next.fence), (&id, Fence(2)));
    assert_eq!(next.journal, [reply(vec![call("1", "a")])]);
    assert_eq!(next.task.started_at, Some(at(0)));
    assert_eq!(append(store, &late, 2, &[], 13).await, Err(StoreError::Fenced));
    let mut forged = late.clone();
    forged.fence = next.fence;
    assert_eq!(append(store, &forged, 2, &[], 13).await, Err(StoreError::Fenced));
    let mut stolen = next.clone();
    stolen.edge = late.edge.clone();
    assert_eq!(append(store, &stolen, 2, &[], 13).await, Err(StoreError::Fenced));
    append(store, &next, 2, &[], 13).await.unwrap();
}

pub(crate) async fn an_append_extends_the_lease(store: &dyn Store) {
    add_task(store, "a", 0).await;
    let run = claim(store, &EdgeId::generate(), 0).await;
    append(store, &run, 1, &[reply(vec![])], 9).await.unwrap();
    assert!(store.expire_leases(at(18)).await.unwrap().is_empty());
    assert_eq!(store.expire_leases(at(19)).await.unwrap().len(), 1);
}

pub(crate) async fn a_given_back_task_keeps_its_place(store: &dyn Store) {
    let first = add_task(store, "a", 0).await;
    add_task(store, "a", 1).await;
    let edge = EdgeId::generate();
    let run = claim(store, &edge, 2).await;
    let wrong = HeldLease { fence: Fence(7), ..held(&run) };
    assert!(store.release(&wrong, at(3)).await.unwrap().is_none());
    let given_back = store.release(&held(&run), at(3)).await.unwrap().unwrap();
    assert_eq!((&given_back.task_id, given_back.status), (&first, TaskStatus::Pending));
    assert!(store.release(&held(&run), at(3)).await.unwrap().is_none());
    let again = claim(store, &edge, 4).await;
    assert_eq!((again.task.task_id, again.fence), (first, Fence(2)));
}

pub(crate) async fn renewing_names_what_was_lost(store: &dyn Store) {
    for now in 0..2 {
        add_task(store, "a", now).await;
    }
    let (edge, other) = (EdgeId::generate(), EdgeId::generate());
    let mine = claim(store, &edge, 0).await;
    let theirs = claim(store, &other, 0).await;
    let both = [held(&mine), held(&theirs)];
    let lost = store.renew(&edge, &both, at(8), TTL).await.unwrap();
    assert_eq!(lost, std::slice::from_ref(&theirs.attempt));
    // The other's lease was not extended by that, mine was.
    assert_eq!(ids(&store.expire_leases(at(12)).await.unwrap()), [theirs.task.task_id]);
    assert_eq!(store.renew(&edge, &both[..1], at(18), TTL).await.unwrap(), [mine.attempt]);
}

pub(crate) async fn a_new_session_gives_back_what_it_does_not_hold(store: &dyn Store) {
    for now in 0..3 {
        add_task(store, "a", now).await;
    }
    let (edge, other) = (EdgeId::generate(), EdgeId::generate());
    let kept = claim(store, &edge, 3).await;
    let lost = claim(store, &edge, 3).await;
    let theirs = claim(store, &other, 3).await;
    let kept_ids = [kept.attempt.clone(), AttemptId::generate()];
    let pending = store.release_lost(&edge, &kept_ids, at(4)).await.unwrap();
    assert_eq!(ids(&pending), std::slice::from_ref(&lost.task.task_id));
    append(store, &kept, 1, &[], 5).await.unwrap();
    append(store, &theirs, 1, &[], 5).await.unwrap();
    assert_eq!(append(store, &lost, 1, &[], 5).await, Err(StoreError::Fenced));
}

pub(crate) async fn a_start_of_the_hub_gives_grace(store: &dyn Store) {
    add_task(store, "a", 0).await;
    let run = claim(store, &EdgeId::generate(), 0).await;
    assert_eq!(store.extend_all_leases(at(500), TTL).await.unwrap(), 1);
    assert!(store.expire_leases(at(509)).await.unwrap().is_empty());
    append(store, &run, 1, &[], 509).await.unwrap();
}

pub(crate) async fn a_cancelled_task_fences_its_writer(store: &dyn Store) {
    let id = add_task(store, "a", 0).await;
    let edge = EdgeId::generate();
    let run = claim(store, &edge, 1).await;
    append(store, &run, 1, &[reply(vec![])], 2).await.unwrap();
    let done = store.cancel(&ws("a"), &id, "by its user", at(3)).await.unwrap().unwrap();
    let lease = Lease { edge: edge.clone(), attempt: run.attempt.clone(), fence: run.fence };
    assert_eq!((done.task.status, done.lease), (TaskStatus::Cancelled, Some(lease)));
    let step = done.step.unwrap();
    assert_eq!((step.seq, step.fence), (2, Fence(2)));
    assert_eq!(step.entry, Entry::Cancelled { reason: "by its user".into() });
    assert_eq!(store.steps(&ws("a"), &id, 1, 10).await.unwrap(), [step]);
    assert_eq!(append(store, &run, 2, &[finished()], 4).await, Err(StoreError::Fenced));
    assert_eq!(append(store, &run, 1, &[reply(vec![])], 4).await, Err(StoreError::Fenced));
    assert!(try_claim(store, &edge, 5).await.is_none());
}

pub(crate) async fn cancelling_twice_changes_nothing(store: &dyn Store) {
    let id = add_task(store, "a", 0).await;
    let first = store.cancel(&ws("a"), &id, "x", at(1)).await.unwrap().unwrap();
    assert!(first.lease.is_none() && first.step.is_some());
    let second = store.cancel(&ws("a"), &id, "y", at(2)).await.unwrap().unwrap();
    assert_eq!((second.task, second.lease, second.step), (first.task, None, None));
    let unknown = agentos_domain::TaskId::generate();
    assert!(store.cancel(&ws("a"), &unknown, "x", at(1)).await.unwrap().is_none());
}

pub(crate) async fn the_hub_can_fail_a_task(store: &dyn Store) {
    let id = add_task(store, "a", 0).await;
    let run = claim(store, &EdgeId::generate(), 1).await;
    let error = ErrorInfo::new("deadline", "it took too long");
    let (task, step) = store.fail(&id, error.clone(), at(4)).await.unwrap().unwrap();
    assert_eq!((task.status, task.error.as_ref()), (TaskStatus::Failed, Some(&error)));
    assert_eq!((task.execution_time_ms, task.steps), (Some(3000), 1));
    assert_eq!((step.seq, step.fence), (1, Fence(2)));
    assert_eq!(store.task(&ws("a"), &id).await.unwrap(), Some(task));
    assert!(store.fail(&id, error, at(5)).await.unwrap().is_none());
    assert_eq!(append(store, &run, 1, &[], 5).await, Err(StoreError::Fenced));
}

pub(crate) async fn a_snapshot_is_pinned_for_all_attempts(store: &dyn Store) {
    let (a, path) = (ws("a"), "notes.md".parse().unwrap());
    store.put_file(&a, &path, &file("old"), at(0)).await.unwrap();
    let id = add_task(store, "a", 1).await;
    let first = claim(store, &EdgeId::generate(), 2).await;
    assert_eq!(first.manifest.files[&path], file("old"));
    store.put_file(&a, &path, &file("new"), at(3)).await.unwrap();
    store.put_file(&a, &"more.md".parse().unwrap(), &file("more"), at(3)).await.unwrap();
    let other = add_task(store, "a", 4).await;
    store.expire_leases(at(100)).await.unwrap();
    let second = claim(store, &EdgeId::generate(), 101).await;
    assert_eq!((&second.task.task_id, &second.manifest), (&id, &first.manifest));
    let newer = claim(store, &EdgeId::generate(), 101).await;
    assert_eq!((&newer.task.task_id, newer.manifest.files.len()), (&other, 2));
    let (old, new) = (BlobHash::of(b"old"), BlobHash::of(b"new"));
    let opens = async |edge: &EdgeId, task: &TaskId, hash: &BlobHash| {
        store.blob_in_lease(edge, task, hash).await.unwrap()
    };
    assert!(opens(&second.edge, &id, &old).await);
    assert!(!opens(&second.edge, &id, &new).await);
    assert!(!opens(&newer.edge, &other, &old).await);
    // Only the holder of the lease reads the files of a run.
    assert!(!opens(&newer.edge, &id, &old).await);
    assert!(!opens(&first.edge, &id, &old).await);
    // A task that has ended opens no files any more, and harms no other's.
    store.cancel(&a, &id, "x", at(102)).await.unwrap();
    assert!(!opens(&second.edge, &id, &old).await);
    assert!(opens(&newer.edge, &other, &new).await);
}

/// What counts against a task's time is what executors worked on it, whoever
/// they were; waiting for one, and for a person, does not.
pub(crate) async fn only_work_counts_against_the_time(store: &dyn Store) {
    let limit = Duration::from_secs(300);
    add_task(store, "a", 0).await;
    let first = claim(store, &EdgeId::generate(), 100).await;
    assert_eq!(first.time_left, limit);
    assert!(store.release(&held(&first), at(103)).await.unwrap().is_some());
    let second = claim(store, &EdgeId::generate(), 200).await;
    assert_eq!(second.time_left, limit - Duration::from_secs(3));
    // One that is lost counts until its lease would have expired.
    assert_eq!(store.expire_leases(at(900)).await.unwrap().len(), 1);
    let third = claim(store, &EdgeId::generate(), 1000).await;
    assert_eq!(third.time_left, limit - Duration::from_secs(13));
    let asked =
        Entry::ApprovalAsked { call: call("1", "a"), class: ToolClass::Once, reasons: vec![] };
    let entries = [reply(vec![call("1", "a")]), asked];
    append(store, &third, 1, &entries, 1005).await.unwrap();
    let proposal = store.proposals(&ws("a"), &pending()).await.unwrap().remove(0);
    let resolution = Resolution {
        decision: Decision::Approve { scope: GrantScope::Once },
        reviewer: "Ann".into(),
        notes: None,
        content_hash: None,
    };
    store.resolve(&ws("a"), &proposal.proposal_id, resolution, at(9000)).await.unwrap();
    let fourth = claim(store, &EdgeId::generate(), 9001).await;
    assert_eq!(fourth.time_left, limit - Duration::from_secs(18));
    // Nor does the time in which the hub is away.
    store.extend_all_leases(at(50_000), TTL).await.unwrap();
    assert!(store.release(&held(&fourth), at(50_001)).await.unwrap().is_some());
    let fifth = claim(store, &EdgeId::generate(), 50_002).await;
    assert_eq!(fifth.time_left, limit - Duration::from_secs(18 + 10 + 1));
}

fn pending() -> ProposalFilter {
    ProposalFilter { status: Some(ProposalStatus::Pending), before: None, limit: 10 }
}

/// A task of an agent that is not to wait fails with its edge, but not where a
/// call may have had its effect: that is asked about first.
pub(crate) async fn a_task_that_is_not_to_wait_fails_with_its_edge(store: &dyn Store) {
    let hasty = |name: &str| {
        let mut task = new_task(name);
        task.on_edge_lost = OnEdgeLost::Fail;
        task
    };
    let edge = EdgeId::generate();
    for (entries, expected) in [
        (vec![], TaskStatus::Failed),
        (vec![reply(vec![call("1", "a")]), intent("1", "a", ToolClass::Read)], TaskStatus::Failed),
        (vec![reply(vec![call("1", "a")]), intent("1", "a", ToolClass::Once)], TaskStatus::Pending),
    ] {
        let id = TaskId::generate();
        store.create_task(id.clone(), hasty("a"), [0; 32], u32::MAX, at(0)).await.unwrap();
        let run = claim(store, &edge, 1).await;
        append(store, &run, 1, &entries, 2).await.unwrap();
        let lost = store.release_lost(&edge, &[], at(3)).await.unwrap().remove(0);
        assert_eq!((lost.task_id, lost.status), (id.clone(), expected));
        let code = lost.error.map(|error| error.code);
        assert_eq!(code.as_deref(), (expected == TaskStatus::Failed).then_some("edge_lost"));
        let task = store.task(&ws("a"), &id).await.unwrap().unwrap();
        assert_eq!(task.status, expected);
        assert_eq!(append(store, &run, 9, &[], 3).await, Err(StoreError::Fenced));
    }
}
