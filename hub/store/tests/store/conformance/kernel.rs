//! Runs of plugins, and what providers billed.

use agentos_domain::NanoUsd;
use agentos_store::{
    BilledDay, Day, DayOutcome, KernelStore, Ledger, ResultFilter, ResultOrder, RunEnd, RunFilter,
    RunId, RunStatus, StoreError, Usd,
};
use serde_json::{Map, Value, json};

use crate::fixture::{at, model_call, settlement};

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

fn usd(text: &str) -> Usd {
    text.parse().unwrap()
}

fn billed(date: &str, tokens: u64, cost: &str) -> BilledDay {
    BilledDay { date: day(date), tokens, cost: usd(cost), raw_json: format!("{{\"{cost}\":1}}") }
}

fn ended(status: RunStatus, now: i64) -> RunEnd {
    let metadata = Map::from_iter([("pages".to_owned(), json!(3))]);
    RunEnd { status, error: None, data: json!([1]), metadata, now: at(now) }
}

fn any() -> RunFilter {
    RunFilter { status: None, plugin_name: None, before: None, limit: 100 }
}

async fn begun(store: &dyn KernelStore, plugin: &str, now: i64) -> RunId {
    let id = RunId::generate();
    store.begin_run(id, plugin, at(now)).await.unwrap();
    id
}

pub(super) async fn a_run_leaves_a_row_and_is_closed_once(store: &dyn KernelStore) {
    let id = begun(store, "p", 1).await;
    let open = store.run(id).await.unwrap().unwrap();
    assert_eq!((open.status, open.started_at, open.finished_at), (RunStatus::Running, at(1), None));
    assert!(store.end_run(id, ended(RunStatus::Partial, 2)).await.unwrap());
    assert!(!store.end_run(id, ended(RunStatus::Success, 3)).await.unwrap());
    let closed = store.run(id).await.unwrap().unwrap();
    assert_eq!((closed.status, closed.finished_at), (RunStatus::Partial, Some(at(2))));
    assert_eq!((closed.data, closed.metadata["pages"].clone()), (json!([1]), json!(3)));
    assert!(!store.end_run(RunId::generate(), ended(RunStatus::Success, 3)).await.unwrap());
    assert_eq!(store.run(RunId::generate()).await.unwrap(), None);
}

pub(super) async fn runs_of_a_process_that_is_gone_are_closed_as_failed(store: &dyn KernelStore) {
    let (done, open) = (begun(store, "p", 1).await, begun(store, "p", 2).await);
    store.end_run(done, ended(RunStatus::Success, 3)).await.unwrap();
    assert_eq!(store.close_open_runs("it was interrupted", at(4)).await.unwrap(), 1);
    assert_eq!(store.close_open_runs("it was interrupted", at(5)).await.unwrap(), 0);
    let closed = store.run(open).await.unwrap().unwrap();
    assert_eq!((closed.status, closed.finished_at), (RunStatus::Failed, Some(at(4))));
    assert_eq!((closed.error.as_deref(), closed.data), (Some("it was interrupted"), Value::Null));
    // What was closed records nothing any more.
    let days = vec![billed("2026-11-21", 1, "1")];
    let refused = store.record_days(open, "OpenAI", days, at(6)).await;
    assert_eq!(refused, Err(StoreError::RunClosed));
    assert_eq!(store.results(ResultFilter::default()).await.unwrap(), []);
}

pub(super) async fn runs_are_listed_newest_first_and_filtered(store: &dyn KernelStore) {
    let mut ids = Vec::new();
    for (number, plugin) in ["a", "b", "a", "b"].into_iter().enumerate() {
        ids.push(begun(store, plugin, number as i64).await);
    }
    store.end_run(ids[0], ended(RunStatus::Failed, 9)).await.unwrap();
    let listed = async |filter: RunFilter| -> Vec<RunId> {
        store.runs(filter).await.unwrap().into_iter().map(|run| run.id).collect()
    };
    assert_eq!(listed(any()).await, [ids[3], ids[2], ids[1], ids[0]]);
    assert_eq!(listed(RunFilter { limit: 2, ..any() }).await, [ids[3], ids[2]]);
    assert_eq!(listed(RunFilter { before: Some(ids[2]), ..any() }).await, [ids[1], ids[0]]);
    let of_a = RunFilter { plugin_name: Some("a".into()), ..any() };
    assert_eq!(listed(of_a).await, [ids[2], ids[0]]);
    assert_eq!(listed(RunFilter { status: Some(RunStatus::Failed), ..any() }).await, [ids[0]]);
    let unknown = store.runs(RunFilter { before: Some(RunId::generate()), ..any() }).await;
    assert_eq!(unknown, Err(StoreError::UnknownCursor));
    let counts = store.kernel_counts().await.unwrap();
    assert_eq!((counts.runs, counts.results, counts.last_run), (4, 0, Some(at(3))));
}

