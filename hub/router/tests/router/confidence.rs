//! Answers that are not sure enough.

use agentos_mock_provider::{Fault, MockProvider, Refusal, Script};
use agentos_store::{CallOutcome, OnLimit};
use serde_json::{Value, json};

use crate::fixture::{House, INPUT, OUTPUT, Setup, cloud, local, question, with};

/// A local model that is 0.9 sure, and a cloud where it has to be surer.
async fn start(
    below: f64,
    calibrated: &str,
    far: Script,
    budget: i64,
) -> (House, [MockProvider; 2]) {
    let mut script = Script::words(3);
    script.logprobs = vec![0.9_f64.ln()];
    let near = MockProvider::start(script).await.unwrap();
    let far = MockProvider::start(far).await.unwrap();
    let mut setup = Setup::new().unsure("near", "far", below).budget(budget, OnLimit::Refuse);
    let calibration = serde_json::from_value(json!([[0.0, 0.0], [1.0, 1.0]])).unwrap();
    setup.calibrations.insert(calibrated.to_owned(), calibration);
    let setup = setup.open_ai(local("near", "near"), &near);
    (setup.anthropic(cloud("far", "far"), &far).open().await, [near, far])
}

fn far() -> Script {
    Script::text(["from ", "afar"])
}

const RICH: i64 = 1_000_000_000;

#[tokio::test]
async fn only_an_answer_below_the_threshold_is_replaced() {
    for stream in [true, false] {
        let (house, [near, far]) = start(0.95, "small", far(), RICH).await;
        let seen = house.ask(question("near", stream)).await.unwrap().whole();
        assert_eq!((seen.text.as_str(), seen.by()), ("from afar", "far"));
        assert_eq!((near.count(), far.count()), (1, 1));
        let (row, settled) = house.row().await;
        assert_eq!((row.deployment.as_str(), settled.outcome), ("far", CallOutcome::Completed));
        // The local answer was free, and nothing of it had to be guessed.
        assert_eq!((settled.cost.0, settled.estimated), (10 * INPUT + 2 * OUTPUT, false));
        let attempts: Vec<Value> = serde_json::from_str(&settled.attempts).unwrap();
        assert_eq!(attempts[0]["result"], "unsure");

        let (house, [_near, far]) = start(0.85, "small", self::far(), RICH).await;
        let seen = house.ask(question("near", stream)).await.unwrap().whole();
        assert_eq!((seen.by(), far.count()), ("near", 0));
        assert!((seen.ending().confidence.unwrap() - 0.9).abs() < 1e-6);
        assert_eq!(seen.text, "w0 w1 w2 ");
    }
}

#[tokio::test]
async fn without_a_calibration_nothing_is_concluded() {
    let (house, [_near, far]) = start(0.95, "another", far(), RICH).await;
    let seen = house.ask(question("near", true)).await.unwrap().whole();
    assert_eq!((seen.by(), far.count(), seen.ending().confidence), ("near", 0, None));
}

#[tokio::test]
async fn probabilities_are_shown_to_those_who_ask() {
    for stream in [true, false] {
        let (house, [near, _far]) = start(0.5, "small", far(), RICH).await;
        let seen = house.ask(question("near", stream)).await.unwrap().whole();
        assert!(seen.deltas.iter().all(|delta| delta.logprobs.is_none()));
        assert_eq!(near.requests()[0].body["logprobs"], true);
        let asks = with(question("near", stream), &json!({"logprobs": true, "top_logprobs": 2}));
        let seen = house.ask(asks).await.unwrap().whole();
        let tokens = seen.deltas.iter().map(|delta| {
            let logprobs = delta.logprobs.as_ref().unwrap();
            logprobs["content"].as_array().unwrap().len()
        });
        assert_eq!(tokens.sum::<usize>(), 3);
    }
}

#[tokio::test]
async fn an_unsure_answer_is_better_than_none() {
    let refuses = |refusal| far().with_fault(Fault::status(refusal));
    for (far, budget) in [
        (refuses(Refusal::ServerError), RICH),
        (refuses(Refusal::BadRequest), RICH),
        (refuses(Refusal::BadKey), RICH),
        (far(), 1),
    ] {
        for stream in [true, false] {
            let (house, _mocks) = start(0.95, "small", far.clone(), budget).await;
            let seen = house.ask(question("near", stream)).await.unwrap().whole();
            assert_eq!((seen.text.as_str(), seen.by()), ("w0 w1 w2 ", "near"));
            assert!(seen.ending().confidence.unwrap() < 0.95);
            let (row, settled) = house.row().await;
            assert_eq!((row.deployment.as_str(), settled.cost.0), ("near", 0));
            assert_eq!((settled.outcome, settled.estimated), (CallOutcome::Completed, false));
            assert_eq!(settled.tokens.output, 3);
        }
    }
}
