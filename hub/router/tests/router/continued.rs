//! Streams that another deployment takes up.

use std::sync::Arc;

use agentos_mock_provider::{Fault, FaultKind, MockProvider, Refusal, Script};
use agentos_router::{
    Call, CallError, Delta, DeploymentConfig, ErrorKind, Piece, Pieces, Provider, Timeouts,
};
use agentos_store::CallOutcome;
use async_trait::async_trait;
use futures::stream;
use serde_json::{Value, json};

use crate::fixture::{
    House, INPUT, LONG, OUTPUT, SHORT, Seen, Setup, cloud, kind, local, question, with,
};

const CHUNKS: usize = 50;
/// How many answers are under way at once.
const AT_ONCE: usize = 16;

/// Goes on wherever another broke off.
struct GoesOn;

#[async_trait]
impl Provider for GoesOn {
    async fn chat(&self, call: Call<'_>) -> Result<Pieces, CallError> {
        let whole = Script::words(CHUNKS).whole_text();
        let Some(rest) = whole.strip_prefix(call.begun.unwrap_or_default()) else {
            let message = format!("not the beginning: {:?}", call.begun);
            return Err(CallError::new(ErrorKind::Invalid, message));
        };
        let mut pieces = vec![Ok(Piece::Model("other".to_owned()))];
        pieces.extend(rest.split_inclusive(' ').map(|word| Ok(Piece::Delta(Delta::text(word)))));
        pieces.push(Ok(Piece::Finish("stop".to_owned())));
        Ok(Box::pin(stream::iter(pieces)))
    }
}

fn faults() -> Vec<FaultKind> {
    vec![
        FaultKind::Close,
        FaultKind::Stall,
        FaultKind::ErrorEvent(Refusal::ServerError),
        FaultKind::ErrorEvent(Refusal::InsufficientQuota),
        FaultKind::MalformedJson,
        FaultKind::EndWithoutDone,
    ]
}

fn other() -> DeploymentConfig {
    DeploymentConfig { continues: true, ..local("other", "other") }
}

fn first(number: usize, kind: &FaultKind) -> DeploymentConfig {
    let idle = if *kind == FaultKind::Stall { SHORT } else { LONG };
    let timeouts = Timeouts { first: LONG, idle, total: LONG };
    DeploymentConfig { timeouts, ..local(&format!("first-{number}"), "first") }
}

