//! Answers that are given again.

use std::time::Duration;

use agentos_domain::NanoUsd;
use agentos_mock_provider::{Fault, FaultKind, Finish, MockProvider, Refusal, Script};
use agentos_router::{Caller, RouterError};
use futures::future::join_all;
use serde_json::{Value, json};

use crate::fixture::{House, LONG, SHORT, Seen, Setup, caller, cloud, question, with, ws};

fn again() -> Caller {
    Caller { cached: true, ..caller() }
}

fn cold(stream: bool) -> Value {
    with(question("cloud", stream), &json!({"temperature": 0}))
}

async fn house(mock: &MockProvider) -> House {
    let mut setup = Setup::new().anthropic(cloud("cloud", "cloud"), mock);
    setup.config.cache_ttl = Some(LONG);
    setup.open().await
}

async fn ask(house: &House, request: Value) -> Seen {
    house.ask_as(again(), request).await.unwrap().whole()
}

#[tokio::test]
async fn the_second_request_is_answered_without_a_model() {
    for first in [true, false] {
        let mock = MockProvider::start(Script::words(50)).await.unwrap();
        let house = house(&mock).await;
        let made = ask(&house, cold(first)).await;
        for stream in [true, false] {
            let seen = ask(&house, cold(stream)).await;
            assert_eq!(seen.text, made.text);
            assert_eq!(seen.deltas.len(), if first { 50 } else { 1 });
            assert!(seen.begins[0].cached && !made.begins[0].cached);
            assert_eq!(seen.ending().bill.cost, NanoUsd(0));
            assert_eq!(seen.ending().finish, made.ending().finish);
        }
        assert_eq!(mock.count(), 1);
        house.row().await;
    }
}

#[tokio::test]
async fn nobody_gets_what_was_made_for_another() {
    let mock = MockProvider::start(Script::words(3)).await.unwrap();
    let house = house(&mock).await;
    ask(&house, cold(true)).await;
    let other = Caller { workspace: ws("other"), ..again() };
    assert!(!house.ask_as(other, cold(true)).await.unwrap().begins[0].cached);
    // Nor who does not want an earlier answer.
    assert!(!house.ask_as(caller(), cold(true)).await.unwrap().begins[0].cached);
    // Nor what is asked otherwise.
    for fields in [
        json!({"temperature": 0.1}),
        json!({"max_tokens": 999}),
        json!({"seed": 3}),
        json!({"messages": [{"role": "user", "content": "count to sixty"}]}),
        json!({"response_format": {"type": "json_object"}}),
    ] {
        let seen = ask(&house, with(cold(true), &fields)).await;
        assert!(!seen.begins[0].cached, "{fields}");
    }
    assert_eq!(mock.count(), 8);
}

#[tokio::test]
async fn what_is_not_a_whole_cold_answer_is_not_given_again() {
    let mut cut = Script::words(3);
    cut.finish = Some(Finish::Length);
    let calls = Script::words(3).with_tool_call("c", "f", json!({}));
    for script in [cut, calls] {
        let mock = MockProvider::start(script).await.unwrap();
        let house = house(&mock).await;
        for asked in 1..=2 {
            ask(&house, cold(true)).await;
            assert_eq!(mock.count(), asked);
        }
    }
    let mock = MockProvider::start(Script::words(3)).await.unwrap();
    let house = house(&mock).await;
    for asked in 1..=2 {
        ask(&house, with(cold(true), &json!({"temperature": 0.9}))).await;
        assert_eq!(mock.count(), asked);
    }
}

#[tokio::test]
async fn twenty_at_once_make_one_call() {
    let mut script = Script::words(50);
    script.delay = SHORT;
    let mock = MockProvider::start(script).await.unwrap();
    let house = house(&mock).await;
    let all =
        join_all((0..20).map(|number: u32| ask(&house, cold(number.is_multiple_of(2))))).await;
    assert_eq!(mock.count(), 1);
    assert_eq!(all.iter().filter(|seen| seen.begins[0].cached).count(), 19);
    assert!(all.iter().all(|seen| seen.text == Script::words(50).whole_text()));
    house.row().await;
}

#[tokio::test]
async fn a_failure_is_not_given_again() {
    let refuses = Fault::status(Refusal::BadRequest).for_first(1);
    let breaks = Fault::at_chunk(2, FaultKind::EndWithoutDone).for_first(1);
    for fault in [refuses, breaks] {
        let mut script = Script::words(3).with_fault(fault);
        script.delay = Duration::from_millis(50);
        let mock = MockProvider::start(script).await.unwrap();
        let house = house(&mock).await;
        // Those who wait for the one that fails ask by themselves.
        let all = join_all((0..5).map(|_| house.ask_as(again(), cold(true)))).await;
        let failed = |answer: &&Result<Seen, RouterError>| match answer {
            Ok(seen) => seen.failed.is_some(),
            Err(_) => true,
        };
        assert_eq!(all.iter().filter(failed).count(), 1);
        let seen = ask(&house, cold(true)).await;
        assert_eq!(seen.text, "w0 w1 w2 ");
        assert!(seen.begins[0].cached);
    }
}
