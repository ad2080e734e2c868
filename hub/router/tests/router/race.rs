//! A thousand requests at once against one budget.

use agentos_domain::NanoUsd;
use agentos_mock_provider::{MockProvider, Script};
use agentos_router::{DeploymentConfig, RouterError};
use agentos_store::{BudgetScope, CallOutcome, Ledger as _, OnLimit};
use futures::future::join_all;
use serde_json::json;

use crate::fixture::{House, Setup, cloud, question, with};

const CENTS: i64 = 10_000_000;
const REQUESTS: usize = 1000;

/// What is settled and reserved together; at most 5 dollars.
async fn spent(house: &House) -> NanoUsd {
    let spend = house.store.spend_of(&BudgetScope::Installation, house.clock.now());
    let spend = spend.await.unwrap();
    let sum = spend.settled + spend.reserved;
    assert!(sum.0 <= 500 * CENTS, "{spend:?}");
    sum
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_requests_at_once_do_not_overshoot() {
    let mut script = Script::words(3);
    script.usage.output = 1000;
    let mock = MockProvider::start(script).await.unwrap();
    let config = DeploymentConfig { model: "ten-cents".to_owned(), ..cloud("cloud", "cloud") };
    let setup = Setup::new().budget(500 * CENTS, OnLimit::Refuse);
    let house = setup.open_ai(config, &mock).open().await;
    let ask = |number: usize| {
        // 1,000 tokens at 100 dollars for a million.
        let request = question("cloud", number.is_multiple_of(2));
        house.ask(with(request, &json!({"max_tokens": 1000})))
    };
    let all = join_all((0..REQUESTS).map(ask));
    let mut all = std::pin::pin!(all);
    let answers = loop {
        tokio::select! {
            answers = &mut all => break answers,
            _ = spent(&house) => {}
        }
    };
    let answered = answers.iter().filter(|answer| answer.is_ok()).count();
    assert_eq!(answered, 50);
    for error in answers.into_iter().filter_map(Result::err) {
        assert!(matches!(error, RouterError::OverBudget(_)), "{error}");
    }
    assert_eq!(mock.count(), 50);
    for (_, settled) in house.settled(50).await {
        assert_eq!((settled.outcome, settled.cost), (CallOutcome::Completed, NanoUsd(10 * CENTS)));
    }
    assert_eq!(spent(&house).await, NanoUsd(500 * CENTS));
}
