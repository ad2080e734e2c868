//! The kernel's tasks by their names, as clients ask for them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use agentos_domain::Classified as _;
use agentos_fake_billing::{FakeDay, Fault, FaultKind};
use agentos_kernel::{
    ExportFormat, KernelError, Month, Progress, ProgressSink, TaskParams, TaskReport,
};
use agentos_store::RunStatus;

use crate::support::{Setup, World, YESTERDAY, days, quiet, usd};

async fn perform(world: &World, task: &str, params: TaskParams) -> TaskReport {
    world.kernel.perform(task, params, quiet()).await.unwrap()
}

fn ranged(from: &str, to: &str) -> TaskParams {
    TaskParams { range: days(from, to), ..TaskParams::default() }
}

#[tokio::test]
async fn each_task_answers_in_one_form() {
    let world = World::new().await;
    world.openai.set(YESTERDAY, FakeDay::of(&["1.5"]));
    world.anthropic.set(YESTERDAY, FakeDay::of(&["25"]));

    let told = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&told);
    let sink: ProgressSink = Arc::new(move |progress| seen.lock().unwrap().push(progress));
    let range = ranged("2026-11-20", YESTERDAY);
    let fetched = world.kernel.perform("fetch_openai", range, sink).await.unwrap();
    assert_eq!(
        (fetched.success, fetched.exit_code, fetched.task.as_str()),
        (true, 0, "fetch_openai")
    );
    assert_eq!(fetched.message, "openai: success, 2 days recorded");
    let run = &fetched.providers[0];
    assert_eq!((run.provider.as_str(), run.status, run.days), ("openai", RunStatus::Success, 2));
    let last = told.lock().unwrap().last().cloned();
    let plugin = "openai_collector".to_owned();
    assert_eq!(last, Some(Progress { plugin, done: 2, total: 2 }));

    let all = perform(&world, "run_all", ranged(YESTERDAY, YESTERDAY)).await;
    assert_eq!(all.message, "openai: skipped, 0 days recorded\nanthropic: success, 1 day recorded");
    let again = TaskParams { force: true, ..ranged(YESTERDAY, YESTERDAY) };
    assert!(perform(&world, "run_all", again).await.success);

    let month = Some(Month::new(2026, 11).unwrap());
    let summary = perform(&world, "summary", TaskParams { month, ..TaskParams::default() }).await;
    assert_eq!(summary.totals.as_ref().unwrap().total_cost, usd("1.75"));
    // That of the newest complete day where none is named.
    assert_eq!(perform(&world, "summary", TaskParams::default()).await.totals, summary.totals);

    let params = TaskParams {
        format: Some(ExportFormat::Focus),
        provider: Some("openai".to_owned()),
        raw_json: Some(true),
        ..TaskParams::default()
    };
    let exported = perform(&world, "export", params).await;
    let export = exported.export.unwrap();
    assert_eq!((export.rows, &export.total_cost), (2, &usd("1.5")));
    assert!(exported.message.starts_with("2 rows, 1.5 USD: "), "{}", exported.message);

    let report = perform(&world, "daily_report", TaskParams::default()).await;
    assert_eq!((report.success, report.providers.len()), (true, 2), "{report:?}");
    let codes: Vec<_> = report.alerts.iter().map(|alert| alert.code).collect();
    assert_eq!(codes, ["drift", "drift"]);
    assert!(report.message.contains(&report.alerts[0].message), "{}", report.message);
}

#[tokio::test]
async fn what_goes_wrong_is_in_the_report() {
    let world = World::new().await;
    std::fs::write(world.folder.join("exports"), "a file, and no folder").unwrap();
    world.openai.fail(Fault::always(FaultKind::status(500)));
    for task in ["fetch_openai", "run_all", "daily_report"] {
        let report = perform(&world, task, TaskParams::default()).await;
        assert_eq!((report.success, report.exit_code), (false, 1), "{task}");
        assert_eq!(report.providers[0].status, RunStatus::Failed);
        assert!(report.errors[0].starts_with("openai_collector: "), "{:?}", report.errors);
        assert!(report.message.starts_with("openai: failed: "), "{}", report.message);
    }
    let exported = perform(&world, "export", TaskParams::default()).await;
    assert_eq!((exported.success, exported.exit_code), (false, 1));
    assert!(exported.errors[0].contains("choose another place"), "{:?}", exported.errors);

    let world = World::with(Setup { openai_key: None, ..Setup::default() }).await;
    let report = perform(&world, "run_all", TaskParams::default()).await;
    assert!(report.success && report.message.contains("openai: passed over: "), "{report:?}");
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused_and_says_what_can() {
    let world = World::new().await;
    let refused = async |task: &str, params: TaskParams| {
        world.kernel.perform(task, params, quiet()).await.unwrap_err()
    };
    let unknown = refused("fetch_google", TaskParams::default()).await;
    let known =
        "the tasks are fetch_openai, fetch_anthropic, run_all, export, summary, daily_report";
    assert!(unknown.to_string().ends_with(known), "{unknown}");
    assert_eq!((unknown.code(), unknown.is_retryable()), ("unknown_task", false));
    let month = Month::new(2026, 11);
    for (task, params, field) in [
        ("summary", ranged(YESTERDAY, YESTERDAY), "from"),
        ("export", TaskParams { force: true, ..TaskParams::default() }, "force"),
        ("run_all", TaskParams { month: month.ok(), ..TaskParams::default() }, "month"),
        ("daily_report", TaskParams { raw_json: Some(true), ..TaskParams::default() }, "raw_json"),
    ] {
        let error = refused(task, params).await;
        assert_eq!(error.code(), "invalid_request");
        assert_eq!(error.to_string(), format!("{field}: the task {task} takes none: leave it out"));
    }
    let provider = Some("google".to_owned());
    let error = refused("export", TaskParams { provider, ..TaskParams::default() }).await;
    assert_eq!(error.code(), "unknown_provider");
    world.kernel.close(Duration::from_secs(1)).await;
    let error = refused("run_all", TaskParams::default()).await;
    assert!(matches!(error, KernelError::Stopping) && error.is_retryable(), "{error}");
}
