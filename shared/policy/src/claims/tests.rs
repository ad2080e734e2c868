//! What an answer says was done, beside what the journal knows.

use agentos_domain::{
    ArgumentRole, Changeset, Entry, ToolCall, ToolClass, ToolError, ToolOutcome, ToolSpec,
};
use serde_json::json;

use super::*;

fn tools() -> Vec<ToolSpec> {
    let tool = |name: &str, class| ToolSpec::new(name.parse().unwrap(), class, "", json!({}));
    vec![
        tool("file_write", ToolClass::Idempotent).argument("path", ArgumentRole::Destination),
        tool("mail", ToolClass::Once).asked_by(&["send", "email"]),
        tool("file_read", ToolClass::Read),
        tool("shell", ToolClass::Once).needs("process.spawn"),
    ]
}

fn made(name: &str, outcome: ToolOutcome) -> Vec<Entry> {
    let call = ToolCall { id: "c".into(), name: name.parse().unwrap(), arguments: json!({}) };
    vec![
        Entry::ToolIntent { call, class: ToolClass::Once, idempotency_key: "k".into() },
        Entry::ToolResult {
            call_id: "c".into(),
            outcome,
            duration_ms: 1,
            changes: Changeset::default(),
        },
    ]
}

fn flagged(entries: &[Entry], output: &str) -> Vec<&'static str> {
    unsupported_claims(entries, &tools(), output).iter().map(|claim| claim.claimed).collect()
}

#[test]
fn a_claim_without_its_call_is_flagged() {
    for (output, claimed) in [
        ("I have sent the report to Anna.", "sent"),
        ("Done! I've saved the summary in notes.md.", "saved"),
        ("The email has been sent.", "sent"),
        ("I deleted the three old files.", "deleted"),
        ("All files have been removed.", "removed"),
        ("I just booked the room. Anything else?", "booked"),
        ("I wrote it down.", "wrote"),
        ("I had already really moved it.", "moved"),
        ("The file was successfully uploaded.", "uploaded"),
        ("The mail has been successfully mailed.", "mailed"),
        ("We\u{2019}ve now installed it and deployed it.", "installed"),
    ] {
        assert_eq!(flagged(&[], output), [claimed], "{output}");
    }
    let claims = unsupported_claims(&[], &tools(), "It is short. I have sent it. Bye.");
    assert_eq!(claims[0].sentence, "I have sent it.");
}

#[test]
fn a_claim_with_its_call_is_not() {
    let sent = made("mail", ToolOutcome::Ok(json!({})));
    assert!(flagged(&sent, "I have sent the report. The mail has been sent.").is_empty());
    let written = made("file_write", ToolOutcome::Ok(json!({})));
    assert!(flagged(&written, "I've written it to notes.md; it has been saved.").is_empty());
    let shell = made("shell", ToolOutcome::Ok(json!({})));
    assert!(flagged(&shell, "I have deleted it. I installed the rest.").is_empty());
    // Another deed is no evidence, and neither is a failure, nor a look.
    assert_eq!(flagged(&written, "I have sent it."), ["sent"]);
    let failed = made("mail", ToolOutcome::Err(ToolError::new("x", "y")));
    assert_eq!(flagged(&failed, "I have sent it."), ["sent"]);
    let read = made("file_read", ToolOutcome::Ok(json!({})));
    assert_eq!(flagged(&read, "I have written it."), ["written"]);
}

#[test]
fn changes_of_a_text_are_made_by_writing() {
    let written = made("file_write", ToolOutcome::Ok(json!({})));
    let said = "I removed the unused import, renamed `x`, and updated skills/add.py.";
    assert!(flagged(&written, said).is_empty());
    assert_eq!(flagged(&written, "I deleted the file."), ["deleted"]);
}

#[test]
fn facts_of_the_world_are_no_claims_of_one_who_only_reads() {
    let look = ToolSpec::new("web_fetch".parse().unwrap(), ToolClass::Read, "", json!({}))
        .argument("url", ArgumentRole::Destination)
        .asked_by(&["publish", "cancel"]);
    for fact in [
        "The conference has been cancelled (https://example.org/a).",
        "Support has been removed in 3.0 (https://example.org/b).",
        "The law has been officially published: https://example.org/c",
    ] {
        let found = unsupported_claims(&[], std::slice::from_ref(&look), fact);
        assert!(found.is_empty(), "{fact}: {found:?}");
    }
    for (claim, word) in [
        ("I have cancelled the conference (https://example.org/a).", "cancelled"),
        ("The report has been saved in outputs.", "saved"),
    ] {
        let found = unsupported_claims(&[], std::slice::from_ref(&look), claim);
        assert_eq!(found[0].claimed, word, "{claim}");
    }
}

#[test]
fn what_is_no_claim_is_not_flagged() {
    for output in [
        "The mail was sent by Bob on Monday.",
        "It was finally deleted in 1998.",
        "I could not send it, so nothing was sent.",
        "I have not sent anything.",
        "Shall I send it once you have saved it?",
        "I will let you know when it has been sent.",
        "The note says \"I have sent the money\".",
        "The report was written in 2021 and covers sales.",
        "The file lists what Anna sent, and who paid.",
        "To be sent: three letters. The folder is called saved.",
        "There are 3 files: a.md, b.md and sent.md.",
        "The document explains how messages are posted.",
        "I found 12 created tickets.",
        "Have I sent it already?",
        "It should be deleted. I would have removed it if you had asked.",
        "It has been sent by the bank, as the letter says.",
    ] {
        assert_eq!(flagged(&[], output), Vec::<&str>::new(), "{output}");
    }
}
