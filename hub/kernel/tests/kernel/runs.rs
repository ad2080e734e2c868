//! The runner: every run leaves a row, whatever the plugin does.

use std::sync::Arc;
use std::time::Duration;

use agentos_domain::Clock;
use agentos_kernel::{
    Declared, Kernel, KernelConfig, KernelError, KernelTask, Plugin, PluginContext, PluginResult,
};
use agentos_store::{BilledDay, KernelStore, ResultFilter, RunId, RunStatus};
use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::support::{Setup, World, all_runs, at, open_store, quiet, usd};

/// Does as its parameters say.
struct Does {
    began: Arc<Notify>,
    go_on: Arc<Notify>,
}

#[async_trait]
impl Plugin for Does {
    fn name(&self) -> &str {
        "does"
    }

    async fn run(&self, context: &PluginContext, params: &Value) -> PluginResult {
        match params["what"].as_str() {
            Some("panic") => panic!("as it was asked"),
            Some("skip") => PluginResult::skipped(),
            Some("wait") => {
                self.began.notify_one();
                tokio::select! {
                    () = self.go_on.notified() => PluginResult::success(json!("waited")),
                    () = context.cancel.cancelled() => PluginResult::failed("it was cancelled"),
                }
            }
            Some("much") => PluginResult::success(json!("x".repeat(300_000))),
            _ => PluginResult::success(json!({
                "secret": context.secret("one").is_some(),
                "other": context.secret("two").is_some(),
            })),
        }
    }
}

