//! Accepting tasks and reading them.

use agentos_domain::{RequestId, SessionId, TaskId, TaskStatus};
use agentos_store::{Store, StoreError, TaskFilter};

use crate::fixture::{add_task, at, claim, new_task, ws};

const DAY: i64 = 24 * 60 * 60;

fn with_key(workspace: &str) -> agentos_domain::NewTask {
    agentos_domain::NewTask { idempotency_key: Some("k".into()), ..new_task(workspace) }
}

pub(crate) async fn a_key_gives_the_same_task_for_a_day(store: &dyn Store) {
    let create =
        |now| store.create_task(TaskId::generate(), with_key("a"), [1; 32], u32::MAX, at(now));
    let first = create(0).await.unwrap();
    assert!(!first.replayed);
    let again = create(DAY - 1).await.unwrap();
    assert!(again.replayed);
    assert_eq!(again.task, first.task);
    let next_day = create(DAY).await.unwrap();
    assert!(!next_day.replayed);
    assert_ne!(next_day.task.task_id, first.task.task_id);
    assert_eq!(create(DAY + 1).await.unwrap().task, next_day.task);
}

pub(crate) async fn a_key_refuses_another_request(store: &dyn Store) {
    let create =
        |hash| store.create_task(TaskId::generate(), with_key("a"), [hash; 32], u32::MAX, at(0));
    create(1).await.unwrap();
    assert_eq!(create(2).await.unwrap_err(), StoreError::IdempotencyConflict);
    assert_eq!(store.tasks(&ws("a"), &TaskFilter::default()).await.unwrap().len(), 1);
}

pub(crate) async fn a_key_belongs_to_its_workspace(store: &dyn Store) {
    let create = |ws| store.create_task(TaskId::generate(), with_key(ws), [1; 32], u32::MAX, at(0));
    create("a").await.unwrap();
    assert!(!create("b").await.unwrap().replayed);
}

pub(crate) async fn pages_follow_the_cursor(store: &dyn Store) {
    let mut ids = Vec::new();
    for now in 0..7 {
        ids.push(add_task(store, "a", now).await);
        add_task(store, "b", now).await;
    }
    let mut seen = Vec::new();
    let mut filter = TaskFilter { limit: 3, ..TaskFilter::default() };
    loop {
        let page = store.tasks(&ws("a"), &filter).await.unwrap();
        let Some(last) = page.last() else { break };
        assert!(page.len() <= 3);
        filter.before = Some(last.task_id.clone());
        // A task that arrives between two pages shifts nothing.
        add_task(store, "a", 100).await;
        seen.extend(page.into_iter().map(|task| task.task_id));
    }
    ids.reverse();
    assert_eq!(seen, ids);
    filter.before = Some(TaskId::generate());
    assert_eq!(store.tasks(&ws("a"), &filter).await.unwrap_err(), StoreError::UnknownCursor);
}

pub(crate) async fn lists_are_filtered(store: &dyn Store) {
    let running = add_task(store, "a", 0).await;
    let pending = add_task(store, "a", 1).await;
    claim(store, &agentos_domain::EdgeId::generate(), 2).await;
    let list = async |filter: TaskFilter| {
        let tasks = store.tasks(&ws("a"), &filter).await.unwrap();
        tasks.into_iter().map(|task| task.task_id).collect::<Vec<_>>()
    };
    let status = |status| TaskFilter { status: Some(status), ..TaskFilter::default() };
    let agent = |name: &str| TaskFilter { agent: name.parse().ok(), ..TaskFilter::default() };
    assert_eq!(list(status(TaskStatus::Pending)).await, std::slice::from_ref(&pending));
    assert_eq!(list(status(TaskStatus::Running)).await, std::slice::from_ref(&running));
    assert!(list(status(TaskStatus::Failed)).await.is_empty());
    assert_eq!(list(agent("FileOpsAgent")).await, [pending, running]);
    assert!(list(agent("Other")).await.is_empty());
}

pub(crate) async fn the_queue_has_positions(store: &dyn Store) {
    let first = add_task(store, "a", 0).await;
    let second = add_task(store, "b", 1).await;
    let third = add_task(store, "a", 2).await;
    assert_eq!(store.queue_position(&ws("a"), &third).await.unwrap(), Some(2));
    claim(store, &agentos_domain::EdgeId::generate(), 3).await;
    assert_eq!(store.queue_position(&ws("a"), &first).await.unwrap(), None);
    assert_eq!(store.queue_position(&ws("b"), &second).await.unwrap(), Some(1));
    assert_eq!(store.queue_position(&ws("a"), &third).await.unwrap(), Some(1));
    assert_eq!(store.queue_position(&ws("a"), &TaskId::generate()).await.unwrap(), None);
}

pub(crate) async fn everything_of_a_task_is_kept(store: &dyn Store) {
    let session = Some(SessionId::generate());
    let new = agentos_domain::NewTask {
        user_input: "Ünïcode\n\"quoted\" 'text'".into(),
        first_tool: "file_list".parse().ok(),
        session: session.clone(),
        request_id: Some(RequestId::generate()),
        ..with_key("a")
    };
    let id = TaskId::generate();
    let made =
        store.create_task(id.clone(), new.clone(), [1; 32], u32::MAX, at(5)).await.unwrap().task;
    let read = store.task(&ws("a"), &id).await.unwrap().unwrap();
    assert_eq!(read, made);
    assert_eq!((&read.user_input, &read.session), (&new.user_input, &session));
    assert_eq!(read.idempotency_key.as_deref(), Some("k"));
    assert_eq!((read.status, read.created_at, read.steps), (TaskStatus::Pending, at(5), 0));
    let claimed = claim(store, &agentos_domain::EdgeId::generate(), 6).await;
    assert_eq!((claimed.agent, claimed.first_tool), (new.agent, new.first_tool));
    assert_eq!(claimed.request_id, new.request_id);
}
