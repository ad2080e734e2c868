//! The same again changes nothing; what the provider changed is replaced.

use agentos_fake_billing::FakeDay;
use agentos_kernel::{Alert, DayRange};
use agentos_store::{KernelStore as _, RunStatus};

use crate::support::{Setup, World, YESTERDAY, at, days, quiet, usd};

#[tokio::test]
async fn thirty_repetitions_leave_identical_rows() {
    let world = World::new().await;
    world.openai.set(YESTERDAY, FakeDay::of(&["0.8958740000000000"]));
    world.anthropic.set(YESTERDAY, FakeDay::of(&["123.45"]));
    let first = world.kernel.run_all(DayRange::default(), false, quiet()).await.unwrap();
    assert!(first.runs.iter().all(|run| run.status == RunStatus::Success));
    let (rows, asked) = (world.results().await, world.openai.asked().len());
    for _ in 0..29 {
        world.clock.advance(std::time::Duration::from_secs(60));
        let again = world.kernel.run_all(DayRange::default(), false, quiet()).await.unwrap();
        assert_eq!(again.exit_code(), 0);
        assert!(again.runs.iter().all(|run| run.status == RunStatus::Skipped), "{again:?}");
    }
    assert_eq!(world.results().await, rows);
    assert_eq!(world.openai.asked().len(), asked, "nobody was asked again");
    assert_eq!(world.runs().await.len(), 60, "every run has a row");
    // The daily report fetches them again, and finds nothing new.
    for _ in 0..30 {
        world.kernel.daily_report(quiet()).await.unwrap();
    }
    let kept = world.results().await;
    assert!(rows.iter().all(|row| kept.contains(row)), "{kept:?}");
    assert!(world.openai.asked().len() > asked);
}

#[tokio::test]
async fn force_fetches_again_and_keeps_what_was_recorded() {
    let world = World::new().await;
    world.openai.set(YESTERDAY, FakeDay::of(&["1"]));
    world.fetch("openai").await;
    world.openai.set(YESTERDAY, FakeDay::of(&["1.000000001"]));
    assert_eq!(world.fetch("openai").await.status, RunStatus::Skipped);
    assert_eq!(world.results().await[0].cost, usd("1"));
    let forced = world.kernel.fetch("openai", DayRange::default(), true, quiet()).await.unwrap();
    assert_eq!((forced.status, &forced.metadata["days_replaced"]), (RunStatus::Success, &1.into()));
    let rows = world.results().await;
    assert_eq!((rows.len(), &rows[0].cost, rows[0].revision), (1, &usd("1.000000001"), 2));
    let past = world.kernel.history("openai", YESTERDAY.parse().unwrap()).await.unwrap();
    assert_eq!((past.len(), &past[0].result.cost), (1, &usd("1")));
    assert_eq!(past[0].replaced_by, forced.run_id);
    assert!(past[0].result.raw_json.as_deref().unwrap().contains("\"value\":1,"));
}

#[tokio::test]
async fn the_daily_report_replaces_young_days_and_only_these() {
    let world = World::new().await;
    world.kernel.fetch("openai", days("2026-11-10", "2026-11-21"), false, quiet()).await.unwrap();
    for date in ["2026-11-17", "2026-11-18", "2026-11-19", "2026-11-20", "2026-11-21"] {
        world.openai.set(date, FakeDay::of(&["1"]));
    }
    world.kernel.daily_report(quiet()).await.unwrap();
    let changed: Vec<_> = world
        .results()
        .await
        .into_iter()
        .filter(|row| row.provider == "OpenAI" && row.revision == 2)
        .map(|row| row.date.to_string())
        .collect();
    assert_eq!(changed, ["2026-11-21", "2026-11-20", "2026-11-19"]);
}

#[tokio::test]
async fn without_refreshing_a_day_is_fetched_once() {
    let mut setup = Setup::default();
    setup.collector.refresh_days = 0;
    let world = World::with(setup).await;
    for status in [RunStatus::Success, RunStatus::Skipped] {
        let report = world.kernel.daily_report(quiet()).await.unwrap();
        assert!(report.collected.runs.iter().all(|run| run.status == status), "{report:?}");
    }
    assert_eq!(world.results().await.len(), 2);
}

#[tokio::test]
async fn days_that_were_missed_are_made_up_for() {
    let world = World::new().await;
    world.fetch("openai").await;
    // The hub sleeps for nine days.
    world.clock.advance(std::time::Duration::from_secs(9 * 86_400));
    world.kernel.daily_report(quiet()).await.unwrap();
    let rows = world.results().await;
    let of = |provider: &str| rows.iter().filter(|row| row.provider == provider).count();
    // 2026-11-19 to 2026-11-30 less the two before the first that was recorded.
    assert_eq!(of("OpenAI"), 10);
    // Of a provider without any row only the young days are fetched.
    assert_eq!(of("Anthropic"), 3);
    // And after more than a month.
    world.clock.advance(std::time::Duration::from_secs(100 * 86_400));
    world.kernel.daily_report(quiet()).await.unwrap();
    let rows = world.results().await;
    assert_eq!(rows.iter().filter(|row| row.provider == "OpenAI").count(), 110);
}

#[tokio::test]
async fn a_closed_day_that_changed_is_told() {
    let world = World::new().await;
    let range = days("2026-11-01", "2026-11-21");
    world.kernel.fetch("openai", range, false, quiet()).await.unwrap();
    // On the first days of December all of November is fetched again.
    world.openai.set("2026-11-02", FakeDay::of(&["3"]));
    world.openai.set("2026-11-03", FakeDay::of(&["0.01"]));
    world.clock.advance(std::time::Duration::from_secs(10 * 86_400));
    assert_eq!(agentos_domain::Clock::now(&*world.clock), at("2026-12-02T06:00:00Z"));
    let report = world.kernel.daily_report(quiet()).await.unwrap();
    let run = report.collected.runs.iter().find(|run| run.plugin == "openai_collector").unwrap();
    let changed = &run.metadata["changed_closed_days"];
    assert_eq!(changed.as_array().unwrap().len(), 2, "{changed}");
    let told = report.alerts.iter().find(|alert| alert.code() == "closed_days_changed");
    let Some(Alert::ClosedDaysChanged { provider, days }) = told else { panic!("{report:?}") };
    // A cent is rounding.
    assert_eq!((provider.as_str(), days.len()), ("OpenAI", 1));
    assert_eq!((days[0].date.to_string(), &days[0].cost), ("2026-11-02".into(), &usd("3")));
}

#[tokio::test]
async fn two_at_once_record_a_day_once() {
    let world = World::new().await;
    let both = tokio::join!(world.fetch("openai"), world.fetch("openai"));
    let mut statuses = [both.0.status, both.1.status].map(RunStatus::as_str);
    statuses.sort_unstable();
    assert_eq!(statuses, ["skipped", "success"]);
    assert_eq!(world.results().await.len(), 1);
    assert_eq!(world.store.kernel_counts().await.unwrap().runs, 2);
}
