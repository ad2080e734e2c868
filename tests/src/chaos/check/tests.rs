//! Histories that must be found wrong.

use agentos_domain::{
    BlobHash, Changeset, Fence, FinishReason, GrantScope, Proposal, ProposalId, ProposalKind,
    ProposalStatus, TaskId, Timestamp, ToolCall, Usage, WorkspaceId,
};
use serde_json::json;

use super::*;
use crate::chaos::effects::Effect;
use crate::chaos::history::Sent;
use crate::chaos::plan::{Plan, PlannedCall};

fn call() -> ToolCall {
    let name = "send".parse().unwrap();
    ToolCall { id: "c".to_owned(), name, arguments: json!({ "item": "i" }) }
}

fn reply(tool_calls: Vec<ToolCall>) -> Entry {
    Entry::ModelReply {
        model: "m".to_owned(),
        text: "t".to_owned(),
        tool_calls,
        finish: FinishReason::Stop,
        usage: Usage::default(),
        confidence: None,
        duration_ms: 0,
    }
}

fn intent() -> Entry {
    Entry::ToolIntent { call: call(), class: ToolClass::Once, idempotency_key: "k".to_owned() }
}

fn result() -> Entry {
    let outcome = ToolOutcome::Ok(json!(1));
    let changes = Changeset::default();
    Entry::ToolResult { call_id: "c".to_owned(), outcome, duration_ms: 0, changes }
}

fn decided(decision: Decision) -> Entry {
    Entry::Decided { call_id: "c".to_owned(), decision, by: "p".to_owned() }
}

fn end() -> [Entry; 2] {
    [reply(Vec::new()), Entry::Finished { output: "t".to_owned(), truncated: false }]
}

fn effect() -> Effect {
    Effect { class: ToolClass::Once, key: "k".to_owned(), item: "i".to_owned() }
}

fn task(id: &TaskId, steps: u64) -> Task {
    serde_json::from_value(json!({
        "task_id": id, "workspace_id": "default", "user_input": "", "status": "completed",
        "agent_type": "Free", "model_used": null, "output": "t", "error": null,
        "input_tokens": 0, "output_tokens": 0, "execution_time_ms": 0, "tool_calls": 1,
        "context_sources": [], "created_at": Timestamp::default(), "started_at": null,
        "completed_at": null, "cost": json!(agentos_domain::NanoUsd::default()),
        "idempotency_key": "key", "session": null, "steps": steps,
    }))
    .unwrap()
}

/// A task with this journal, all of it seen by its client.
fn history(entries: Vec<Entry>) -> History {
    let id = TaskId::generate();
    let step = |(seq, entry)| Step {
        task_id: id.clone(),
        seq,
        fence: Fence(seq.div_ceil(2)),
        recorded_at: Timestamp::default(),
        entry,
    };
    let steps: Vec<Step> = (1..).zip(entries).map(step).collect();
    let planned = PlannedCall { tool: "send".to_owned(), item: "i".to_owned() };
    let mut asked = Asked::new("key".to_owned(), Plan { answers: vec![vec![planned]] });
    asked.acknowledged = vec![id.clone(), id.clone()];
    asked.snapshots = vec![steps[..2].to_vec(), steps.clone()];
    asked.ended = true;
    let mut history = History::default();
    history.asked.insert(0, asked);
    history.tasks.push(task(&id, steps.len() as u64));
    history.journals.insert(id.to_string(), steps);
    history.effects.push(effect());
    history
}

/// One call, made once.
fn plain() -> History {
    let [answer, finished] = end();
    history(vec![reply(vec![call()]), intent(), result(), answer, finished])
}

/// Whose result was lost, and which a person had made again.
fn retried() -> History {
    let [answer, finished] = end();
    let unknown = Entry::ToolUnknown { call_id: "c".to_owned() };
    let retry = decided(Decision::Retry);
    let mut history = history(vec![
        reply(vec![call()]),
        intent(),
        unknown,
        retry,
        intent(),
        result(),
        answer,
        finished,
    ]);
    propose(&mut history, ProposalKind::UnknownOutcome, Decision::Retry);
    history
}

/// Which a person had to confirm.
fn approved() -> History {
    let [answer, finished] = end();
    let asked = Entry::ApprovalAsked { call: call(), class: ToolClass::Once, reasons: vec![] };
    let decision = Decision::Approve { scope: GrantScope::Once };
    let entries = vec![
        reply(vec![call()]),
        asked,
        decided(decision.clone()),
        intent(),
        result(),
        answer,
        finished,
    ];
    let mut history = history(entries);
    propose(&mut history, ProposalKind::ToolCall, decision);
    history
}

