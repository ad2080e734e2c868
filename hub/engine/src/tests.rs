//! Watching and waiting, where the telling goes wrong.

use std::time::Duration;

use agentos_domain::{
    AttemptId, EdgeId, Entry, Fence, FinishReason, SessionEpoch, Step, Task, TaskStatus, Usage,
    WorkspaceId,
};
use agentos_store::{Append, Claim, ClaimLimits, Placement};
use futures::StreamExt;

use crate::testing::{TestEngine, engine};
use crate::{EventId, LiveEvent, LiveKind, Submission};

const TTL: Duration = Duration::from_secs(60);

pub(crate) fn submission() -> Submission {
    Submission::new(WorkspaceId::default(), "how many files are there?".into())
}

async fn scene() -> (tempfile::TempDir, TestEngine, Task) {
    let dir = tempfile::tempdir().unwrap();
    let engine = engine(dir.path()).await.unwrap();
    let task = engine.handle.submit(submission()).await.unwrap().task;
    (dir, engine, task)
}

/// Ends the task in the store alone, as if the hub's telling had been lost.
async fn complete_untold(engine: &TestEngine) -> (Vec<Step>, Task) {
    let shared = &engine.handle.shared;
    let (now, edge, attempt) = (shared.clock.now(), EdgeId::generate(), AttemptId::generate());
    let epoch = SessionEpoch(0);
    let claim = Claim {
        edge: edge.clone(),
        epoch,
        attempt: attempt.clone(),
        now,
        ttl: TTL,
        limits: ClaimLimits::default(),
        placement: Placement::Edge,
    };
    let claimed = shared.store.claim_next(claim).await.unwrap().unwrap();
    let reply = Entry::ModelReply {
        model: "test-model".into(),
        text: "14".into(),
        tool_calls: vec![],
        finish: FinishReason::Stop,
        usage: Usage::default(),
        confidence: None,
        duration_ms: 1,
    };
    let entries = vec![reply, Entry::Finished { output: "14".into(), truncated: false }];
    let task_id = claimed.task.task_id;
    let fence = claimed.fence;
    let append = Append {
        edge,
        task_id,
        attempt,
        fence,
        first_seq: 1,
        entries,
        now,
        ttl: TTL,
        approval_ttl: None,
    };
    let appended = shared.store.append(append).await.unwrap();
    (appended.steps, appended.task)
}

fn kinds(events: &[LiveEvent]) -> Vec<&'static str> {
    events.iter().map(|event| event.kind.name()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_does_not_overtake_the_steps_before_it() {
    let (_dir, engine, task) = scene().await;
    let workspace = WorkspaceId::default();
    let stream = engine.handle.watch(&workspace, &task.task_id, EventId::default()).await.unwrap();
    let (_, ended) = complete_untold(&engine).await;
    // Only the end is told; the steps before it were not.
    engine.handle.shared.events.publish_status(&ended);
    let events: Vec<_> = stream.map(Result::unwrap).collect().await;
    assert_eq!(kinds(&events), ["status", "step", "step", "status"]);
    assert!(events.windows(2).all(|pair| pair[0].id <= pair[1].id));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watcher_learns_of_an_end_that_nobody_told() {
    let (_dir, engine, task) = scene().await;
    let workspace = WorkspaceId::default();
    let stream = engine.handle.watch(&workspace, &task.task_id, EventId::default()).await.unwrap();
    complete_untold(&engine).await;
    let events: Vec<_> = stream.map(Result::unwrap).collect().await;
    assert_eq!(kinds(&events), ["status", "step", "step", "status"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_caller_learns_of_an_end_that_nobody_told() {
    let (_dir, engine, task) = scene().await;
    let handle = engine.handle.clone();
    let id = task.task_id.clone();
    let workspace = WorkspaceId::default();
    let (waited, _) = tokio::join!(
        handle.wait(&workspace, &id, Duration::from_secs(60)),
        complete_untold(&engine),
    );
    assert_eq!(waited.unwrap().status, TaskStatus::Completed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_returning_watcher_gets_only_what_it_has_not_seen() {
    let (_dir, engine, task) = scene().await;
    let (steps, _) = complete_untold(&engine).await;
    let seen = EventId { seq: steps[0].seq, fence: Fence(1), index: 0 };
    let workspace = WorkspaceId::default();
    let stream = engine.handle.watch(&workspace, &task.task_id, seen).await.unwrap();
    let events: Vec<_> = stream.map(Result::unwrap).collect().await;
    assert_eq!(kinds(&events), ["step", "status"]);
    assert!(matches!(&events[0].kind, LiveKind::Step(step) if step.seq == 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn edges_that_give_a_run_up_again_and_again_are_counted() {
    let (_dir, engine, task) = scene().await;
    let shared = &engine.handle.shared;
    assert_eq!(shared.fruitless(&task.task_id, 0), 1);
    assert_eq!(shared.fruitless(&task.task_id, 0), 2);
    assert_eq!(shared.fruitless(&task.task_id, 3), 1, "a step in between is progress");
    shared.settled(&task.task_id);
    assert_eq!(shared.fruitless(&task.task_id, 3), 1);
}
