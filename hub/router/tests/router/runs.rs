//! Models for runs of tasks: asked as executors ask, answered as they read.

use agentos_domain::{
    Classified as _, FinishReason, Message, Role, Sampling, Tier, TokenCounts, ToolCall, ToolClass,
    ToolSpec,
};
use agentos_generation::{Completion, EngineError, GenerateEvent, GenerateRequest, ToolChoice};
use agentos_mock_provider::{Fault, FaultKind, MockProvider, Refusal, Script};
use agentos_router::Caller;
use agentos_store::OnLimit;
use serde_json::json;

use crate::fixture::{House, Setup, caller, cloud, local};

fn asking() -> GenerateRequest {
    let call = ToolCall {
        id: "call_1".to_owned(),
        name: "look".parse().unwrap(),
        arguments: json!({ "at": "it" }),
    };
    let turn = |role, text: &str| Message::text(role, text);
    GenerateRequest {
        messages: vec![
            turn(Role::System, "be brief"),
            turn(Role::User, "what is there?"),
            Message { tool_calls: vec![call], ..turn(Role::Assistant, "") },
            Message { tool_call_id: Some("call_1".to_owned()), ..turn(Role::Tool, "a boiler") },
        ],
        tools: vec![ToolSpec::new(
            "look".parse().unwrap(),
            ToolClass::Read,
            "looks",
            json!({ "type": "object" }),
        )],
        tool_choice: ToolChoice::Auto,
        output_schema: None,
        sampling: Sampling { temperature: 0.3, max_tokens: 50, ..Sampling::default() },
        conversation: Some("of the executor".to_owned()),
    }
}

/// The text as it came, void where another model took over, and the completion.
async fn ask(house: &House, by: Caller, tier: Tier) -> Result<(String, Completion), EngineError> {
    let mut events = house.router.generate(by, tier, asking()).await?;
    let mut text = String::new();
    loop {
        match events.recv().await.expect("it ends with a completion or an error")? {
            GenerateEvent::Started { .. } => text.clear(),
            GenerateEvent::Token { text: piece, .. } => text.push_str(&piece),
            GenerateEvent::Done(done) => return Ok((text, done)),
        }
    }
}

#[tokio::test]
async fn a_run_asks_in_words_that_every_provider_reads() {
    let usage = TokenCounts { input: 7, cache_read: 3, output: 4, ..TokenCounts::default() };
    let script = Script { usage, ..Script::text(["so ", "be it"]) };
    let script = script.with_tool_call("call_2", "look", json!({ "at": "more" }));
    for anthropic in [false, true] {
        let mock = MockProvider::start(script.clone()).await.unwrap();
        let config = cloud("far", Tier::CloudSmart.as_str());
        let setup = match anthropic {
            true => Setup::new().anthropic(config, &mock),
            false => Setup::new().open_ai(config, &mock),
        };
        let house = setup.open().await;
        let (text, done) = ask(&house, caller(), Tier::CloudSmart).await.unwrap();
        assert_eq!((text.as_str(), done.text.as_str()), ("so be it", "so be it"));
        assert_eq!(done.finish, FinishReason::ToolCalls);
        assert_eq!((done.usage.input_tokens, done.usage.cached_tokens), (10, 3));
        let [call] = done.tool_calls.as_slice() else { panic!("{:?}", done.tool_calls) };
        assert_eq!((call.name.as_str(), &call.arguments), ("look", &json!({ "at": "more" })));
        let asked = &mock.requests()[0].body;
        assert_eq!(asked["temperature"], json!(0.3), "{asked}");
        assert!(asked.to_string().contains("a boiler"), "{asked}");
    }
}

#[tokio::test]
async fn another_model_takes_over_and_says_so() {
    let broken = Script::words(3).with_fault(Fault::before_headers(FaultKind::Close));
    let (one, other) =
        (MockProvider::start(broken).await.unwrap(), MockProvider::start(Script::words(2)).await);
    let other = other.unwrap();
    let house = Setup::new()
        .fallback(Tier::LocalFast.as_str(), Tier::CloudSmart.as_str())
        .open_ai(local("near", Tier::LocalFast.as_str()), &one)
        .open_ai(cloud("far", Tier::CloudSmart.as_str()), &other)
        .open()
        .await;
    let (text, done) = ask(&house, caller(), Tier::LocalFast).await.unwrap();
    assert_eq!((text.as_str(), done.text.as_str()), ("w0 w1 ", "w0 w1 "));
}

#[tokio::test]
async fn a_run_learns_whether_it_is_of_use_to_ask_again() {
    let mock = MockProvider::start(Script::words(3)).await.unwrap();
    let house = Setup::new()
        .budget(1, OnLimit::Refuse)
        .open_ai(cloud("far", Tier::CloudSmart.as_str()), &mock)
        .open()
        .await;
    let refused = ask(&house, caller(), Tier::CloudSmart).await.unwrap_err();
    assert!(!refused.is_retryable(), "{refused:?}");
    let unknown = ask(&house, caller(), Tier::LocalSmart).await.unwrap_err();
    assert_eq!((unknown.code(), unknown.is_retryable()), ("model_not_found", false));

    let busy = Script::words(3).with_fault(Fault::status(Refusal::ServerError));
    let mock = MockProvider::start(busy).await.unwrap();
    let house = Setup::new().open_ai(cloud("far", Tier::CloudSmart.as_str()), &mock).open().await;
    let away = ask(&house, caller(), Tier::CloudSmart).await.unwrap_err();
    assert!(away.is_retryable(), "{away:?}");
}

#[tokio::test]
async fn the_hub_knows_for_which_tiers_it_needs_no_edge() {
    let mock = MockProvider::start(Script::words(3)).await.unwrap();
    let (fast, smart, far) =
        (Tier::LocalFast.as_str(), Tier::LocalSmart.as_str(), Tier::CloudSmart.as_str());
    let nothing = Setup::new().open().await;
    assert_eq!(nothing.router.tiers_without_edges(false), []);

    let one = Setup::new().open_ai(cloud("far", far), &mock).open().await;
    assert_eq!(one.router.tiers_without_edges(false), [Tier::CloudSmart]);
    assert_eq!(one.router.tiers_without_edges(true), []);

    // By way of two fallbacks.
    let all = Setup::new()
        .fallback(fast, smart)
        .fallback(smart, far)
        .open_ai(cloud("far", far), &mock)
        .open()
        .await;
    assert_eq!(all.router.tiers_without_edges(false), Tier::ALL);
    assert_eq!(all.router.tiers_without_edges(true), []);

    let home = Setup::new().open_ai(local("near", smart), &mock).open().await;
    assert_eq!(home.router.tiers_without_edges(true), [Tier::LocalSmart]);
}
