//! What requests cost.

use std::sync::Arc;

use agentos_domain::{NanoUsd, TokenCounts};
use agentos_mock_provider::{Ending, Fault, FaultKind, MockProvider, Refusal, Script};
use agentos_prices::Service;
use agentos_prices::usage::Metered;
use agentos_router::{
    Answer, Call, CallError, ChatEvent, Delta, DeploymentConfig, ErrorKind, Piece, Pieces,
    Provider, RouterError, Shape, Timeouts,
};
use agentos_store::{BudgetScope, CallOutcome, Ledger as _, OnLimit};
use async_trait::async_trait;
use futures::stream;
use serde_json::{Value, json};

use crate::fixture::{
    House, INPUT, LONG, OUTPUT, SHORT, Seen, Setup, caller, cloud, kind, local, question, request,
    until, with,
};

/// Says these pieces, whatever it is asked.
struct Says(Vec<Piece>);

#[async_trait]
impl Provider for Says {
    async fn chat(&self, _: Call<'_>) -> Result<Pieces, CallError> {
        Ok(Box::pin(stream::iter(self.0.clone().into_iter().map(Ok))))
    }
}

const RICH: i64 = 1_000_000_000_000;

/// One priced deployment, and a budget that is large enough.
async fn one(shape: Shape, mock: &MockProvider) -> House {
    let setup = Setup::new().budget(RICH, OnLimit::Refuse);
    let config = cloud("cloud", "cloud");
    match shape {
        Shape::OpenAi => setup.open_ai(config, mock).open().await,
        Shape::Anthropic => setup.anthropic(config, mock).open().await,
    }
}

async fn begun(house: &House, chunks: usize) -> Answer {
    let mut answer = house.router.chat(caller(), request(question("cloud", true))).await.unwrap();
    let mut seen = Seen::default();
    while seen.deltas.len() < chunks {
        seen.take(answer.next().await.unwrap());
    }
    answer
}

async fn left(mock: &MockProvider) {
    tokio::time::timeout(LONG, mock.settled()).await.unwrap();
    let asked = mock.requests();
    assert_eq!((asked.len(), asked[0].ending), (1, Ending::ClientLeft));
    assert!(asked[0].chunks < 50, "it was heard to its end");
}

#[tokio::test]
async fn who_leaves_pays_for_what_came_and_the_provider_stops_at_once() {
    for shape in [Shape::OpenAi, Shape::Anthropic] {
        for chunks in [1, 7, 20] {
            let mut script = Script::words(50);
            // All of it would take longer than the test.
            script.gap = LONG / 600;
            script.usage.input = 77;
            let mock = MockProvider::start(script).await.unwrap();
            let house = one(shape, &mock).await;
            drop(begun(&house, chunks).await);
            left(&mock).await;
            let (row, settled) = house.row().await;
            assert_eq!((settled.outcome, settled.estimated), (CallOutcome::Abandoned, true));
            let came = i64::try_from(chunks).unwrap() * OUTPUT;
            assert!(settled.cost.0 >= came, "{settled:?}");
            assert!(settled.cost <= row.reserved, "{settled:?} {:?}", row.reserved);
            if shape == Shape::Anthropic {
                // It said at the beginning what the prompt took.
                assert_eq!(settled.tokens.input, 77);
                assert!(settled.cost.0 >= 77 * INPUT + came);
            }
        }
    }
}

#[tokio::test]
async fn who_leaves_before_the_first_content_pays_for_the_prompt() {
    for stream in [true, false] {
        let mut script = Script::words(50);
        script.delay = LONG;
        let mock = MockProvider::start(script).await.unwrap();
        let house = one(Shape::Anthropic, &mock).await;
        {
            let asked = house.router.chat(caller(), request(question("cloud", stream)));
            tokio::select! {
                _ = asked => panic!("it takes a minute"),
                () = until("it was asked", || mock.count() == 1) => {}
            }
        }
        left(&mock).await;
        let (row, settled) = house.row().await;
        assert_eq!((settled.outcome, settled.estimated), (CallOutcome::Abandoned, true));
        assert!(settled.cost.0 > 0 && settled.cost < row.reserved, "{settled:?}");
    }
}

#[tokio::test]
async fn who_leaves_a_silent_stream_ends_it() {
    for hold in [false, true] {
        let fault = Fault::at_chunk(7, FaultKind::Stall);
        let mock = MockProvider::start(Script::words(50).with_fault(fault)).await.unwrap();
        // Longer than the test waits.
        let timeouts = Timeouts { first: 2 * LONG, idle: 2 * LONG, total: 2 * LONG };
        let config = DeploymentConfig { timeouts, ..cloud("cloud", "cloud") };
        let house = Setup::new().open_ai(config, &mock).open().await;
        if hold {
            let asked = house.router.chat(caller(), request(question("cloud", false)));
            tokio::select! {
                _ = asked => panic!("it stalls"),
                () = until("it was asked", || mock.count() == 1) => {}
            }
        } else {
            drop(begun(&house, 7).await);
        }
        left(&mock).await;
        let (_, settled) = house.row().await;
        assert_eq!((settled.outcome, settled.estimated), (CallOutcome::Abandoned, true));
    }
}