pub(super) async fn a_day_is_one_row_and_its_past_is_kept(store: &dyn KernelStore) {
    let first = begun(store, "p", 1).await;
    let days = vec![billed("2026-11-20", 5, "1.50"), billed("2026-11-21", 6, "0")];
    let outcomes = store.record_days(first, "OpenAI", days.clone(), at(2)).await.unwrap();
    assert_eq!(outcomes, [DayOutcome::Added, DayOutcome::Added]);
    let before = store.results(ResultFilter::default()).await.unwrap();
    // The same again changes nothing, not even the time.
    let second = begun(store, "p", 3).await;
    let outcomes = store.record_days(second, "OpenAI", days, at(4)).await.unwrap();
    assert_eq!(outcomes, [DayOutcome::Unchanged, DayOutcome::Unchanged]);
    assert_eq!(store.results(ResultFilter::default()).await.unwrap(), before);
    for (number, cost) in [(5, "1.5000001"), (6, "1.5")] {
        let days = vec![billed("2026-11-20", 5, cost)];
        store.record_days(second, "OpenAI", days, at(number)).await.unwrap();
    }
    let rows = store.results(ResultFilter { raw_json: true, ..Default::default() }).await.unwrap();
    assert_eq!(rows.len(), 2);
    assert_eq!((rows[1].revision, &rows[1].cost, rows[1].run_id), (3, &usd("1.5"), second));
    assert_eq!(rows[1].raw_json.as_deref(), Some("{\"1.5\":1}"));
    let past = store.result_history("OpenAI", day("2026-11-20")).await.unwrap();
    let kept: Vec<_> = past
        .iter()
        .map(|past| (past.result.revision, past.result.cost.to_string(), past.replaced_at))
        .collect();
    assert_eq!(kept, [(1, "1.5".into(), at(5)), (2, "1.5000001".into(), at(6))]);
    assert_eq!((past[0].result.run_id, past[0].replaced_by), (first, second));
    assert_eq!(past[0].result.raw_json.as_deref(), Some("{\"1.50\":1}"));
    assert_eq!(store.result_history("OpenAI", day("2026-11-21")).await.unwrap(), []);
}

pub(super) async fn results_are_filtered_ordered_and_paged(store: &dyn KernelStore) {
    let run = begun(store, "p", 1).await;
    for provider in ["OpenAI", "Anthropic"] {
        let days = ["2026-11-19", "2026-11-20", "2026-11-21"].map(|date| billed(date, 1, "1"));
        store.record_days(run, provider, days.to_vec(), at(2)).await.unwrap();
    }
    let listed = async |filter: ResultFilter| -> Vec<String> {
        let rows = store.results(filter).await.unwrap();
        rows.iter().map(|row| format!("{} {}", row.date, row.provider)).collect()
    };
    let all = listed(ResultFilter::default()).await;
    assert_eq!(all.len(), 6);
    assert_eq!(all[..3], ["2026-11-21 Anthropic", "2026-11-21 OpenAI", "2026-11-20 Anthropic"]);
    for order in [ResultOrder::NewestFirst, ResultOrder::OldestFirst] {
        let whole = listed(ResultFilter { order, ..Default::default() }).await;
        let (mut pages, mut after) = (Vec::new(), None);
        for _ in 0..3 {
            let filter = ResultFilter { order, limit: 2, after, ..Default::default() };
            let rows = store.results(filter.clone()).await.unwrap();
            after = rows.last().map(|row| (row.date, row.provider.clone()));
            pages.extend(listed(filter).await);
        }
        assert_eq!(pages, whole);
    }
    let filter = ResultFilter {
        provider: Some("OpenAI".into()),
        from: Some(day("2026-11-20")),
        to: Some(day("2026-11-20")),
        ..Default::default()
    };
    assert_eq!(listed(filter).await, ["2026-11-20 OpenAI"]);
    assert_eq!(store.newest_day("OpenAI").await.unwrap(), Some(day("2026-11-21")));
    assert_eq!(store.newest_day("Mistral").await.unwrap(), None);
    let row = &store.results(ResultFilter { limit: 1, ..Default::default() }).await.unwrap()[0];
    assert_eq!(row.raw_json, None, "only where it is asked for");
}

pub(super) async fn metered_money_is_summed_by_provider_and_day<S: KernelStore + Ledger>(
    store: &S,
) {
    // The first instant of a day, its last second, and the day after.
    let midnight = day("2026-11-21").begins();
    let begins = (midnight.millis() - at(0).millis()) / 1000;
    let mut calls = Vec::new();
    for (provider, cost, now, estimated) in [
        ("openai", 1, begins, false),
        ("openai", 20, begins + 86_399, true),
        ("openai", 300, begins + 86_400, false),
        ("anthropic", 4000, begins + 1, false),
        ("openai", 50_000, begins - 1, false),
    ] {
        let mut call = model_call("a", "key", 0, now);
        provider.clone_into(&mut call.provider);
        let end = settlement(&call, cost, now + 90_000);
        calls.push((call, agentos_store::Settlement { estimated, ..end }));
    }
    store.record_calls(calls).await.unwrap();
    // One that is under way does not count.
    store.reserve_call(model_call("a", "key", 9, begins), None).await.unwrap();
    let metered = store.metered(day("2026-11-21"), day("2026-11-21")).await.unwrap();
    let read: Vec<_> = metered
        .iter()
        .map(|day| (day.provider.as_str(), day.cost, day.uncertain, day.calls))
        .collect();
    assert_eq!(
        read,
        [("anthropic", NanoUsd(4000), NanoUsd(0), 1), ("openai", NanoUsd(21), NanoUsd(20), 2)]
    );
    assert!(metered.iter().all(|metered| metered.date == day("2026-11-21")));
    let days = store.metered(day("2026-11-20"), day("2026-11-22")).await.unwrap();
    assert_eq!(days.len(), 4);
}
