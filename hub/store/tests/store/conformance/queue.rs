//! Whose task is next, and who is told to come later.

use agentos_domain::{EdgeId, Entry, ErrorInfo, NewTask, Priority, TaskId, Tier};
use agentos_store::{ClaimLimits, Store, StoreError};

use crate::fixture::{add_task, append, at, claim, claim_within, held, new_task, ws};

async fn add(store: &dyn Store, workspace: &str, priority: Priority, tier: Tier) -> TaskId {
    let mut new = NewTask { priority, ..new_task(workspace) };
    new.agent.model_tier = tier;
    let id = TaskId::generate();
    store.create_task(id.clone(), new, [0; 32], u32::MAX, at(0)).await.unwrap();
    id
}

/// One executor at a time: the next task runs to its end.
async fn next(store: &dyn Store) -> TaskId {
    let run = claim(store, &EdgeId::generate(), 1).await;
    let failed = Entry::Failed { error: ErrorInfo::new("test", "it is enough") };
    append(store, &run, 1, &[failed], 2).await.unwrap();
    run.task.task_id
}

pub(crate) async fn workspaces_take_turns(store: &dyn Store) {
    let mut many = Vec::new();
    for _ in 0..5 {
        many.push(add_task(store, "many", 0).await);
    }
    assert_eq!(next(store).await, many[0]);
    let (few, late) = (add_task(store, "few", 0).await, add_task(store, "late", 0).await);
    assert_eq!(next(store).await, few, "who was never served is next");
    assert_eq!(next(store).await, late);
    assert_eq!(next(store).await, many[1]);
    let few = add_task(store, "few", 0).await;
    assert_eq!(next(store).await, few, "one task a turn");
    assert_eq!(next(store).await, many[2]);
}

pub(crate) async fn who_has_fewer_runs_is_next(store: &dyn Store) {
    for _ in 0..3 {
        add_task(store, "a", 0).await;
        add_task(store, "b", 0).await;
    }
    let edge = EdgeId::generate();
    let mut runs = Vec::new();
    for _ in 0..4 {
        runs.push(claim(store, &edge, 1).await);
    }
    let names: Vec<_> = runs.iter().map(|run| run.task.workspace_id.to_string()).collect();
    assert_eq!(names, ["a", "b", "a", "b"]);
    // One of `b` ends: it has one run, `a` has two.
    store.release(&held(&runs[3]), at(2)).await.unwrap();
    assert_eq!(claim(store, &edge, 3).await.task.workspace_id, ws("b"));
}

pub(crate) async fn priorities_order_the_tasks_of_one_workspace(store: &dyn Store) {
    let fast = Tier::LocalFast;
    let low = add(store, "a", Priority::Low, fast).await;
    let normal = add(store, "a", Priority::Normal, fast).await;
    let other = add(store, "b", Priority::Low, fast).await;
    let high = add(store, "a", Priority::High, fast).await;
    assert_eq!(store.queue_position(&ws("a"), &high).await.unwrap(), Some(1));
    assert_eq!(store.queue_position(&ws("a"), &low).await.unwrap(), Some(3));
    let first = next(store).await;
    let order = [first, next(store).await, next(store).await, next(store).await];
    let own: Vec<_> = order.iter().filter(|id| **id != other).cloned().collect();
    assert_eq!(own, [high, normal, low]);
    assert!(order[..2].contains(&other), "another workspace's turn comes all the same");
    let kept = store.task(&ws("b"), &other).await.unwrap().unwrap();
    assert_eq!(kept.priority, Priority::Low);
}

pub(crate) async fn workspaces_and_tiers_have_limits(store: &dyn Store) {
    let smart = add(store, "a", Priority::High, Tier::LocalSmart).await;
    let again = add(store, "a", Priority::High, Tier::LocalSmart).await;
    let fast = add(store, "a", Priority::Low, Tier::LocalFast).await;
    let limits =
        ClaimLimits { runs_per_workspace: Some(2), runs_per_tier: vec![(Tier::LocalSmart, 1)] };
    let edge = EdgeId::generate();
    let claim = async || claim_within(store, &edge, 1, limits.clone()).await;
    let run = claim().await.unwrap();
    assert_eq!(run.task.task_id, smart);
    assert_eq!(claim().await.unwrap().task.task_id, fast, "the tier of the other is full");
    assert!(claim().await.is_none());
    store.fail(&smart, ErrorInfo::new("test", "it is enough"), at(2)).await.unwrap();
    assert_eq!(claim().await.unwrap().task.task_id, again);
    add(store, "a", Priority::High, Tier::CloudSmart).await;
    assert!(claim().await.is_none(), "the workspace has two runs");
    let other = add(store, "b", Priority::Low, Tier::CloudSmart).await;
    assert_eq!(claim().await.unwrap().task.task_id, other);
}

pub(crate) async fn a_full_queue_refuses_and_its_owner_alone(store: &dyn Store) {
    let create = async |workspace: &str, key: Option<&str>| {
        let mut new = new_task(workspace);
        new.idempotency_key = key.map(str::to_owned);
        store.create_task(TaskId::generate(), new, [0; 32], 2, at(0)).await
    };
    let first = create("a", Some("k")).await.unwrap().task;
    create("a", None).await.unwrap();
    assert_eq!(create("a", None).await, Err(StoreError::QueueFull { limit: 2 }));
    let again = create("a", Some("k")).await.unwrap();
    assert_eq!((again.replayed, again.task.task_id), (true, first.task_id), "it was accepted");
    create("b", None).await.unwrap();
    claim(store, &EdgeId::generate(), 1).await;
    create("a", None).await.unwrap();
}