fn propose(history: &mut History, kind: ProposalKind, decision: Decision) {
    let id = ProposalId::generate();
    let word = decision.as_str().to_owned();
    let sent = |answer, after_taken| Sent {
        proposal: id.clone(),
        word: word.clone(),
        answer,
        after_taken,
    };
    history.sent = vec![sent(Answer::Taken, false), sent(Answer::Late, true)];
    history.proposals.push(Proposal {
        proposal_id: id,
        workspace_id: WorkspaceId::default(),
        kind,
        status: ProposalStatus::Applied,
        title: String::new(),
        rationale: String::new(),
        reasons: vec![],
        task_id: history.tasks[0].task_id.clone(),
        agent: "Free".parse().unwrap(),
        call: call(),
        class: ToolClass::Once,
        content_hash: BlobHash::of(b""),
        idempotency_key: Some("k".to_owned()),
        called_at: None,
        decision: Some(decision),
        reviewer: None,
        reviewer_notes: None,
        created_at: Timestamp::default(),
        reviewed_at: None,
        applied_at: None,
        expires_at: None,
    });
}

fn changed(mut history: History, change: impl FnOnce(&mut History)) -> Verdict {
    change(&mut history);
    check(&history)
}

fn journal(history: &mut History) -> &mut Vec<Step> {
    history.journals.values_mut().next().unwrap()
}

fn asked(history: &mut History) -> &mut Asked {
    history.asked.get_mut(&0).unwrap()
}

#[test]
fn sound_histories_are_good() {
    for history in [plain(), retried(), approved()] {
        let verdict = check(&history);
        assert!(verdict.lines().is_empty(), "{:#?}", verdict.lines());
    }
    assert_eq!((check(&plain()).unknown, check(&retried()).unknown), (0, 1));
    assert_eq!(check(&retried()).repeated, 0);
    let twice = changed(retried(), |history| history.effects.push(effect()));
    assert_eq!(twice.repeated, 1);
    assert!(twice.lines().is_empty(), "a person had it made again: {twice:?}");
    let unanswered = changed(approved(), |history| history.sent[0].answer = Answer::None);
    assert!(unanswered.lines().is_empty(), "its answer was lost: {unanswered:?}");
}

#[test]
fn lost_tasks_are_found() {
    let gone = changed(plain(), |history| history.tasks.clear());
    assert_eq!(gone.lost.len(), 1, "{gone:?}");
    let stuck = changed(plain(), |history| asked(history).ended = false);
    assert_eq!(stuck.lost.len(), 1, "{stuck:?}");
    for status in [TaskStatus::Failed, TaskStatus::Cancelled, TaskStatus::Running] {
        let bad = changed(plain(), |history| history.tasks[0].status = status);
        assert_eq!(bad.lost.len(), 1, "{bad:?}");
    }
    let wanted = changed(plain(), |history| {
        history.tasks[0].status = TaskStatus::Cancelled;
        asked(history).cancel_sent = true;
    });
    assert!(wanted.lost.is_empty(), "{wanted:?}");
    let revived = changed(plain(), |history| asked(history).cancel_acknowledged = true);
    assert_eq!(revived.broken.len(), 1, "{revived:?}");
}

#[test]
fn what_is_done_twice_is_found() {
    let doubled = changed(plain(), |history| history.effects.push(effect()));
    assert_eq!(doubled.duplicated.len(), 1, "{doubled:?}");
    let thrice = changed(retried(), |history| history.effects.extend([effect(), effect()]));
    assert_eq!(thrice.duplicated.len(), 1, "{thrice:?}");
    let two_tasks = changed(plain(), |history| history.tasks.push(history.tasks[0].clone()));
    assert_eq!(two_tasks.duplicated.len(), 1, "{two_tasks:?}");
    let two_ids = changed(plain(), |history| asked(history).acknowledged.push(TaskId::generate()));
    assert_eq!(two_ids.duplicated.len(), 1, "{two_ids:?}");
    let second_key = changed(plain(), |history| {
        let mut other = history.clone();
        let moved = TaskId::generate().to_string();
        let mut steps = std::mem::take(journal(&mut other));
        if let Entry::ToolIntent { idempotency_key, .. } = &mut steps[1].entry {
            "k2".clone_into(idempotency_key);
        }
        history.journals.insert(moved, steps);
        history.effects.push(Effect { key: "k2".to_owned(), ..effect() });
    });
    assert_eq!(second_key.duplicated.len(), 1, "{second_key:?}");
}

