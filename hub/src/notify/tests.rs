//! Who is told of what.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};

use agentos_domain::{NanoUsd, ProposalKind, Timestamp, ToolCall, ToolClass, call_hash};

use super::*;

fn spend() -> Spend {
    Spend {
        period: Period::of(Timestamp::from_millis(1_795_300_000_000)),
        scope: BudgetScope::Installation,
        settled: NanoUsd(4_000_000_000),
        reserved: NanoUsd(100_000_000),
        calls: 7,
        limit: Some(NanoUsd(5_000_000_000)),
    }
}

/// The address of a webhook.
fn at(port: u16) -> Secret {
    serde_json::from_value(json!(format!("http://127.0.0.1:{port}/"))).unwrap()
}

/// A webhook that takes everything, and how often it was told.
fn taking() -> (Secret, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = at(listener.local_addr().unwrap().port());
    let told = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&told);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, mut read, mut buffer) = (stream.unwrap(), Vec::new(), [0; 4096]);
            while !read.ends_with(b"}") {
                let length = stream.read(&mut buffer).unwrap();
                assert!(length > 0, "the request broke off");
                read.extend_from_slice(&buffer[..length]);
            }
            count.fetch_add(1, Ordering::SeqCst);
            let answer = b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
            stream.write_all(answer).unwrap();
        }
    });
    (url, told)
}

#[tokio::test]
async fn each_webhook_is_told_once_although_another_is_gone() {
    // Nobody listens there.
    let gone = at(1);
    for first in [true, false] {
        let (taking, told) = taking();
        let (json, discord) = if first { (&taking, &gone) } else { (&gone, &taking) };
        let webhooks = Webhooks::new(Some(json), Some(discord)).unwrap().unwrap();
        for _ in 0..2 {
            assert!(webhooks.tell_of_budget(&spend()).await.is_err());
        }
        assert_eq!(told.load(Ordering::SeqCst), 1);
    }
    let (taking, told) = taking();
    let webhooks = Webhooks::new(Some(&taking), None).unwrap().unwrap();
    webhooks.tell_of_budget(&spend()).await.unwrap();
    assert!(webhooks.partly().is_empty());
    assert_eq!(told.load(Ordering::SeqCst), 1);
}

#[test]
fn a_budget_is_told_with_its_amounts() {
    let spend = spend();
    let json = budget_body(Form::Json, &spend);
    assert_eq!((&json["settled_usd"], &json["month"]), (&"4.000000000".into(), &"2026-11".into()));
    let text = budget_body(Form::Discord, &spend).to_string();
    assert!(text.contains("4.000000000 of 5.000000000 USD"), "{text}");
}

#[test]
fn nothing_of_the_content_leaves_the_hub() {
    let call = ToolCall {
        id: "call_1".into(),
        name: "mail_send".parse().unwrap(),
        arguments: json!({ "text": "canary" }),
    };
    let proposal = Proposal {
        proposal_id: agentos_domain::ProposalId::generate(),
        workspace_id: "a".parse().unwrap(),
        kind: ProposalKind::ToolCall,
        status: ProposalStatus::Pending,
        title: "MailAgent wants to call mail_send".into(),
        rationale: "canary".into(),
        reasons: vec![agentos_domain::AskReason {
            code: "unknown_destination".into(),
            argument: Some("text".into()),
            value: Some("canary".into()),
            message: "canary".into(),
        }],
        task_id: agentos_domain::TaskId::generate(),
        agent: "MailAgent".parse().unwrap(),
        content_hash: call_hash(&call),
        call,
        class: ToolClass::Once,
        idempotency_key: None,
        called_at: None,
        decision: None,
        reviewer: None,
        reviewer_notes: Some("canary".into()),
        created_at: Timestamp::from_millis(0),
        reviewed_at: None,
        applied_at: None,
        expires_at: None,
    };
    for form in [Form::Json, Form::Discord] {
        let text = body(form, &proposal).to_string();
        assert!(text.contains("mail_send") && !text.contains("canary"), "{text}");
    }
    assert_eq!(body(Form::Json, &proposal)["event"], "proposal_created");
}