async fn taken_up(house: &House, number: usize, mock: &MockProvider, fault: Fault) {
    mock.set(Script::words(CHUNKS).with_fault(fault.clone()));
    let seen = house.ask(question(&format!("first-{number}"), true)).await.unwrap();
    assert_eq!(seen.text, Script::words(CHUNKS).whole_text(), "{fault:?}");
    let by: Vec<_> = seen.begins.iter().map(|begin| begin.deployment.as_str()).collect();
    assert_eq!(by, [format!("first-{number}").as_str(), "other"], "{fault:?}");
    assert_eq!(seen.ending().finish, "stop");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_goes_on_where_a_stream_breaks() {
    let mut setup = Setup::new().fallback("first", "other").deployment(other(), Arc::new(GoesOn));
    let mut cases = Vec::new();
    for kind in faults() {
        for chunk in 1..=CHUNKS {
            let number = cases.len();
            cases.push((number, Fault::at_chunk(chunk, kind.clone())));
        }
    }
    let mut mocks = Vec::new();
    for _ in 0..AT_ONCE {
        mocks.push(MockProvider::start(Script::words(CHUNKS)).await.unwrap());
    }
    for (number, fault) in &cases {
        setup = setup.open_ai(first(*number, &fault.kind), &mocks[number % AT_ONCE]);
    }
    let house = &setup.open().await;
    let lanes = mocks.iter().enumerate().map(|(lane, mock)| {
        let cases = cases.iter().skip(lane).step_by(AT_ONCE);
        async move {
            for (number, fault) in cases {
                taken_up(house, *number, mock, fault.clone()).await;
            }
        }
    });
    futures::future::join_all(lanes).await;
    let rows = house.settled(cases.len()).await;
    for (row, settled) in rows {
        assert_eq!((row.deployment.as_str(), settled.outcome), ("other", CallOutcome::Completed));
        let attempts: Vec<Value> = serde_json::from_str(&settled.attempts).unwrap();
        assert_eq!(attempts.len(), 2);
    }
}

/// A stream that breaks after 20 chunks, and an Anthropic that goes on.
async fn over_http(request: Value) -> (Seen, MockProvider) {
    let fault = Fault::at_chunk(20, FaultKind::EndWithoutDone);
    let first = MockProvider::start(Script::words(CHUNKS).with_fault(fault)).await.unwrap();
    // As models do: they begin with the white space that has to be there.
    let rest = (20..CHUNKS).map(|number| format!(" w{number}")).chain([" ".to_owned()]);
    let other = MockProvider::start(Script::text(rest)).await.unwrap();
    let config = DeploymentConfig { continues: true, ..cloud("other", "other") };
    let setup = Setup::new().fallback("first", "other").anthropic(config, &other);
    let house = setup.open_ai(local("first", "first"), &first).open().await;
    (house.ask(request).await.unwrap(), other)
}

#[tokio::test]
async fn the_beginning_is_sent_without_white_space_that_would_be_an_error() {
    let (seen, other) = over_http(question("first", true)).await;
    assert_eq!(seen.text, Script::words(CHUNKS).whole_text());
    assert_eq!(seen.begins.len(), 2);
    let sent = &other.requests()[0].body;
    let last = sent["messages"].as_array().unwrap().last().unwrap();
    assert_eq!(last["role"], "assistant");
    assert_eq!(last["content"][0]["text"], Script::words(20).whole_text().trim_end());
}

#[tokio::test]
async fn what_was_said_counts_as_prompt_and_against_the_limit() {
    let fault = Fault::at_chunk(40, FaultKind::EndWithoutDone);
    let first = MockProvider::start(Script::words(CHUNKS).with_fault(fault)).await.unwrap();
    let other = MockProvider::start(Script::words(1)).await.unwrap();
    let mut reserved = Vec::new();
    for model in ["other", "first"] {
        let config = DeploymentConfig { continues: true, ..cloud("other", "other") };
        let setup = Setup::new().fallback("first", "other").open_ai(config, &other);
        let house = setup.open_ai(local("first", "first"), &first).open().await;
        house.ask(question(model, true)).await.unwrap();
        reserved.push(house.row().await.0.reserved.0);
    }
    let said = i64::try_from(Script::words(40).whole_text().len()).unwrap();
    let tokens = said.unsigned_abs().div_ceil(4).cast_signed();
    assert_eq!(other.requests()[1].body["max_tokens"], 1000 - tokens);
    // At most a token for each byte, at the dearest price of a prompt.
    assert!(reserved[1] + tokens * OUTPUT >= reserved[0] + said * 2 * INPUT, "{reserved:?}");
}

#[tokio::test]
async fn only_free_text_is_taken_up() {
    let tool = json!([{"type": "function", "function": {"name": "f"}}]);
    for fields in [
        json!({"tools": tool}),
        json!({"response_format": {"type": "json_object"}}),
        json!({"logprobs": true}),
        json!({"stop": "w40"}),
    ] {
        let (seen, other) = over_http(with(question("first", true), &fields)).await;
        assert_eq!(seen.text, Script::words(20).whole_text(), "{fields}");
        assert_eq!(kind(seen.failed.as_ref().unwrap()), ErrorKind::Broken, "{fields}");
        assert_eq!((seen.begins.len(), other.count()), (1, 0), "{fields}");
    }
}

#[tokio::test]
async fn a_broken_continuation_is_taken_up_once_more_or_ends_with_an_error() {
    let break_at = |chunk| Fault::at_chunk(chunk, FaultKind::EndWithoutDone);
    let first = Script::words(CHUNKS).with_fault(break_at(10));
    let second = Script::text((10..CHUNKS).map(|n| format!("w{n} "))).with_fault(break_at(5));
    let first = MockProvider::start(first).await.unwrap();
    let second = MockProvider::start(second).await.unwrap();
    let again = DeploymentConfig { continues: true, ..local("second", "second") };
    let setup = Setup::new().fallback("first", "second").fallback("second", "other");
    let setup = setup.open_ai(local("first", "first"), &first).open_ai(again.clone(), &second);
    let house = setup.deployment(other(), Arc::new(GoesOn)).open().await;
    let seen = house.ask(question("first", true)).await.unwrap();
    assert_eq!(seen.text, Script::words(CHUNKS).whole_text());
    assert_eq!(seen.begins.len(), 3);
    let sent = &second.requests()[0].body;
    assert_eq!(sent["continue_final_message"], true);

    let setup = Setup::new().fallback("first", "second");
    let setup = setup.open_ai(local("first", "first"), &first).open_ai(again, &second);
    let house = setup.open().await;
    let seen = house.ask(question("first", true)).await.unwrap();
    assert_eq!(seen.text, Script::words(15).whole_text());
    assert!(seen.failed.is_some());
}