#[test]
fn effects_and_journals_must_agree() {
    let unannounced = changed(plain(), |history| {
        history.effects.push(Effect { key: "other".to_owned(), ..effect() });
    });
    assert_eq!(unannounced.broken.len(), 1, "{unannounced:?}");
    let other_item = changed(plain(), |history| "j".clone_into(&mut history.effects[0].item));
    assert_eq!(other_item.broken.len(), 1, "{other_item:?}");
    let no_effect = changed(plain(), |history| history.effects.clear());
    assert_eq!(no_effect.broken.len(), 1, "{no_effect:?}");
    let left_out = changed(plain(), |history| {
        asked(history)
            .plan
            .answers
            .push(vec![PlannedCall { tool: "look".to_owned(), item: "j".to_owned() }]);
    });
    assert_eq!(left_out.broken.len(), 1, "{left_out:?}");
}

#[test]
fn journals_that_do_not_only_grow_are_found() {
    let rewritten = changed(plain(), |history| {
        asked(history).snapshots[0][0].entry = reply(Vec::new());
    });
    assert!(!rewritten.broken.is_empty(), "{rewritten:?}");
    let shrunk = changed(plain(), |history| asked(history).snapshots.reverse());
    assert!(!shrunk.broken.is_empty(), "{shrunk:?}");
    let fenced = changed(plain(), |history| {
        journal(history)[1].fence = Fence(9);
        asked(history).snapshots.clear();
    });
    assert_eq!(fenced.broken.len(), 1, "a late writer: {fenced:?}");
    let gap = changed(plain(), |history| drop(journal(history).remove(2)));
    assert!(!gap.broken.is_empty(), "{gap:?}");
}

#[test]
fn what_watchers_and_files_tell_must_be_so() {
    let told = changed(plain(), |history| {
        let steps = journal(history).clone();
        asked(history).told = Some(steps);
    });
    assert!(told.lines().is_empty(), "{told:?}");
    let short = changed(plain(), |history| asked(history).told = Some(Vec::new()));
    assert_eq!(short.broken.len(), 1, "{short:?}");
    let mixed = changed(plain(), |history| asked(history).watch_error = Some("x".to_owned()));
    assert_eq!(mixed.broken.len(), 1, "{mixed:?}");
    let upload = |history: &mut History, now: &str| {
        history.uploads.insert("a".to_owned(), "1".to_owned());
        history.files.insert("a".to_owned(), now.to_owned());
    };
    assert!(changed(plain(), |history| upload(history, "1")).lines().is_empty());
    assert_eq!(changed(plain(), |history| upload(history, "0")).lost.len(), 1);
    let gone = changed(plain(), |history| {
        upload(history, "1");
        history.files.clear();
    });
    assert_eq!(gone.lost.len(), 1, "{gone:?}");
}

#[test]
fn calls_that_were_lost_for_no_reason_are_found() {
    let without_loss = changed(retried(), |history| {
        for step in journal(history) {
            step.fence = Fence(1);
        }
        asked(history).snapshots.clear();
    });
    assert_eq!(without_loss.broken.len(), 1, "{without_loss:?}");
    let restarted = changed(retried(), |history| {
        for step in journal(history) {
            step.fence = Fence(1);
        }
        asked(history).snapshots.clear();
        history.edge_restarts.push(Timestamp::default());
    });
    assert!(restarted.lines().is_empty(), "a later process of the edge: {restarted:?}");
}

#[test]
fn proposals_are_decided_once_and_by_those_who_decide() {
    let twice = changed(approved(), |history| history.sent[1].answer = Answer::Taken);
    assert_eq!(twice.duplicated.len(), 1, "{twice:?}");
    let not_conflict = changed(approved(), |history| history.sent[1].answer = Answer::Other(404));
    assert_eq!(not_conflict.broken.len(), 1, "{not_conflict:?}");
    let nobody = changed(approved(), |history| history.sent.clear());
    assert_eq!(nobody.broken.len(), 1, "{nobody:?}");
    let other = changed(approved(), |history| {
        history.proposals[0].decision = Some(Decision::Reject { reason: "r".to_owned() });
    });
    assert!(!other.broken.is_empty(), "{other:?}");
    let forgotten = changed(approved(), |history| history.proposals[0].decision = None);
    assert!(!forgotten.broken.is_empty(), "{forgotten:?}");
    let gone = changed(approved(), |history| history.proposals.clear());
    assert!(!gone.broken.is_empty(), "{gone:?}");
    let unwritten = changed(plain(), |history| {
        propose(history, ProposalKind::ToolCall, Decision::Approve { scope: GrantScope::Once });
    });
    assert_eq!(unwritten.broken.len(), 1, "{unwritten:?}");
}

#[test]
fn what_went_wrong_with_a_process_is_told() {
    let ended = changed(plain(), |history| history.incidents.push("the hub ended".to_owned()));
    assert_eq!(ended.lines(), ["broken: the hub ended"]);
}
