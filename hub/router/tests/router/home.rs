//! What may not leave the home network does not.

use std::collections::BTreeMap;

use agentos_mock_provider::{Fault, MockProvider, Refusal, Script};
use agentos_router::{Caller, ErrorKind, RouterError, Shape};
use agentos_store::OnLimit;
use serde_json::{Value, json};

use crate::fixture::{House, Setup, caller, cloud, kind, local, question, with};

const CANARY: &str = "the canary sings at dawn";

fn secret(model: &str, stream: bool) -> Value {
    let messages = json!({"messages": [{"role": "user", "content": CANARY}]});
    with(question(model, stream), &messages)
}

fn private() -> Caller {
    Caller { local_only: true, ..caller() }
}

struct Home {
    house: House,
    near: MockProvider,
    clouds: [MockProvider; 2],
}

impl Home {
    /// Everything leads to clouds: fallbacks, doubts, groups with both.
    async fn start(near: Script, budget: Option<OnLimit>) -> Self {
        let near = MockProvider::start(near).await.unwrap();
        let far = || async { MockProvider::start(Script::words(3)).await.unwrap() };
        let clouds = [far().await, far().await];
        let mut setup = Setup::new()
            .unsure("near", "far", 0.99)
            .fallback("near", "far")
            .fallback("far", "farther")
            .fallback("both", "farther");
        setup.calibrations = BTreeMap::from([(
            "small".to_owned(),
            serde_json::from_value(json!([[0.0, 0.0], [1.0, 1.0]])).unwrap(),
        )]);
        if let Some(on_limit) = budget {
            setup = setup.budget(1, on_limit);
        }
        let setup = setup
            .open_ai(local("near", "near"), &near)
            .open_ai(local("both-near", "both"), &near)
            .open_ai(cloud("both-far", "both"), &clouds[0])
            .open_ai(cloud("far", "far"), &clouds[0])
            .anthropic(cloud("farther", "farther"), &clouds[1]);
        Self { house: setup.open().await, near, clouds }
    }

    /// Holds that no cloud was asked.
    fn stayed(&self) {
        for mock in &self.clouds {
            for asked in mock.requests() {
                assert!(!asked.body.to_string().contains("canary"), "{asked:?}");
            }
            assert_eq!(mock.count(), 0);
        }
    }
}

#[tokio::test]
async fn no_failure_leads_to_a_cloud() {
    for refusal in [
        Refusal::ServerError,
        Refusal::RateLimited { retry_after: Some(60) },
        Refusal::InsufficientQuota,
        Refusal::Overloaded,
        Refusal::ContextLength,
        Refusal::BadKey,
        Refusal::BadRequest,
    ] {
        let fails = Script::words(3).with_fault(Fault::status(refusal));
        let home = Home::start(fails, None).await;
        for model in ["near", "both", "far", "farther", "both-far"] {
            for stream in [true, false] {
                let answer = home.house.ask_as(private(), secret(model, stream)).await;
                assert!(answer.is_err(), "{model}: {answer:?}");
            }
        }
        home.stayed();
        // Without the wish a cloud is asked: the test could fail.
        home.house.ask(secret("far", true)).await.unwrap();
        assert_eq!(home.clouds[0].count(), 1);
    }
}

#[tokio::test]
async fn no_doubt_and_no_budget_leads_to_a_cloud() {
    for budget in [None, Some(OnLimit::Refuse), Some(OnLimit::LocalOnly)] {
        let home = Home::start(Script::words(3), budget).await;
        for stream in [true, false] {
            let seen = home.house.ask_as(private(), secret("near", stream)).await.unwrap().whole();
            assert!(seen.ending().confidence.unwrap() < 0.99);
            assert_eq!(seen.begins[0].location, "local");
            for _ in 0..4 {
                let seen = home.house.ask_as(private(), secret("both", stream)).await.unwrap();
                assert_eq!(seen.whole().by(), "both-near");
            }
        }
        let error = home.house.ask_as(private(), secret("far", true)).await.unwrap_err();
        assert_eq!(kind(&error), ErrorKind::LocalOnly);
        home.stayed();
    }
    // Without the wish the doubt leads there.
    let home = Home::start(Script::words(3), None).await;
    assert_eq!(home.house.ask(secret("near", true)).await.unwrap().whole().by(), "far");
}

