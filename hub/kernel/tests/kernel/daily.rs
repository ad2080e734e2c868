//! The daily report: collect, sum up, export, alert.

use std::sync::Arc;

use agentos_fake_billing::{FakeDay, Fault, FaultKind};
use agentos_kernel::{Alert, KernelConfig, Month};
use agentos_store::RunStatus;

use crate::support::{Setup, Told, World, YESTERDAY, quiet, usd};

fn told() -> (Arc<Told>, Setup) {
    let told = Arc::new(Told::default());
    let setup = Setup { notify: Some(Arc::clone(&told)), ..Setup::default() };
    (told, setup)
}

fn codes(alerts: &[Alert]) -> Vec<&'static str> {
    alerts.iter().map(Alert::code).collect()
}

#[tokio::test]
async fn it_collects_sums_up_exports_and_alerts() {
    let (told, setup) = told();
    let world = World::with(setup).await;
    world.openai.set(YESTERDAY, FakeDay::of(&["50.000000000001"]));
    world.openai.set("2026-11-19", FakeDay::of(&["1"]));
    world.anthropic.set(YESTERDAY, FakeDay::of(&["25"]));
    let report = world.kernel.daily_report(quiet()).await.unwrap();
    assert_eq!(report.exit_code(), 0, "{report:?}");
    assert_eq!(report.day.to_string(), YESTERDAY);
    let totals = &report.summary.totals;
    assert_eq!((&totals.total_cost, totals.days_tracked), (&usd("51.250000000001"), 3));
    for line in [
        "Costs of November 2026\n",
        "Days tracked: 3\n",
        "Total: 51.250000000001 USD, 6014 tokens\n",
        "  Anthropic: 0.25 USD, 2000 tokens, 3 days\n",
        "  OpenAI: 51.000000000001 USD, 4014 tokens, 3 days\n",
        "Billed by days in UTC, 2026-11-01 to 2026-11-30.\n",
    ] {
        assert!(report.summary.message.contains(line), "{line}\n{}", report.summary.message);
    }
    let export = report.export.unwrap();
    assert_eq!((export.rows, &export.total_cost), (6, &totals.total_cost));
    let name = export.path.file_name().unwrap().to_str().unwrap().to_owned();
    assert_eq!(name, "export_results_20261122_060000.csv");
    // What was billed did not pass through the hub.
    assert_eq!(codes(&report.alerts), ["over_threshold", "drift", "drift"]);
    assert_eq!(*told.alerts.lock().unwrap(), report.alerts);
    let message = report.alerts[0].message();
    assert_eq!(message, "November 2026 costs 51.250000000001 USD by now: more than 50 USD.");
}

#[tokio::test]
async fn exactly_the_threshold_is_no_alert_and_exactly_zero_is_one() {
    let (_, setup) = told();
    let world = World::with(setup).await;
    let report = world.kernel.daily_report(quiet()).await.unwrap();
    assert_eq!(codes(&report.alerts), ["exactly_zero"]);
    assert!(report.alerts[0].message().contains("a collector may be broken"));
    world.openai.set(YESTERDAY, FakeDay::of(&["50"]));
    let report = world.kernel.daily_report(quiet()).await.unwrap();
    assert!(!codes(&report.alerts).contains(&"over_threshold"), "{report:?}");
    world.openai.set(YESTERDAY, FakeDay::of(&["50.000000000000000001"]));
    let report = world.kernel.daily_report(quiet()).await.unwrap();
    assert!(codes(&report.alerts).contains(&"over_threshold"), "{report:?}");
}

#[tokio::test]
async fn a_month_is_reported_to_its_last_day() {
    let world = World::new().await;
    world.openai.set("2026-11-30", FakeDay::of(&["7"]));
    // In the morning of the first of December.
    world.clock.advance(std::time::Duration::from_secs(9 * 86_400));
    let report = world.kernel.daily_report(quiet()).await.unwrap();
    assert_eq!(report.summary.totals.month, Month::new(2026, 11).unwrap());
    assert_eq!(report.summary.totals.total_cost, usd("7"));
}

#[tokio::test]
async fn what_fails_does_not_keep_the_rest_from_being_done() {
    let told = Arc::new(Told { deaf: true, ..Told::default() });
    let world = World::with(Setup { notify: Some(told), ..Setup::default() }).await;
    // A folder that is a file.
    std::fs::write(world.folder.join("exports"), "").unwrap();
    world.openai.fail(Fault::always(FaultKind::status(500)));
    world.anthropic.set(YESTERDAY, FakeDay::of(&["9900"]));
    let report = world.kernel.daily_report(quiet()).await.unwrap();
    assert_eq!(report.exit_code(), 1);
    assert_eq!(report.collected.runs[0].status, RunStatus::Failed);
    assert!(report.export.is_none() && report.export_error.unwrap().contains("cannot write"));
    assert_eq!(report.summary.totals.total_cost, usd("99"));
    assert_eq!(report.untold.len(), 2, "{:?}", report.untold);
    assert!(report.untold[0].contains("over_threshold: the webhook answers 500"));
}

#[tokio::test]
async fn an_installation_that_bills_nothing_is_left_in_peace() {
    let (told, mut setup) = told();
    (setup.openai_key, setup.anthropic_key) = (None, None);
    let world = World::with(setup).await;
    let report = world.kernel.daily_report(quiet()).await.unwrap();
    assert_eq!((report.exit_code(), report.alerts.len()), (0, 0), "{report:?}");
    assert_eq!(report.collected.passed_over.len(), 2);
    assert!(told.alerts.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_collector_that_is_switched_off_is_passed_over() {
    let mut setup = Setup::default();
    setup.collector.enabled = false;
    let world = World::with(setup).await;
    let outcome = world.kernel.run_all(Default::default(), false, quiet()).await.unwrap();
    assert!(outcome.runs.is_empty() && outcome.passed_over[0].reason.contains("switched off"));
    // Asked for by name it runs.
    assert_eq!(world.fetch("openai").await.status, RunStatus::Success);
}

#[tokio::test]
async fn months_of_a_time_zone_are_stated_beside_the_days_in_utc() {
    let config = KernelConfig { timezone: "Asia/Seoul".into(), ..KernelConfig::default() };
    let world = World::with(Setup { config, ..Setup::default() }).await;
    world.openai.set("2026-10-31", FakeDay::of(&["1"]));
    world.fetch_days("openai", "2026-10-31", "2026-11-01").await;
    let summary = world.kernel.summary(Month::new(2026, 11).unwrap()).await.unwrap();
    assert!(summary.totals.total_cost.is_zero(), "the day in UTC is of October");
    let stated = "in Asia/Seoul the month is from 2026-10-31T15:00:00.000Z to \
                  2026-11-30T15:00:00.000Z.";
    assert!(summary.message.contains(stated), "{}", summary.message);
}
