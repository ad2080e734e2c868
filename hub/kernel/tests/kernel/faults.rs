//! Whatever a provider does, a run ends with a clear error, and no day is
//! recorded in part.

use std::time::Duration;

use agentos_fake_billing::{FakeDay, Fault, FaultKind};
use agentos_kernel::{CollectorConfig, DayRange};
use agentos_store::RunStatus;

use crate::support::{Setup, World, YESTERDAY, quiet, usd};

/// The error of a run, and its code.
async fn failure(world: &World, provider: &str) -> (String, String) {
    let report = world.fetch(provider).await;
    assert_eq!(report.status, RunStatus::Failed, "{report:?}");
    assert!(world.results().await.is_empty(), "nothing is recorded");
    let runs = world.runs().await;
    let row = &runs[0];
    assert_eq!((row.status, &row.error), (RunStatus::Failed, &report.error));
    let code = report.metadata["error_code"].as_str().unwrap().to_owned();
    (report.error.unwrap(), code)
}

#[tokio::test]
async fn what_stays_wrong_is_told_at_once() {
    let world = World::new().await;
    let five = FaultKind::status;
    for (kind, code, part) in [
        (five(401), "key_refused", "an administration key"),
        (five(404), "not_found", "404"),
        (five(400), "refused", "400"),
        (FaultKind::individual_account(), "forbidden", "an individual account"),
        (FaultKind::spent(), "limit_reached", "exceeded your current quota"),
        (FaultKind::RepeatCursor, "cursor_repeated", "in a circle"),
    ] {
        for (provider, fake) in [("openai", &world.openai), ("anthropic", &world.anthropic)] {
            fake.fail(Fault::always(kind.clone()));
            let (error, error_code) = failure(&world, provider).await;
            let part = match (provider, &kind) {
                ("openai", FaultKind::Refuse { status: 403, .. }) => "api.usage.read",
                _ => part,
            };
            assert!(error_code == code && error.contains(part), "{provider} {code}: {error}");
        }
    }
    assert!(world.pauses.taken().is_empty(), "no further try");
}

#[tokio::test]
async fn what_may_pass_is_tried_again_as_configured() {
    for (kind, code) in [
        (FaultKind::status(500), "provider_failed"),
        (FaultKind::status(503), "provider_failed"),
        (FaultKind::status(529), "provider_failed"),
        (FaultKind::status(429), "rate_limited"),
        (FaultKind::Cut, "broken"),
        (FaultKind::Malformed, "malformed"),
        (FaultKind::NoPage, "malformed"),
    ] {
        let world = World::new().await;
        world.anthropic.set(YESTERDAY, FakeDay::of(&["250"]));
        world.anthropic.fail(Fault::always(kind.clone()));
        let (error, error_code) = failure(&world, "anthropic").await;
        assert_eq!(error_code, code, "{error}");
        assert_eq!(world.pauses.taken(), [Duration::from_secs(5); 3], "{code}");
        assert_eq!(world.anthropic.asked().len(), 4);
        // The last of the tries succeeds.
        world.anthropic.fail(Fault::times(kind, 3));
        let report = world.fetch("anthropic").await;
        assert_eq!(report.status, RunStatus::Success, "{report:?}");
        assert_eq!(report.metadata["retries"], 3);
        assert_eq!(world.results().await[0].cost, usd("2.5"));
    }
}

#[tokio::test]
async fn a_provider_says_when_to_come_again() {
    let world = World::new().await;
    for (retry_after, pause) in [
        ("7", 7),
        ("0", 0),
        // Thirty seconds after the hub's time.
        ("Sun, 22 Nov 2026 06:00:30 GMT", 30),
        ("Sunday, 22-Nov-26 06:01:00 GMT", 60),
        // What cannot be read is passed over.
        ("soon", 5),
    ] {
        let before = world.pauses.taken().len();
        world.openai.fail(Fault::times(FaultKind::rate_limited(retry_after), 1));
        let range = DayRange::default();
        let report = world.kernel.fetch("openai", range, true, quiet()).await.unwrap();
        assert_eq!(report.status, RunStatus::Success, "{report:?}");
        assert_eq!(world.pauses.taken()[before..], [Duration::from_secs(pause)], "{retry_after}");
    }
    // Nobody waits for a day.
    let before = world.pauses.taken().len();
    world.openai.fail(Fault::always(FaultKind::rate_limited("86400")));
    let report = world.kernel.fetch("openai", DayRange::default(), true, quiet()).await.unwrap();
    assert_eq!(report.status, RunStatus::Failed);
    assert_eq!(world.pauses.taken().len(), before);
}

#[tokio::test]
async fn a_provider_that_does_not_answer_is_not_waited_for() {
    let collector = CollectorConfig {
        timeout: Duration::from_millis(300),
        retry_count: 1,
        ..CollectorConfig::default()
    };
    let world = World::with(Setup { collector, ..Setup::default() }).await;
    world.openai.fail(Fault::always(FaultKind::Stall));
    let (error, code) = failure(&world, "openai").await;
    assert!(code == "timeout" && error.contains("did not answer within 300ms"), "{error}");
    assert_eq!(world.openai.asked().len(), 2);
}

