//! What providers charge, as clients ask for it.

use std::path::Path;
use std::sync::Arc;

use agentos_domain::{ManualClock, Timestamp};
use agentos_kernel::{
    Anthropic, Collector, CollectorConfig, Declared, ExportConfig, Kernel, KernelConfig, OpenAi,
    Plugin, PluginContext, PluginResult,
};
use agentos_store::{BilledDay, KernelStore, RunId, SqliteConfig, SqliteStore};
use async_trait::async_trait;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use serde_json::{Value, json};

use super::{ADMIN, Answer, Fixture};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// 2026-11-22T06:00:00Z.
const NOW: i64 = 1_795_327_200_000;

/// Answers what it was asked.
struct Echo;

#[async_trait]
impl Plugin for Echo {
    fn name(&self) -> &str {
        "echo"
    }

    async fn run(&self, _: &PluginContext, params: &Value) -> PluginResult {
        PluginResult::success(params.clone())
    }
}

/// A kernel without keys, over a database of its own with three days.
pub(crate) async fn kernel(folder: &Path) -> Arc<Kernel> {
    let path = folder.join("kernel.db");
    let store = Arc::new(SqliteStore::open(SqliteConfig { path, readers: 1 }).await.unwrap());
    let now = Timestamp::from_millis(NOW);
    let run = RunId::generate();
    store.begin_run(run, "seed", now).await.unwrap();
    let day = |date: &str, cost: &str| BilledDay {
        date: date.parse().unwrap(),
        tokens: 10,
        cost: cost.parse().unwrap(),
        raw_json: "{}".to_owned(),
    };
    let days = vec![day("2026-11-19", "0.1"), day("2026-11-20", "0.000000000001")];
    store.record_days(run, "OpenAI", days, now).await.unwrap();
    store.record_days(run, "Anthropic", vec![day("2026-11-20", "2.5")], now).await.unwrap();
    let config = KernelConfig {
        export: ExportConfig { output_dir: folder.join("exports"), ..ExportConfig::default() },
        ..KernelConfig::default()
    };
    let http = agentos_router::http_client(
        std::time::Duration::from_secs(1),
        agentos_router::Location::Local,
    );
    let (http, usual) = (http.unwrap(), CollectorConfig::default());
    let collectors = vec![
        Arc::new(Collector::new(OpenAi, usual.clone(), http.clone())),
        Arc::new(Collector::new(Anthropic, usual, http)),
    ];
    let echo = Declared { plugin: Arc::new(Echo), secrets: Vec::new() };
    let clock = Arc::new(ManualClock::at(now));
    let kernel = Kernel::open(config, store, clock, collectors, vec![echo], None);
    Arc::new(kernel.await.unwrap())
}

#[tokio::test]
async fn results_come_newest_first_in_pages_and_sum_up_exactly() {
    let hub = Fixture::new().await;
    let first = hub.get("/api/results?limit=2", ADMIN).await.json();
    let rows = |page: &Value| -> Vec<String> {
        let items = page["items"].as_array().unwrap().iter();
        items.map(|row| format!("{} {}", row["date"], row["provider"])).collect()
    };
    let mut found = rows(&first);
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = hub.get(&format!("/api/results?limit=2&cursor={cursor}"), ADMIN).await.json();
    assert_eq!(second["next_cursor"], Value::Null);
    found.extend(rows(&second));
    assert_eq!(
        found,
        ["\"2026-11-20\" \"Anthropic\"", "\"2026-11-20\" \"OpenAI\"", "\"2026-11-19\" \"OpenAI\""]
    );
    let one = hub.get("/api/results?provider=openai&end_date=2026-11-19", ADMIN).await.json();
    assert_eq!((rows(&one).len(), &one["items"][0]["cost"]), (1, &json!("0.1")));
    let totals = hub.get("/api/totals/2026/11", ADMIN).await.json();
    assert_eq!(totals["total_cost"], "2.600000000001");
    assert_eq!((&totals["days_tracked"], &totals["total_tokens"]), (&json!(2), &json!(30)));
    let file = hub.get("/api/export?provider=openai", ADMIN).await;
    assert_eq!(file.header("content-type"), Some("text/csv; charset=utf-8"));
    let lines: Vec<_> = file.text().lines().collect();
    assert_eq!(lines[0], "provider,date,tokens,cost,created_at");
    assert!(lines[2].starts_with("OpenAI,2026-11-20,10,0.000000000001,"), "{lines:?}");
    assert_eq!(lines.len(), 3);
    let compared = hub.get("/api/reconciliation", ADMIN).await.json();
    assert_eq!((&compared["from"], &compared["to"]), (&json!("2026-11-01"), &json!("2026-11-21")));
    // Rounded to nine decimals, as what is metered is.
    assert_eq!(compared["outside"], "2.6");
    for wrong in [
        "/api/results?limit=0",
        "/api/results?provider=other",
        "/api/results?start_date=2026-02-30",
        "/api/results?cursor=x",
        "/api/runs?status=well",
        "/api/runs?cursor=01890000-0000-7000-8000-000000000000",
        "/api/export?format=pdf",
        "/api/reconciliation?from=2026-11-02&to=2026-11-01",
    ] {
        hub.get(wrong, ADMIN).await.problem(400, "BAD_REQUEST");
    }
    hub.get("/api/totals/2026/13", ADMIN).await.problem(404, "NOT_FOUND");
}

