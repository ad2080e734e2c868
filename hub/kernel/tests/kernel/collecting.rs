//! What is recorded of a bill.

use std::sync::{Arc, Mutex};

use agentos_fake_billing::FakeDay;
use agentos_kernel::{DayRange, Progress};
use agentos_store::RunStatus;
use serde_json::Value;

use crate::support::{World, YESTERDAY, days, quiet, usd};

#[tokio::test]
async fn each_provider_is_read_in_its_own_units() {
    let world = World::new().await;
    let day = FakeDay::of(&["123.45", "0.0000000000005"]);
    world.openai.set(YESTERDAY, day.clone());
    world.anthropic.set(YESTERDAY, day);
    let outcome = world.kernel.run_all(DayRange::default(), false, quiet()).await.unwrap();
    assert!(outcome.is_ok(), "{outcome:?}");
    let results = world.results().await;
    let [anthropic, openai] = results.as_slice() else { panic!("{results:?}") };
    // Of one day the providers come by name.
    assert_eq!((&*anthropic.provider, &*openai.provider), ("Anthropic", "OpenAI"));
    assert_eq!(openai.date.to_string(), YESTERDAY);
    // Dollars here, cents there.
    assert_eq!(openai.cost.to_string(), "123.4500000000005");
    assert_eq!(anthropic.cost.to_string(), "1.234500000000005");
    // Cached tokens are inside the input here, beside it there; each counts once.
    assert_eq!(openai.tokens, 1000 + 400 + 100 + 500 + 7);
    assert_eq!(anthropic.tokens, 1000 + 400 + 100 + 500);
    let raw: Value = serde_json::from_str(openai.raw_json.as_deref().unwrap()).unwrap();
    let reports: Vec<_> = raw.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        reports,
        ["completions", "costs", "costs_by_line_item", "embeddings", "moderations"]
    );
    assert!(openai.raw_json.as_deref().unwrap().contains("123.4500000000005"), "digit for digit");
}

#[tokio::test]
async fn a_day_without_usage_is_a_row_of_nothing() {
    let world = World::new().await;
    for provider in ["openai", "anthropic"] {
        assert_eq!(world.fetch(provider).await.status, RunStatus::Success);
    }
    let results = world.results().await;
    assert_eq!(results.len(), 2);
    assert!(results.iter().all(|row| row.cost.is_zero() && row.tokens == 0), "{results:?}");
}

#[tokio::test]
async fn credits_are_taken_off() {
    let world = World::new().await;
    world.openai.set(YESTERDAY, FakeDay::of(&["1.5", "-4.25"]));
    world.anthropic.set(YESTERDAY, FakeDay::of(&["-0.5"]));
    world.kernel.run_all(DayRange::default(), false, quiet()).await.unwrap();
    let costs: Vec<_> = world.results().await.into_iter().map(|row| row.cost).collect();
    assert_eq!(costs, [usd("-0.005"), usd("-2.75")]);
}

#[tokio::test]
async fn a_range_comes_in_pages_and_its_progress_is_told() {
    let world = World::new().await;
    world.openai.set_page_size(4);
    world.openai.set("2028-01-01", FakeDay::of(&["9"]));
    for day in ["2026-08-01", "2026-09-30", "2026-10-31"] {
        world.openai.set(day, FakeDay::of(&["1"]));
    }
    let told: Arc<Mutex<Vec<Progress>>> = Arc::default();
    let sink = Arc::clone(&told);
    let progress = Arc::new(move |progress| sink.lock().unwrap().push(progress));
    let range = days("2026-08-01", "2026-10-31");
    let report = world.kernel.fetch("openai", range, false, progress).await.unwrap();
    assert_eq!(report.status, RunStatus::Success, "{report:?}");
    assert_eq!(world.results().await.len(), 92);
    let total: agentos_store::Usd = world.results().await.iter().map(|row| &row.cost).sum();
    assert_eq!(total, usd("3"));
    let told: Vec<_> = told.lock().unwrap().iter().map(|at| (at.done, at.total)).collect();
    assert_eq!(told, [(31, 92), (62, 92), (92, 92)]);
    assert_eq!(report.metadata["days_added"], 92);
    // Eight pages of 31 days, eight of 31, eight of 30, of five reports.
    assert_eq!(report.metadata["pages"], 8 * 3 * 5);
}

#[tokio::test]
async fn the_last_day_of_february_is_a_day() {
    let world = World::new().await;
    for (date, amount) in [("2024-02-28", "1"), ("2024-02-29", "2"), ("2024-03-01", "4")] {
        world.anthropic.set(date, FakeDay::of(&[amount]));
    }
    world.fetch_days("anthropic", "2024-02-28", "2024-03-01").await;
    let days: Vec<_> =
        world.results().await.into_iter().map(|row| (row.date.to_string(), row.cost)).collect();
    assert_eq!(
        days,
        [
            ("2024-03-01".to_owned(), usd("0.04")),
            ("2024-02-29".to_owned(), usd("0.02")),
            ("2024-02-28".to_owned(), usd("0.01"))
        ]
    );
}

#[tokio::test]
async fn only_days_that_are_over_are_asked_for() {
    let world = World::new().await;
    let report = world.fetch_days("openai", "2026-11-20", "2026-11-22").await;
    assert_eq!(report.status, RunStatus::Failed);
    assert!(report.error.unwrap().contains("2026-11-22 is not over in UTC"));
    assert!(world.openai.asked().is_empty() && world.results().await.is_empty());
    let error = world.kernel.fetch("google", DayRange::default(), false, quiet()).await;
    assert_eq!(
        error.unwrap_err().to_string(),
        "there is no provider `google`: the providers are openai, anthropic"
    );
}

#[tokio::test]
async fn what_is_known_to_be_missing_is_said() {
    let world = World::new().await;
    let day = FakeDay { tier: "priority".to_owned(), ..FakeDay::of(&["100"]) };
    world.anthropic.set(YESTERDAY, day);
    let report = world.fetch("anthropic").await;
    let notes = report.metadata["notes"].to_string();
    assert!(notes.contains("priority tier") && notes.contains(YESTERDAY), "{notes}");
}

#[tokio::test]
async fn the_bill_agrees_with_the_sum_of_its_parts() {
    let world = World::new().await;
    world.openai.set(YESTERDAY, FakeDay::of(&["1"]));
    world.openai.set_split_extra("0.0100001");
    let report = world.fetch("openai").await;
    assert_eq!(report.status, RunStatus::Failed);
    assert!(report.error.unwrap().contains("the sum of its parts 1.0100001 USD"));
    assert!(world.results().await.is_empty());
    // A cent is rounding.
    world.openai.set_split_extra("0.01");
    let report = world.fetch("openai").await;
    assert_eq!(report.status, RunStatus::Success);
    assert_eq!(report.metadata["notes"][0], "2026-11-21: the sum of its parts is 1.01 USD");
    assert_eq!(world.results().await[0].cost, usd("1"));
}