#[tokio::test]
async fn without_a_network_runs_fail_and_the_kernel_goes_on() {
    let world = World::new().await;
    world.openai.stop().await;
    world.anthropic.stop().await;
    let outcome = world.kernel.run_all(DayRange::default(), false, quiet()).await.unwrap();
    assert_eq!(outcome.exit_code(), 1);
    assert_eq!(outcome.runs.len(), 2);
    for run in &outcome.runs {
        assert_eq!(run.status, RunStatus::Failed);
        assert_eq!(run.metadata["error_code"], "unreachable", "{run:?}");
    }
    let rows = world.runs().await;
    assert!(rows.len() == 2 && rows.iter().all(|row| row.status == RunStatus::Failed));
    // It still answers.
    assert_eq!(world.kernel.health().await.unwrap().runs, 2);
}

#[tokio::test]
async fn one_provider_that_is_down_does_not_keep_the_other_out() {
    let world = World::new().await;
    world.openai.fail(Fault::always(FaultKind::status(500)));
    world.anthropic.set(YESTERDAY, FakeDay::of(&["100"]));
    let outcome = world.kernel.run_all(DayRange::default(), false, quiet()).await.unwrap();
    assert_eq!(outcome.exit_code(), 1);
    let results = world.results().await;
    assert_eq!(results.len(), 1);
    assert_eq!((&*results[0].provider, &results[0].cost), ("Anthropic", &usd("1")));
}

#[tokio::test]
async fn a_page_that_fails_leaves_nothing_of_its_days() {
    let world = World::new().await;
    world.openai.set_page_size(2);
    for day in 1..=9 {
        world.openai.set(&format!("2026-11-0{day}"), FakeDay::of(&["1"]));
    }
    let asked = 5 * 5;
    for after in 0..asked {
        world.openai.fail(Fault::always(FaultKind::status(400)).after(after));
        let report = world.fetch_days("openai", "2026-11-01", "2026-11-09").await;
        assert_eq!(report.status, RunStatus::Failed, "after {after}");
        assert!(world.results().await.is_empty(), "after {after}");
    }
    world.openai.fail(Fault::always(FaultKind::status(400)).after(asked));
    let report = world.fetch_days("openai", "2026-11-01", "2026-11-09").await;
    assert_eq!(report.status, RunStatus::Success);
    assert_eq!(world.results().await.len(), 9);
}

#[tokio::test]
async fn a_range_that_breaks_off_keeps_its_whole_months() {
    let world = World::new().await;
    // One page for each of five reports and 31 days.
    world.openai.fail(Fault::always(FaultKind::status(401)).after(7));
    let report = world.fetch_days("openai", "2026-09-01", "2026-10-31").await;
    assert_eq!(report.status, RunStatus::Partial, "{report:?}");
    assert_eq!(world.results().await.len(), 31);
    // What is there is not fetched again.
    world.openai.heal();
    let report = world.fetch_days("openai", "2026-09-01", "2026-10-31").await;
    assert_eq!(report.status, RunStatus::Success);
    assert_eq!(
        (&report.metadata["days_there"], &report.metadata["days_added"]),
        (&31.into(), &30.into())
    );
}

#[tokio::test]
async fn a_day_that_cannot_be_read_fails_alone() {
    for (what, part) in [
        ("currency", "billed in `eur`"),
        ("amount", "is no amount"),
        ("silent", "says nothing about it"),
        ("doubled", "says something of it twice"),
    ] {
        let world = World::new().await;
        let good = FakeDay::of(&["1"]);
        for date in ["2026-11-19", "2026-11-20", "2026-11-21"] {
            world.openai.set(date, good.clone());
        }
        let bad = "2026-11-20";
        match what {
            "currency" => {
                world.openai.set(bad, FakeDay { currency: "EUR".into(), ..good.clone() });
            }
            "amount" => world.openai.set(bad, FakeDay::of(&["\"1,5\""])),
            "silent" => world.openai.omit(bad),
            _ => world.openai.double(bad),
        }
        let report = world.fetch_days("openai", "2026-11-19", "2026-11-21").await;
        assert_eq!(report.status, RunStatus::Partial, "{report:?}");
        let error = report.error.unwrap();
        assert!(error.contains("2026-11-20 cannot be recorded") && error.contains(part), "{error}");
        let days: Vec<_> = world.results().await.iter().map(|row| row.date.to_string()).collect();
        assert_eq!(days, ["2026-11-21", "2026-11-19"]);
        // Alone it is a failure.
        let report = world.fetch_days("openai", bad, bad).await;
        assert_eq!(report.status, RunStatus::Failed);
    }
}

#[tokio::test]
async fn a_key_that_opens_nothing_is_explained() {
    let setup = Setup { openai_key: Some("sk-proj-canary-normal-key"), ..Setup::default() };
    let world = World::with(setup).await;
    let (error, code) = failure(&world, "openai").await;
    assert!(code == "forbidden" && error.contains("api.usage.read"), "{error}");
}

#[tokio::test]
async fn without_a_key_one_fails_and_all_pass_it_over() {
    let world = World::with(Setup { openai_key: None, ..Setup::default() }).await;
    let (error, code) = failure(&world, "openai").await;
    assert!(code == "no_key" && error.contains("OPENAI_ADMIN_KEY"), "{error}");
    let outcome = world.kernel.run_all(DayRange::default(), false, quiet()).await.unwrap();
    assert_eq!(outcome.exit_code(), 0);
    assert_eq!((outcome.runs.len(), outcome.passed_over.len()), (1, 1));
    assert_eq!(outcome.passed_over[0].provider, "openai");
    assert!(outcome.passed_over[0].reason.contains("OPENAI_ADMIN_KEY"));
    assert!(world.openai.asked().is_empty());
}
