//! Which steps may follow which.

use super::*;
use crate::GrantScope;

fn call(id: &str) -> ToolCall {
    ToolCall {
        id: id.into(),
        name: "file_read".parse().unwrap(),
        arguments: serde_json::json!({ "path": "a" }),
    }
}

fn reply(calls: Vec<ToolCall>) -> Entry {
    Entry::ModelReply {
        model: "m".into(),
        text: String::new(),
        tool_calls: calls,
        finish: FinishReason::Stop,
        usage: Usage::default(),
        confidence: None,
        duration_ms: 0,
    }
}

fn intent(id: &str, class: ToolClass) -> Entry {
    Entry::ToolIntent { call: call(id), class, idempotency_key: "k".into() }
}

fn result(id: &str) -> Entry {
    let outcome = ToolOutcome::Ok(serde_json::json!(1));
    Entry::ToolResult { call_id: id.into(), outcome, duration_ms: 0, changes: Changeset::default() }
}

#[test]
fn a_whole_run_can_be_written() {
    let entries = [
        reply(vec![call("1"), call("2")]),
        intent("1", ToolClass::Read),
        Entry::ToolRetry { call_id: "1".into() },
        result("1"),
        Entry::ToolRefused { call_id: "2".into(), error: ToolError::new("x", "y") },
        reply(vec![]),
        Entry::Finished { output: String::new(), truncated: false },
    ];
    assert_eq!(Journal::replay(entries).unwrap().phase(), &Phase::Ended);
}

#[test]
fn a_finished_call_cannot_be_written_twice() {
    let mut journal =
        Journal::replay([reply(vec![call("1")]), intent("1", ToolClass::Read), result("1")])
            .unwrap();
    let before = journal.clone();
    assert!(journal.push(result("1")).is_err());
    assert!(journal.push(intent("1", ToolClass::Read)).is_err());
    assert!(journal.push(Entry::ToolRetry { call_id: "1".into() }).is_err());
    assert_eq!(journal, before);
}

#[test]
fn an_effect_that_must_not_repeat_asks_first() {
    let mut journal =
        Journal::replay([reply(vec![call("1")]), intent("1", ToolClass::Once)]).unwrap();
    assert!(journal.push(Entry::ToolRetry { call_id: "1".into() }).is_err());
    journal.push(Entry::ToolUnknown { call_id: "1".into() }).unwrap();
    assert!(journal.push(result("1")).is_err(), "only a person knows");
    assert!(journal.push(decided(Decision::Expire)).is_err(), "this never expires");
    journal.push(decided(Decision::Retry)).unwrap();
    let other = Entry::ToolIntent {
        call: call("1"),
        class: ToolClass::Once,
        idempotency_key: "another".into(),
    };
    assert!(journal.push(other).is_err(), "the key of the first attempt stays");
    journal.push(intent("1", ToolClass::Once)).unwrap();
    journal.push(result("1")).unwrap();
}

fn decided(decision: Decision) -> Entry {
    Entry::Decided { call_id: "1".into(), decision, by: "key_1".into() }
}

fn waiting() -> Journal {
    let asked = Entry::ApprovalAsked { call: call("1"), class: ToolClass::Once, reasons: vec![] };
    Journal::replay([reply(vec![call("1"), call("2")]), asked]).unwrap()
}

#[test]
fn a_call_that_waits_is_made_when_a_person_says_so_and_not_before() {
    let mut journal = waiting();
    assert!(journal.push(intent("1", ToolClass::Once)).is_err());
    assert!(journal.push(decided(Decision::Retry)).is_err(), "nothing was tried");
    journal.push(decided(Decision::Approve { scope: GrantScope::Once })).unwrap();
    assert!(journal.push(decided(Decision::Expire)).is_err(), "decided once");
    assert!(journal.push(intent("2", ToolClass::Once)).is_err(), "another call");
    journal.push(intent("1", ToolClass::Once)).unwrap();
}

#[test]
fn a_call_that_is_rejected_or_was_done_is_over() {
    let mut journal = waiting();
    journal.push(decided(Decision::Reject { reason: "no".into() })).unwrap();
    assert_eq!(journal.phase(), &Phase::Call(call("2")));
    let mut journal = Journal::replay([
        reply(vec![call("1")]),
        intent("1", ToolClass::Once),
        Entry::ToolUnknown { call_id: "1".into() },
    ])
    .unwrap();
    journal.push(decided(Decision::Done { note: None })).unwrap();
    assert_eq!(journal.phase(), &Phase::Model);
}

#[test]
fn entries_are_tagged_objects() {
    let json = serde_json::to_value(intent("1", ToolClass::Read)).unwrap();
    assert_eq!(json["type"], "tool_intent");
    assert_eq!(json["class"], "read");
}

#[test]
fn a_call_that_only_reads_brings_no_changes() {
    let changed = || {
        let base = crate::BlobHash::of(b"x");
        let files = [("a".parse().unwrap(), crate::Change::Delete { base })].into();
        let changes = Changeset { files, ..Changeset::default() };
        let outcome = ToolOutcome::Ok(serde_json::json!(1));
        Entry::ToolResult { call_id: "1".into(), outcome, duration_ms: 0, changes }
    };
    for (class, taken) in [(ToolClass::Read, false), (ToolClass::Idempotent, true)] {
        let mut journal = Journal::replay([reply(vec![call("1")]), intent("1", class)]).unwrap();
        assert_eq!(journal.push(changed()).is_ok(), taken);
    }
}

#[test]
fn a_question_of_before_is_still_read() {
    let old = r#"{"type":"approval_asked","class":"once",
        "call":{"id":"1","name":"file_read","arguments":{"path":"a"}}}"#;
    let entry: Entry = serde_json::from_str(old).unwrap();
    assert_eq!(
        entry,
        Entry::ApprovalAsked { call: call("1"), class: ToolClass::Once, reasons: vec![] }
    );
    assert!(!serde_json::to_string(&entry).unwrap().contains("reasons"));
}

#[test]
fn an_answer_may_be_checked_before_the_end_and_corrected() {
    let answer = || reply(vec![]);
    let checked = |problems: &[&str]| Entry::AnswerChecked {
        problems: problems.iter().map(|problem| (*problem).to_owned()).collect(),
    };
    let finished = || Entry::Finished { output: "a".into(), truncated: false };
    let mut journal = Journal::replay([answer(), checked(&["x"])]).unwrap();
    assert_eq!(journal.phase(), &Phase::Checked);
    assert!(journal.push(checked(&[])).is_err(), "an answer is checked once");
    journal.push(answer()).unwrap();
    assert_eq!(journal.phase(), &Phase::Answered);
    journal.push(checked(&[])).unwrap();
    journal.push(finished()).unwrap();
    assert!(Journal::replay([checked(&[])]).is_err(), "there is no answer yet");
    assert!(Journal::replay([answer(), finished()]).is_ok(), "as journals of before had it");
}

#[test]
fn an_agent_of_before_asks_for_no_checks() {
    let mut json = serde_json::to_value(crate::builtin_code_agent()).unwrap();
    json.as_object_mut().unwrap().remove("validation");
    let agent: crate::AgentConfig = serde_json::from_value(json).unwrap();
    assert!(!agent.validation.asks_for_checks());
}