#[tokio::test]
async fn tasks_answer_how_they_went_and_refuse_what_is_not_theirs() {
    let hub = Fixture::new().await;
    let task = async |name: &str, body: Value| {
        hub.post(&format!("/api/kernel/tasks/{name}"), ADMIN, body).await
    };
    // Without its key a provider fails, and all of them are passed over.
    let fetched = task("fetch_openai", json!({})).await.json();
    assert_eq!((&fetched["success"], &fetched["exit_code"]), (&json!(false), &json!(1)));
    assert_eq!(fetched["providers"][0]["status"], "failed");
    assert!(fetched["errors"][0].as_str().unwrap().contains("OPENAI_ADMIN_KEY"), "{fetched}");
    let all = task("run_all", json!({})).await.json();
    assert_eq!((&all["success"], all["passed_over"].as_array().unwrap().len()), (&json!(true), 2));
    let summary = task("summary", json!({ "month": "2026-11" })).await.json();
    assert!(summary["message"].as_str().unwrap().contains("Total: 2.600000000001 USD"));
    let export = task("export", json!({ "format": "focus" })).await.json();
    assert_eq!((&export["export"]["rows"], &export["exit_code"]), (&json!(3), &json!(0)));
    let report = task("daily_report", json!({})).await.json();
    assert_eq!(report["exit_code"], 0, "{report}");
    assert!(report["export"]["path"].is_string() && report["totals"]["month"] == "2026-11");
    let runs = hub.get("/api/runs?status=failed&limit=1", ADMIN).await.json();
    assert_eq!(runs["items"][0]["plugin_name"], "openai_collector");
    let health = hub.get("/api/kernel/health", ADMIN).await.json();
    assert_eq!((&health["database"], &health["total_results"]), (&json!(true), &json!(3)));

    let detail = task("fetch_other", json!({})).await.problem(404, "NOT_FOUND");
    assert!(detail.contains("fetch_openai, fetch_anthropic, run_all, export"), "{detail}");
    let detail = task("summary", json!({ "force": true })).await.problem(422, "INVALID_REQUEST");
    assert!(detail.contains("force"), "{detail}");
    task("run_all", json!({ "fromm": "x" })).await.problem(422, "INVALID_REQUEST");
}

async fn send(hub: &Fixture, plugin: &str, id: &str, seconds: i64, body: &str) -> Answer {
    let key = STANDARD.decode(SECRET.strip_prefix("whsec_").unwrap()).unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
    let signed = format!("{id}.{seconds}.{body}");
    let signature = format!("v1,{}", STANDARD.encode(hmac::sign(&key, signed.as_bytes())));
    let request = Request::post(format!("/api/plugins/{plugin}/trigger"))
        .header("webhook-id", id)
        .header("webhook-timestamp", seconds.to_string())
        .header("webhook-signature", signature);
    hub.send(request.body(Body::from(body.to_owned())).unwrap()).await
}

#[tokio::test]
async fn a_signed_webhook_runs_a_plugin_once() {
    let hub = Fixture::signed_for(SECRET).await;
    let now = NOW / 1000;
    let body = r#"{"type":"x","data":{"a":1}}"#;
    let answer = send(&hub, "echo", "msg_1", now, body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    assert_eq!(answer.json()["status"], "success");
    let runs = hub.get("/api/runs?plugin_name=echo", ADMIN).await.json();
    assert_eq!(runs["items"][0]["data"], json!({ "a": 1 }));
    // The same again runs nothing.
    let again = send(&hub, "echo", "msg_1", now, body).await.json();
    assert_eq!(again["status"], "repeated");
    let runs = hub.get("/api/runs?plugin_name=echo", ADMIN).await.json();
    assert_eq!(runs["items"].as_array().unwrap().len(), 1);
    // Old, unsigned, and of no plugin.
    send(&hub, "echo", "msg_2", now - 301, body).await.problem(401, "UNAUTHENTICATED");
    hub.post("/api/plugins/echo/trigger", ADMIN, json!({})).await.problem(401, "UNAUTHENTICATED");
    send(&hub, "other", "msg_3", now, body).await.problem(404, "NOT_FOUND");
    // A hub that trusts no secret takes none.
    let closed = Fixture::new().await;
    send(&closed, "echo", "msg_4", now, body).await.problem(404, "NOT_FOUND");
}