#[tokio::test]
async fn who_leaves_after_the_last_word_pays_what_the_provider_tells() {
    let mock = MockProvider::start(Script::words(50)).await.unwrap();
    let house = one(Shape::OpenAi, &mock).await;
    let mut answer = begun(&house, 50).await;
    while !matches!(answer.next().await, Some(ChatEvent::End(_))) {}
    drop(answer);
    let (_, settled) = house.row().await;
    assert_eq!((settled.outcome, settled.estimated), (CallOutcome::Completed, false));
    assert_eq!(settled.cost.0, 10 * INPUT + 50 * OUTPUT);
}

#[tokio::test]
async fn cached_tokens_have_their_price_in_both_shapes() {
    for shape in [Shape::OpenAi, Shape::Anthropic] {
        for stream in [true, false] {
            let mut script = Script::words(5);
            script.usage = TokenCounts {
                input: 100,
                cache_read: 1000,
                cache_write: 200,
                output: 50,
                reasoning: 20,
                ..TokenCounts::default()
            };
            let mock = MockProvider::start(script.clone()).await.unwrap();
            let house = one(shape, &mock).await;
            let seen = house.ask(question("cloud", stream)).await.unwrap().whole();
            let bill = seen.ending().bill;
            assert_eq!((bill.tokens, bill.estimated), (script.usage, false), "{shape:?} {stream}");
            // 100 x 1, 1000 x 0.1, 200 x 1.25 and 50 x 10 dollars for a million.
            assert_eq!(bill.cost, NanoUsd(100_000 + 100_000 + 250_000 + 500_000));
            let (_, settled) = house.row().await;
            assert_eq!((settled.cost, settled.tokens), (bill.cost, bill.tokens));
        }
    }
}

#[tokio::test]
async fn what_was_told_before_the_answer_is_not_its_usage() {
    let told = |output| {
        let counts = TokenCounts { input: 30, output, ..TokenCounts::default() };
        let service = Service::default();
        Piece::Usage(Metered { counts, service, reported_cost: None, clamped: false })
    };
    let word = || Piece::Delta(Delta::text("word "));
    let finish = || Piece::Finish("stop".to_owned());
    for (pieces, input, output, estimated) in [
        (vec![told(1), word(), word(), word(), finish()], 30, 4, true),
        (vec![word(), word(), word(), finish()], 0, 4, true),
        (vec![told(1), word(), word(), told(7), finish()], 30, 7, false),
        (vec![told(1), word(), finish(), told(7)], 30, 7, false),
        (vec![word(), told(2), word(), told(4), finish()], 30, 4, false),
        // It breaks off: more may have been consumed.
        (vec![word(), told(2), word(), told(4)], 30, 4, true),
    ] {
        let named = [Piece::Model("priced".to_owned())];
        let says = Arc::new(Says(named.into_iter().chain(pieces.clone()).collect()));
        let house = Setup::new().deployment(cloud("cloud", "cloud"), says).open().await;
        let seen = house.ask(question("cloud", true)).await.unwrap();
        let (_, settled) = house.row().await;
        assert_eq!(settled.estimated, estimated, "{pieces:?}");
        if seen.end.is_some() {
            assert_eq!(settled.tokens.output, output, "{pieces:?}");
            assert!(settled.tokens.input == input || input == 0, "{pieces:?}");
        }
        assert!(settled.cost.0 >= input.cast_signed() * INPUT + 2 * OUTPUT, "{pieces:?}");
    }
}

#[tokio::test]
async fn the_price_is_that_of_the_model_that_answered() {
    for (model, cost, estimated) in [
        ("dearer", 10 * INPUT * 6 + 50 * OUTPUT * 6, false),
        // Nobody knows its price: the price of the one that was asked is a guess.
        ("unheard-of", 10 * INPUT + 50 * OUTPUT, true),
    ] {
        let mut script = Script::words(50);
        script.model = Some(model.to_owned());
        let mock = MockProvider::start(script).await.unwrap();
        let house = one(Shape::Anthropic, &mock).await;
        let seen = house.ask(question("cloud", true)).await.unwrap().whole();
        assert_eq!(seen.begins[0].model, model);
        let (_, settled) = house.row().await;
        assert_eq!((settled.cost.0, settled.estimated), (cost, estimated), "{model}");
        assert_eq!(settled.model.as_deref(), Some(model));
    }
}

#[tokio::test]
async fn what_was_billed_goes_before_the_price() {
    for stream in [true, false] {
        let mut script = Script::words(50);
        script.cost = Some(json!(0.000_123));
        let mock = MockProvider::start(script).await.unwrap();
        let house = one(Shape::OpenAi, &mock).await;
        house.text(question("cloud", stream)).await;
        let (_, settled) = house.row().await;
        assert_eq!((settled.cost, settled.estimated), (NanoUsd(123_000), false));
    }
}