async fn world() -> (World, Arc<Notify>, Arc<Notify>) {
    let (began, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let plugin = Does { began: Arc::clone(&began), go_on: Arc::clone(&go_on) };
    let declared = Declared { plugin: Arc::new(plugin), secrets: vec!["one".into()] };
    let secrets = agentos_kernel::Secrets::default()
        .with("one", crate::support::secret("canary-one"))
        .with("two", crate::support::secret("canary-two"));
    let setup = Setup { plugins: vec![declared], secrets, ..Setup::default() };
    (World::with(setup).await, began, go_on)
}

#[tokio::test]
async fn any_end_of_a_plugin_is_a_row() {
    let (world, ..) = world().await;
    for (what, status, error) in [
        ("panic", RunStatus::Failed, Some("panicked")),
        ("skip", RunStatus::Skipped, None),
        ("much", RunStatus::Success, None),
        ("nothing", RunStatus::Success, None),
    ] {
        let params = json!({ "what": what });
        let report = world.kernel.run("does", params, quiet()).await.unwrap();
        let row = world.store.run(report.run_id).await.unwrap().unwrap();
        assert_eq!((report.status, row.status), (status, status), "{what}");
        assert!(row.finished_at.is_some() && row.metadata.contains_key("duration_ms"));
        match error {
            Some(part) => assert!(row.error.unwrap().contains(part)),
            None => assert_eq!(row.error, None),
        }
        if what == "much" {
            assert_eq!(
                (row.data, &row.metadata["data_dropped_bytes"]),
                (Value::Null, &300_002.into())
            );
        }
    }
    let report = world.kernel.run("does", Value::Null, quiet()).await.unwrap();
    assert_eq!(report.data, json!({ "secret": true, "other": false }), "it sees what is its own");
    let error = world.kernel.run("did", Value::Null, quiet()).await.unwrap_err().to_string();
    assert!(error.contains("anthropic_collector, does, openai_collector"), "{error}");
}

#[tokio::test]
async fn a_run_goes_on_where_its_caller_goes_away() {
    let (world, began, go_on) = world().await;
    {
        let mut run = std::pin::pin!(world.kernel.run("does", json!({ "what": "wait" }), quiet()));
        tokio::select! {
            _ = &mut run => panic!("it waits"),
            () = began.notified() => {}
        }
    }
    go_on.notify_one();
    // Runs of one plugin come one after another: when this one ends, that has ended.
    world.kernel.run("does", Value::Null, quiet()).await.unwrap();
    let rows = world.runs().await;
    assert_eq!(rows.len(), 2);
    assert!(rows.iter().all(|row| row.status == RunStatus::Success), "{rows:?}");
}

#[tokio::test]
async fn a_kernel_that_stops_ends_its_runs() {
    let (world, began, _) = world().await;
    let stopping = async {
        began.notified().await;
        world.kernel.close(Duration::from_secs(20)).await;
    };
    let run = world.kernel.run("does", json!({ "what": "wait" }), quiet());
    let (report, ()) = tokio::join!(run, stopping);
    assert_eq!(report.unwrap().error.as_deref(), Some("it was cancelled"));
    let refused = world.kernel.run("does", Value::Null, quiet()).await;
    assert!(matches!(refused, Err(KernelError::Stopping)));
}

#[tokio::test]
async fn a_start_closes_what_was_interrupted_and_finds_no_day_in_part() {
    let folder = tempfile::tempdir().unwrap();
    let interrupted = RunId::generate();
    {
        // A process that has recorded one chunk of days and dies in the next.
        let store = open_store(folder.path()).await;
        store.begin_run(interrupted, "openai_collector", at("2026-11-22T06:00:00Z")).await.unwrap();
        let day = |date: &str| BilledDay {
            date: date.parse().unwrap(),
            tokens: 1,
            cost: usd("1"),
            raw_json: "{}".into(),
        };
        let days = vec![day("2026-10-30"), day("2026-10-31")];
        store.record_days(interrupted, "OpenAI", days, at("2026-11-22T06:00:01Z")).await.unwrap();
        store.close(Duration::from_secs(10)).await;
    }
    let store = open_store(folder.path()).await;
    let clock = Arc::new(agentos_domain::ManualClock::at(at("2026-11-22T07:00:00Z")));
    let kernel = Kernel::open(
        KernelConfig::default(),
        Arc::clone(&store) as Arc<dyn KernelStore>,
        clock as Arc<dyn Clock>,
        Vec::new(),
        Vec::new(),
        None,
    );
    let kernel = kernel.await.unwrap();
    let runs = kernel.runs(all_runs()).await.unwrap();
    assert_eq!((runs.len(), runs[0].status), (1, RunStatus::Failed));
    assert_eq!(runs[0].finished_at, Some(at("2026-11-22T07:00:00Z")));
    assert!(runs[0].error.as_deref().unwrap().contains("the hub ended during this run"));
    assert_eq!(kernel.results(ResultFilter::default()).await.unwrap().len(), 2);
}

#[tokio::test]
async fn tasks_are_known_by_their_names() {
    let (world, ..) = world().await;
    assert_eq!(world.kernel.task("fetch_openai").unwrap(), KernelTask::Fetch("openai".into()));
    assert_eq!(world.kernel.task("daily_report").unwrap(), KernelTask::DailyReport);
    assert_eq!(
        world.kernel.task("fetch_all").unwrap_err().to_string(),
        "there is no task `fetch_all`: the tasks are fetch_openai, fetch_anthropic, run_all, \
         export, summary, daily_report"
    );
}

#[tokio::test]
async fn a_declaration_that_cannot_be_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = open_store(folder.path()).await;
    let clock = Arc::new(agentos_domain::ManualClock::at(at("2026-11-22T07:00:00Z")));
    let plugin = || {
        let plugin = Does { began: Arc::default(), go_on: Arc::default() };
        Declared { plugin: Arc::new(plugin), secrets: Vec::new() }
    };
    let open = async |config: KernelConfig, plugins| {
        let (store, clock) = (Arc::clone(&store), Arc::clone(&clock));
        let opened = Kernel::open(config, store, clock, Vec::new(), plugins, None).await;
        opened.map(drop).unwrap_err().to_string()
    };
    let twice = open(KernelConfig::default(), vec![plugin(), plugin()]).await;
    assert!(twice.contains("two plugins have the name `does`"), "{twice}");
    let config = KernelConfig { timezone: "Mars".into(), ..KernelConfig::default() };
    assert!(open(config, Vec::new()).await.contains("no time zone `Mars`"));
}
