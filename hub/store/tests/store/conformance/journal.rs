//! Appending to journals.

use agentos_domain::{
    EdgeId, Entry, ErrorInfo, Fence, TaskStatus, ToolClass, ToolError, ToolOutcome,
};
use agentos_store::{Store, StoreError};

use crate::fixture::{
    add_task, append, at, call, claim, finished, intent, reply, result, try_claim, ws,
};

fn is_conflict<T>(result: Result<T, StoreError>) -> bool {
    matches!(result, Err(StoreError::JournalConflict { .. }))
}

pub(crate) async fn a_whole_run_fills_the_task(store: &dyn Store) {
    let id = add_task(store, "a", 0).await;
    let run = claim(store, &EdgeId::generate(), 1).await;
    let calls = vec![call("1", "a.md"), call("2", "./a.md"), call("3", "b.md")];
    append(store, &run, 1, &[reply(calls)], 2).await.unwrap();
    for (index, name) in [("1", "a.md"), ("2", "./a.md")].into_iter().enumerate() {
        let seq = 2 + 2 * index as u64;
        append(store, &run, seq, &[intent(name.0, name.1, ToolClass::Read)], 3).await.unwrap();
        append(store, &run, seq + 1, &[result(name.0)], 3).await.unwrap();
    }
    let error = ToolOutcome::Err(ToolError::new("not_found", "no such file"));
    let failure = Entry::ToolResult {
        call_id: "3".into(),
        outcome: error,
        duration_ms: 1,
        changes: agentos_domain::Changeset::default(),
    };
    let rest = [intent("3", "b.md", ToolClass::Read), failure, reply(vec![]), finished()];
    let done = append(store, &run, 6, &rest, 9).await.unwrap();
    assert_eq!((done.durable_seq, done.steps.len()), (9, 4));
    let task = store.task(&ws("a"), &id).await.unwrap().unwrap();
    assert_eq!(task, done.task);
    assert_eq!(task.status, TaskStatus::Completed);
    assert_eq!(task.output.as_deref(), Some("it says hello"));
    assert_eq!(task.model_used.as_deref(), Some("small"));
    assert_eq!((task.input_tokens, task.output_tokens), (20, 6));
    assert_eq!((task.tool_calls, task.steps), (3, 9));
    assert_eq!(task.context_sources, ["a.md"]);
    assert_eq!((task.started_at, task.completed_at), (Some(at(1)), Some(at(9))));
    assert_eq!(task.execution_time_ms, Some(8000));
    assert_eq!(append(store, &run, 10, &[finished()], 9).await, Err(StoreError::Fenced));
}

pub(crate) async fn the_same_entries_are_accepted_again(store: &dyn Store) {
    let id = add_task(store, "a", 0).await;
    let run = claim(store, &EdgeId::generate(), 1).await;
    let entries = [reply(vec![call("1", "a")]), intent("1", "a", ToolClass::Read), result("1")];
    append(store, &run, 1, &entries[..2], 2).await.unwrap();
    let again = append(store, &run, 1, &entries[..2], 3).await.unwrap();
    assert_eq!((again.durable_seq, again.steps.len()), (2, 0));
    let longer = append(store, &run, 2, &entries[1..], 4).await.unwrap();
    assert_eq!((longer.durable_seq, longer.steps.len()), (3, 1));
    assert_eq!(longer.steps[0].entry, entries[2]);
    assert_eq!(longer.task.tool_calls, 1);
    assert_eq!(append(store, &run, 4, &[], 5).await.unwrap().durable_seq, 3);
    let steps = store.steps(&ws("a"), &id, 0, 100).await.unwrap();
    assert_eq!(steps.into_iter().map(|step| step.entry).collect::<Vec<_>>(), entries);
}

pub(crate) async fn other_entries_in_the_same_place_are_refused(store: &dyn Store) {
    let id = add_task(store, "a", 0).await;
    let run = claim(store, &EdgeId::generate(), 1).await;
    append(store, &run, 1, &[reply(vec![call("1", "a")])], 2).await.unwrap();
    assert!(is_conflict(append(store, &run, 1, &[reply(vec![call("1", "b")])], 3).await));
    let mixed = [reply(vec![]), finished()];
    assert!(is_conflict(append(store, &run, 1, &mixed, 3).await));
    assert_eq!(store.task(&ws("a"), &id).await.unwrap().unwrap().steps, 1);
}

