//! Who is asked after a failure, and who rests.

use std::sync::Arc;
use std::time::Duration;

use agentos_domain::{ManualClock, ProviderName, ProviderSecret, WorkspaceId};
use agentos_mock_provider::{Fault, MockProvider, Refusal, Script};
use agentos_router::{
    CallError, Caller, DeploymentConfig, ErrorKind, ProviderKeys, RouterError, Timeouts,
};
use agentos_store::CallOutcome;
use async_trait::async_trait;
use serde_json::Value;

use crate::fixture::{
    House, LONG, SHORT, Setup, caller, cloud, day, kind, local, question, request, ws,
};

fn refusing(refusal: Refusal) -> Script {
    Script::words(3).with_fault(Fault::status(refusal))
}

/// A deployment `a` that fails so, `b` that answers for it, and a clock.
struct Two {
    house: House,
    a: MockProvider,
    b: MockProvider,
    clock: Arc<ManualClock>,
}

impl Two {
    async fn start(a: Script) -> Self {
        let a = MockProvider::start(a).await.unwrap();
        let b = MockProvider::start(Script::words(3)).await.unwrap();
        let clock = Arc::new(ManualClock::at(day()));
        let setup = Setup::with_clock(Arc::clone(&clock) as _).fallback("a", "b");
        let setup = setup.open_ai(local("a", "a"), &a).open_ai(local("b", "b"), &b);
        Self { house: setup.open().await, a, b, clock }
    }

    /// Who answers now, and how often `a` has been asked by then.
    async fn asked(&self) -> (String, u64) {
        let seen = self.house.ask(question("a", true)).await.unwrap().whole();
        (seen.by().to_owned(), self.a.count())
    }

    /// The same, so much later.
    async fn later(&self, millis: u64) -> (String, u64) {
        self.clock.advance(Duration::from_millis(millis));
        self.asked().await
    }
}

fn by(name: &str, asked: u64) -> (String, u64) {
    (name.to_owned(), asked)
}

#[tokio::test]
async fn a_deployment_rests_as_long_as_it_asks_for() {
    let busy = refusing(Refusal::RateLimited { retry_after: Some(7) });
    let two = Two::start(busy).await;
    assert_eq!(two.asked().await, by("b", 1));
    assert_eq!(two.later(6_900).await, by("b", 1));
    two.a.set(Script::words(3));
    assert_eq!(two.later(200).await, by("a", 2));
}

#[tokio::test]
async fn one_without_money_or_with_a_wrong_key_rests_for_minutes() {
    for refusal in [Refusal::InsufficientQuota, Refusal::CreditBalanceExhausted, Refusal::BadKey] {
        let two = Two::start(refusing(refusal)).await;
        assert_eq!(two.asked().await, by("b", 1));
        assert_eq!(two.later(4 * 60_000).await, by("b", 1));
        assert_eq!(two.later(2 * 60_000).await, by("b", 2));
    }
}

#[tokio::test]
async fn a_wrong_request_is_given_up() {
    let two = Two::start(refusing(Refusal::BadRequest)).await;
    let error = two.house.error(question("a", true)).await;
    assert_eq!(kind(&error), ErrorKind::Invalid);
    assert_eq!((two.a.count(), two.b.count()), (1, 0));
    let (_, settled) = two.house.row().await;
    assert_eq!(settled.outcome, CallOutcome::Failed);
    assert_eq!(settled.error_code.as_deref(), Some("invalid_request"));
}

#[tokio::test]
async fn what_is_too_long_for_one_goes_to_the_next_and_the_one_does_not_rest() {
    let two = Two::start(refusing(Refusal::ContextLength)).await;
    for asked in 1..=5 {
        assert_eq!(two.asked().await, by("b", asked));
    }
}

#[tokio::test]
async fn three_failures_open_a_breaker_and_a_probe_closes_it() {
    let two = Two::start(refusing(Refusal::ServerError)).await;
    for asked in 1..=3 {
        assert_eq!(two.asked().await, by("b", asked));
    }
    assert_eq!(two.asked().await, by("b", 3));
    assert_eq!(two.later(1_900).await, by("b", 3));
    // The probe fails: it rests for four seconds now.
    assert_eq!(two.later(200).await, by("b", 4));
    assert_eq!(two.later(3_900).await, by("b", 4));
    two.a.set(Script::words(3));
    assert_eq!(two.later(200).await, by("a", 5));
    assert_eq!(two.asked().await, by("a", 6));
}