#[tokio::test]
async fn a_model_without_a_price_is_asked_only_where_there_is_no_budget() {
    let mock = MockProvider::start(Script::words(5)).await.unwrap();
    let nameless = || DeploymentConfig { model: "nameless".to_owned(), ..cloud("cloud", "cloud") };
    let house = Setup::new().budget(RICH, OnLimit::Refuse).open_ai(nameless(), &mock);
    let house = house.open().await;
    let error = house.error(question("cloud", true)).await;
    assert_eq!((kind(&error), mock.count()), (ErrorKind::Unpriced, 0));
    house.settled(0).await;

    let house = Setup::new().open_ai(nameless(), &mock).open().await;
    assert_eq!(house.text(question("cloud", true)).await, Script::words(5).whole_text());
    let (_, settled) = house.row().await;
    assert_eq!((settled.cost, settled.estimated), (NanoUsd(0), true));
}

#[tokio::test]
async fn over_budget_nothing_is_sent() {
    let mock = MockProvider::start(Script::words(5)).await.unwrap();
    let setup = Setup::new().budget(1_000_000, OnLimit::Refuse);
    let house = setup.open_ai(cloud("cloud", "cloud"), &mock).open().await;
    let error = house.error(question("cloud", true)).await;
    assert!(matches!(error, RouterError::OverBudget(_)), "{error}");
    assert_eq!(mock.count(), 0);
    // A smaller one fits.
    let small = with(question("cloud", true), &json!({"max_tokens": 20}));
    assert_eq!(house.text(small).await, Script::words(5).whole_text());
    assert_eq!(mock.count(), 1);
}

#[tokio::test]
async fn over_budget_a_local_model_answers_where_that_is_wanted() {
    let far = MockProvider::start(Script::words(5)).await.unwrap();
    let near = MockProvider::start(Script::text(["from ", "home"])).await.unwrap();
    let setup = Setup::new().budget(1_000_000, OnLimit::LocalOnly);
    let setup = setup.open_ai(cloud("cloud", "cloud"), &far);
    let house = setup.open_ai(local("local", "local"), &near).open().await;
    let seen = house.ask(question("cloud", true)).await.unwrap().whole();
    assert_eq!((seen.text.as_str(), seen.by(), far.count()), ("from home", "local", 0));
    let (row, settled) = house.row().await;
    assert_eq!((row.deployment.as_str(), settled.cost), ("local", NanoUsd(0)));
    assert_eq!(row.requested, "cloud");
}

#[tokio::test]
async fn a_failed_attempt_that_may_have_cost_is_in_the_cost() {
    let fault = Fault::at_chunk(0, FaultKind::Stall);
    let slow = MockProvider::start(Script::words(50).with_fault(fault)).await.unwrap();
    let well = MockProvider::start(Script::words(50)).await.unwrap();
    // Time enough to be told what the prompt took.
    let timeouts = Timeouts { first: 5 * SHORT, idle: LONG, total: LONG };
    let config = DeploymentConfig { timeouts, ..cloud("slow", "slow") };
    let setup = Setup::new().budget(RICH, OnLimit::Refuse).fallback("slow", "well");
    let setup = setup.anthropic(config, &slow).anthropic(cloud("well", "well"), &well);
    let house = setup.open().await;
    let seen = house.ask(question("slow", true)).await.unwrap().whole();
    let (row, settled) = house.row().await;
    assert_eq!((row.deployment.as_str(), settled.estimated), ("well", true));
    // The prompt was read twice; of the answer one token had been told.
    let own = 10 * INPUT + 50 * OUTPUT;
    assert_eq!(settled.cost.0, own + 10 * INPUT + OUTPUT);
    assert_eq!(seen.ending().bill.cost, settled.cost);
    let attempts: Vec<Value> = serde_json::from_str(&settled.attempts).unwrap();
    assert_eq!(attempts[0]["result"], "timeout");
    assert_eq!(attempts[1]["cost_nano_usd"], own);
}

#[tokio::test]
async fn a_refused_attempt_costs_nothing_and_the_row_names_who_was_asked() {
    let refuses = Script::words(5).with_fault(Fault::status(Refusal::BadKey));
    let refuses = MockProvider::start(refuses).await.unwrap();
    let asked_too_much = MockProvider::start(Script::words(5)).await.unwrap();
    // The fallback does not fit what is left.
    let dear = DeploymentConfig { model: "dearer".to_owned(), ..cloud("dear", "dear") };
    let setup = Setup::new().budget(20_000_000, OnLimit::Refuse).fallback("cloud", "dear");
    let setup = setup.anthropic(cloud("cloud", "cloud"), &refuses).anthropic(dear, &asked_too_much);
    let house = setup.open().await;
    let error = house.error(question("cloud", false)).await;
    assert!(matches!(error, RouterError::OverBudget(_)), "{error}");
    assert_eq!(asked_too_much.count(), 0);
    let (row, settled) = house.row().await;
    assert_eq!((row.deployment.as_str(), settled.outcome), ("cloud", CallOutcome::Failed));
    assert_eq!((settled.cost, settled.estimated), (NanoUsd(0), false));
    let spend = house.store.spend_of(&BudgetScope::Installation, house.clock.now());
    assert_eq!(spend.await.unwrap().reserved, NanoUsd(0));
}