pub(crate) async fn a_gap_is_refused(store: &dyn Store) {
    let id = add_task(store, "a", 0).await;
    let run = claim(store, &EdgeId::generate(), 1).await;
    assert!(is_conflict(append(store, &run, 2, &[reply(vec![])], 2).await));
    assert!(is_conflict(append(store, &run, 0, &[reply(vec![])], 2).await));
    assert!(store.steps(&ws("a"), &id, 0, 100).await.unwrap().is_empty());
    append(store, &run, 1, &[reply(vec![])], 2).await.unwrap();
}

pub(crate) async fn an_impossible_order_is_refused(store: &dyn Store) {
    let id = add_task(store, "a", 0).await;
    let run = claim(store, &EdgeId::generate(), 1).await;
    append(store, &run, 1, &[reply(vec![call("1", "a")])], 2).await.unwrap();
    // The first of these fits; refusing the second refuses both.
    let entries = [intent("1", "a", ToolClass::Read), finished()];
    assert!(is_conflict(append(store, &run, 2, &entries, 3).await));
    assert_eq!(store.steps(&ws("a"), &id, 0, 100).await.unwrap().len(), 1);
    append(store, &run, 2, &[entries[0].clone(), result("1")], 4).await.unwrap();
    assert!(is_conflict(append(store, &run, 4, &[result("1")], 5).await));
}

pub(crate) async fn the_end_may_be_repeated_but_no_intent(store: &dyn Store) {
    add_task(store, "a", 0).await;
    let run = claim(store, &EdgeId::generate(), 1).await;
    let entries = [reply(vec![]), finished()];
    append(store, &run, 1, &entries, 2).await.unwrap();
    let again = append(store, &run, 1, &entries, 3).await.unwrap();
    assert_eq!((again.durable_seq, again.task.status), (2, TaskStatus::Completed));
    let other = Entry::Failed { error: ErrorInfo::new("x", "y") };
    assert_eq!(append(store, &run, 2, &[other], 3).await, Err(StoreError::Fenced));
    let mut forged = run.clone();
    forged.attempt = agentos_domain::AttemptId::generate();
    assert_eq!(append(store, &forged, 1, &entries, 3).await, Err(StoreError::Fenced));

    // Were this accepted again after the lease, two writers would call the tool.
    add_task(store, "a", 10).await;
    let run = claim(store, &EdgeId::generate(), 11).await;
    let entries = [reply(vec![call("1", "a")]), intent("1", "a", ToolClass::Once)];
    append(store, &run, 1, &entries, 12).await.unwrap();
    store.expire_leases(at(30)).await.unwrap();
    assert_eq!(append(store, &run, 1, &entries, 31).await, Err(StoreError::Fenced));
}

pub(crate) async fn an_unknown_outcome_waits_for_a_person(store: &dyn Store) {
    let id = add_task(store, "a", 0).await;
    let edge = EdgeId::generate();
    let run = claim(store, &edge, 1).await;
    let begin = [reply(vec![call("1", "a")]), intent("1", "a", ToolClass::Once)];
    append(store, &run, 1, &begin, 2).await.unwrap();
    let unknown = Entry::ToolUnknown { call_id: "1".into() };
    assert!(is_conflict(append(store, &run, 3, &[unknown.clone(), result("1")], 3).await));
    let done = append(store, &run, 3, std::slice::from_ref(&unknown), 3).await.unwrap();
    assert_eq!(done.task.status, TaskStatus::WaitingApproval);
    assert_eq!(append(store, &run, 4, &[result("1")], 4).await, Err(StoreError::Fenced));
    // Only the reply was lost: the same append is still answered.
    assert_eq!(append(store, &run, 3, &[unknown], 4).await.unwrap().durable_seq, 3);
    assert!(store.expire_leases(at(1000)).await.unwrap().is_empty());
    assert!(try_claim(store, &edge, 1000).await.is_none());
    let cancelled = store.cancel(&ws("a"), &id, "user", at(1001)).await.unwrap().unwrap();
    assert_eq!((cancelled.lease, cancelled.task.status), (None, TaskStatus::Cancelled));
}

pub(crate) async fn steps_are_read_in_pieces(store: &dyn Store) {
    let id = add_task(store, "a", 0).await;
    let run = claim(store, &EdgeId::generate(), 1).await;
    let entries = [reply(vec![call("1", "a")]), intent("1", "a", ToolClass::Read), result("1")];
    append(store, &run, 1, &entries, 2).await.unwrap();
    let steps = store.steps(&ws("a"), &id, 1, 1).await.unwrap();
    assert_eq!(steps.len(), 1);
    assert_eq!((steps[0].seq, steps[0].fence, steps[0].recorded_at), (2, Fence(1), at(2)));
    assert_eq!(steps[0].task_id, id);
    assert!(store.steps(&ws("a"), &id, 3, 10).await.unwrap().is_empty());
}