/// One deployment that fails once.
async fn one(refusal: Refusal) -> (House, MockProvider) {
    let script = Script::words(3).with_fault(Fault::status(refusal).for_first(1));
    let mock = MockProvider::start(script).await.unwrap();
    let house = Setup::new().open_ai(local("a", "a"), &mock).open().await;
    (house, mock)
}

#[tokio::test]
async fn a_single_deployment_is_asked_a_second_time() {
    for refusal in [
        Refusal::ServerError,
        Refusal::Overloaded,
        Refusal::RateLimited { retry_after: None },
        Refusal::RateLimited { retry_after: Some(1) },
    ] {
        let (house, mock) = one(refusal.clone()).await;
        assert_eq!(house.text(question("a", true)).await, "w0 w1 w2 ", "{refusal:?}");
        assert_eq!(mock.count(), 2);
        let (_, settled) = house.row().await;
        let attempts: Vec<Value> = serde_json::from_str(&settled.attempts).unwrap();
        assert_eq!((attempts.len(), settled.outcome), (2, CallOutcome::Completed));
    }
}

#[tokio::test]
async fn who_would_have_to_wait_too_long_is_told_for_how_long() {
    let (house, mock) = one(Refusal::RateLimited { retry_after: Some(30) }).await;
    let error = house.error(question("a", true)).await;
    let RouterError::Failed { error, .. } = error else { panic!("{error}") };
    assert_eq!((error.kind, mock.count()), (ErrorKind::RateLimited, 1));
    assert_eq!(error.retry_after, Some(Duration::from_secs(30)));
    let error = house.error(question("a", true)).await;
    assert!(matches!(error, RouterError::AllResting { .. }), "{error}");
    assert_eq!(mock.count(), 1);
    house.row().await;
}

#[tokio::test]
async fn an_answer_that_comes_whole_may_take_as_long_as_the_whole() {
    let mut script = Script::words(3);
    script.delay = SHORT * 2;
    let mock = MockProvider::start(script).await.unwrap();
    let timeouts = Timeouts { first: SHORT, idle: SHORT, total: LONG };
    let config = DeploymentConfig { timeouts, ..local("a", "a") };
    let house = Setup::new().open_ai(config, &mock).open().await;
    assert_eq!(house.text(question("a", false)).await, "w0 w1 w2 ");
    assert_eq!(mock.count(), 1);
}

#[tokio::test]
async fn the_least_busy_of_a_group_is_asked() {
    let mut script = Script::words(3);
    script.delay = SHORT;
    let mut mocks = Vec::new();
    let mut setup = Setup::new();
    for name in ["a", "b", "c", "d"] {
        let mock = MockProvider::start(script.clone()).await.unwrap();
        setup = setup.open_ai(local(name, "group"), &mock);
        mocks.push(mock);
    }
    let house = setup.open().await;
    let asked = (0..40).map(|_| house.text(question("group", true)));
    futures::future::join_all(asked).await;
    for mock in &mocks {
        assert_eq!(mock.count(), 10);
    }
}

/// The workspace `poor` has a key whose account has no money.
struct OwnKeys;

#[async_trait]
impl ProviderKeys for OwnKeys {
    async fn key(
        &self,
        workspace: &WorkspaceId,
        _: &ProviderName,
    ) -> Result<Option<ProviderSecret>, CallError> {
        let own = (workspace.as_str() == "poor").then(|| "sk-of-the-poor".to_owned());
        Ok(own.map(|own| ProviderSecret::new(own).unwrap()))
    }
}

#[tokio::test]
async fn a_workspaces_wrong_key_does_not_keep_others_from_a_deployment() {
    let mut script = Script::words(3);
    script.api_key = Some("sk-of-the-installation".to_owned());
    let mock = MockProvider::start(script).await.unwrap();
    let mut setup = Setup::new().anthropic(cloud("cloud", "cloud"), &mock);
    setup.keys = Arc::new(OwnKeys);
    let house = setup.open().await;
    let poor = || Caller { workspace: ws("poor"), ..caller() };
    for asked in [1, 3] {
        let error = house.router.chat(poor(), request(question("cloud", true))).await.unwrap_err();
        assert_eq!((kind(&error), mock.count()), (ErrorKind::Auth, asked));
        assert_eq!(house.text(question("cloud", true)).await, "w0 w1 w2 ");
    }
}