#[tokio::test]
async fn no_text_goes_to_a_cloud_to_become_a_vector() {
    let home = Home::start(Script::words(3), None).await;
    let embed = |model: &str| json!({"model": model, "input": CANARY});
    for _ in 0..4 {
        let vectors = home.house.router.embed(private(), embed("both")).await.unwrap();
        assert!(vectors["data"][0]["embedding"].is_array());
    }
    for model in ["far", "farther", "both-far"] {
        let error = home.house.router.embed(private(), embed(model)).await.unwrap_err();
        assert_eq!(kind(&error), ErrorKind::LocalOnly, "{model}");
    }
    home.near.set(Script::words(3).with_fault(Fault::status(Refusal::ServerError)));
    assert!(home.house.router.embed(private(), embed("both")).await.is_err());
    home.stayed();
    assert!(home.house.router.embed(caller(), embed("far")).await.is_ok());
    assert_eq!(home.clouds[0].count(), 1);
}

#[tokio::test]
async fn vectors_are_made_by_the_next_of_the_group_and_have_a_row() {
    let fails = Script::words(3).with_fault(Fault::status(Refusal::ServerError));
    let fails = MockProvider::start(fails).await.unwrap();
    let well = MockProvider::start(Script::words(3)).await.unwrap();
    let rich = 1_000_000_000;
    let setup = Setup::new().budget(rich, OnLimit::Refuse).fallback("texts", "other");
    let priced = |name: &str| cloud(name, "texts");
    let setup = setup.open_ai(priced("a"), &fails).open_ai(priced("b"), &well);
    let house = setup.open().await;
    let request = json!({"model": "texts", "input": ["one two", "three"]});
    let answer = house.router.embed(caller(), request.clone()).await.unwrap();
    assert_eq!(answer["data"].as_array().unwrap().len(), 2);
    let (row, settled) = house.row().await;
    assert_eq!((row.deployment.as_str(), settled.estimated), ("b", false));
    // Three tokens at a dollar for a million.
    assert_eq!((settled.tokens.input, settled.cost.0), (3, 3000));

    let house = Setup::new().budget(1, OnLimit::Refuse).open_ai(priced("b"), &well).open().await;
    well.clear();
    let error = house.router.embed(caller(), request).await.unwrap_err();
    assert!(matches!(error, RouterError::OverBudget(_)), "{error}");
    assert_eq!(well.count(), 0);
}

/// Where the test below lets its child ask.
const ADDRESS: &str = "MOCK_AT_HOME";

#[tokio::test]
#[ignore = "the test below runs it, in an environment of its own"]
async fn asks_at_home_and_elsewhere() {
    let base = std::env::var(ADDRESS).unwrap();
    let setup = Setup::new()
        .over_http(local("near", "near"), Shape::OpenAi, format!("{base}/v1"))
        .over_http(cloud("far", "far"), Shape::OpenAi, format!("{base}/v1"));
    let house = setup.open().await;
    for model in ["near", "far"] {
        house.text(question(model, true)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_of_the_environment_is_not_asked_at_home() {
    let home = MockProvider::start(Script::words(3)).await.unwrap();
    let proxy = MockProvider::start(Script::words(3)).await.unwrap();
    let child = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args(["home::asks_at_home_and_elsewhere", "--exact", "--ignored"])
        .env(ADDRESS, home.base_url())
        .env("HTTP_PROXY", proxy.base_url())
        .env_remove("NO_PROXY")
        .env_remove("no_proxy")
        .output();
    let child = child.await.unwrap();
    assert!(child.status.success(), "{child:?}");
    assert_eq!((home.count(), proxy.count()), (1, 1));
    assert_eq!(home.requests()[0].body["model"], "small");
}
