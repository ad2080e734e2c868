//! What providers charge, with the hub's real process, against fakes of the
//! administration APIs of OpenAI and Anthropic.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::OpenOptions;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use agentos_domain::{Clock as _, SystemClock};
use agentos_fake_billing::{Api, FakeBilling, FakeDay, Fault, FaultKind};
use agentos_kernel::newest_complete_day;
use agentos_router::{Location, http_client};
use agentos_store::{Day, Usd};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinSet;

const OPENAI_KEY: &str = "sk-admin-canary-openai-0123456789abcdef";
const ANTHROPIC_KEY: &str = "sk-ant-admin01-canary-anthropic-0123456789abcdef";
/// Before something is looked at again, and how often at most.
const PAUSE: Duration = Duration::from_millis(100);
const LOOKS: u32 = 300;

/// A hub with two fakes.
struct World {
    folder: TempDir,
    openai: FakeBilling,
    anthropic: FakeBilling,
    http: reqwest::Client,
    address: String,
    hub: Child,
}

impl Drop for World {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.hub.kill();
        let _ = self.hub.wait();
    }
}

/// The days that are billed: from five days ago to yesterday.
fn days() -> Vec<Day> {
    let newest = newest_complete_day(SystemClock.now());
    newest.plus(-4).through(newest).collect()
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl World {
    async fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let openai = FakeBilling::start(Api::OpenAi, OPENAI_KEY).await.unwrap();
        let anthropic = FakeBilling::start(Api::Anthropic, ANTHROPIC_KEY).await.unwrap();
        for (number, day) in days().into_iter().enumerate() {
            openai.set(&day.to_string(), FakeDay::of(&[&format!("0.12345678901{number}"), "1.5"]));
            anthropic
                .set(&day.to_string(), FakeDay::of(&[&format!("{}50.001", number + 1), "0.25"]));
        }
        let collector = |fake: &FakeBilling| json!({ "base_url": fake.base_url(), "timeout": 30, "retry_count": 0 });
        let (one, two) = (collector(&openai), collector(&anthropic));
        let config = json!({
            "collectors": { "openai": one, "anthropic": two },
            "logging": { "path": "hub.log", "level": "DEBUG" },
        });
        std::fs::write(folder.path().join("agent_os.yaml"), config.to_string()).unwrap();
        let http = http_client(Duration::from_secs(5), Location::Local).unwrap();
        let address = format!("http://127.0.0.1:{}", free_port());
        let hub = start(&folder, &address);
        let mut world = Self { folder, openai, anthropic, http, address, hub };
        world.is_up().await;
        world
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    async fn is_up(&mut self) {
        for _ in 0..LOOKS {
            if let Ok(Some(status)) = self.hub.try_wait() {
                let said = std::fs::read_to_string(self.folder.path().join("output")).unwrap();
                panic!("the hub ended with {status}: {said}");
            }
            let health = self.http.get(format!("{}/health", self.address)).send().await;
            if health.is_ok_and(|answer| answer.status().is_success()) {
                return;
            }
            tokio::time::sleep(PAUSE).await;
        }
        panic!("the hub does not come up");
    }

    fn request(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        let key = std::fs::read_to_string(self.data().join("admin.key")).unwrap();
        let request = self.http.request(method, format!("{}{path}", self.address));
        request.bearer_auth(key.trim())
    }

    async fn text(&self, path: &str) -> String {
        let answer = self.request(reqwest::Method::GET, path).send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "{path}: {status}: {text}");
        text
    }

    async fn get(&self, path: &str) -> Value {
        serde_json::from_str(&self.text(path).await).unwrap()
    }

    async fn task(&self, name: &str, body: &Value) -> Value {
        let path = format!("/api/kernel/tasks/{name}");
        let request = self.request(reqwest::Method::POST, &path).body(body.to_string());
        serde_json::from_str(&request.send().await.unwrap().text().await.unwrap()).unwrap()
    }

    async fn rows(&self) -> Vec<Value> {
        self.get("/api/results?limit=1000").await["items"].as_array().unwrap().clone()
    }
}

fn start(folder: &TempDir, address: &str) -> Child {
    let output = OpenOptions::new().create(true).append(true).open(folder.path().join("output"));
    let output = output.unwrap();
    Command::new(env!("CARGO_BIN_EXE_agentos-hub"))
        .args(["serve", "--listen", address.strip_prefix("http://").unwrap()])
        .args(["--link-listen", &format!("127.0.0.1:{}", free_port())])
        .arg("--data")
        .arg(folder.path().join("data"))
        .arg("--config")
        .arg(folder.path().join("agent_os.yaml"))
        .env("OPENAI_ADMIN_KEY", OPENAI_KEY)
        .env("ANTHROPIC_ADMIN_KEY", ANTHROPIC_KEY)
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stdout(output.try_clone().unwrap())
        .stderr(output)
        .spawn()
        .unwrap()
}

fn all_days() -> Value {
    let days = days();
    json!({ "from": days[0], "to": days[4] })
}

#[tokio::test]
async fn bills_are_collected_once_and_sum_up_to_the_last_digit() {
    let world = World::new().await;
    let first = world.task("run_all", &all_days()).await;
    assert_eq!((&first["success"], &first["exit_code"]), (&json!(true), &json!(0)), "{first}");
    assert_eq!(first["providers"][0]["days"], 5, "{first}");
    let rows = world.rows().await;
    assert_eq!(rows.len(), 10);
    let asked = world.openai.asked().len() + world.anthropic.asked().len();
    let second = world.task("run_all", &all_days()).await;
    assert_eq!(second["providers"][0]["status"], "skipped", "{second}");
    assert_eq!(world.rows().await, rows);
    assert_eq!(world.openai.asked().len() + world.anthropic.asked().len(), asked);

    // The file's sum is that of the months, to the last digit.
    let csv = world.text("/api/export").await;
    let costs = csv.lines().skip(1).map(|line| line.split(',').nth(3).unwrap());
    let costs: Vec<Usd> = costs.map(|cost| cost.parse().unwrap()).collect();
    assert_eq!(costs.len(), 10);
    let mut months: Vec<_> = days().iter().map(|day| (day.year(), day.month())).collect();
    months.dedup();
    let mut totals: Vec<Usd> = Vec::new();
    for (year, month) in months {
        let total = world.get(&format!("/api/totals/{year}/{month}")).await;
        totals.push(total["total_cost"].as_str().unwrap().parse().unwrap());
    }
    let (sum, total): (Usd, Usd) = (costs.iter().sum(), totals.iter().sum());
    // In dollars 5 × 1.5 and 0.123456789010 to …014, in cents 150.001 to 550.001 and 5 × 0.25.
    assert_eq!(sum.to_string(), "25.62983394506");
    assert_eq!(total, sum);
    let report = world.task("daily_report", &json!({})).await;
    assert_eq!(report["exit_code"], 0, "{report}");
    assert!(PathBuf::from(report["export"]["path"].as_str().unwrap()).exists());
}

#[tokio::test]
async fn who_watches_a_task_is_told_how_far_it_is() {
    let world = World::new().await;
    let watched = async |name: &str| {
        let path = format!("/api/kernel/tasks/{name}");
        let request = world.request(reqwest::Method::POST, &path).body(all_days().to_string());
        request.header("accept", "text/event-stream").send().await.unwrap()
    };
    let events = watched("fetch_openai").await.text().await.unwrap();
    let blocks: Vec<_> = events.split("\n\n").filter(|block| !block.is_empty()).collect();
    let (last, before) = blocks.split_last().unwrap();
    let told = "event: progress\ndata: {\"plugin\":\"openai_collector\",\"done\":5,\"total\":5}";
    assert_eq!(before.last(), Some(&told), "{events}");
    let report = last.strip_prefix("event: report\ndata: ").unwrap();
    let report: Value = serde_json::from_str(report).unwrap();
    assert_eq!((&report["success"], &report["providers"][0]["days"]), (&json!(true), &json!(5)));
    let unknown = watched("fetch_other").await;
    assert_eq!(unknown.status(), 404, "what is wrong with the request is no event");
}

#[tokio::test]
async fn one_provider_that_is_down_keeps_no_other_from_being_collected() {
    let world = World::new().await;
    world.openai.fail(Fault::always(FaultKind::status(500)));
    let report = world.task("run_all", &json!({})).await;
    assert_eq!((&report["success"], &report["exit_code"]), (&json!(false), &json!(1)), "{report}");
    let rows = world.rows().await;
    assert_eq!((rows.len(), &rows[0]["provider"]), (1, &json!("Anthropic")));
    let failed = world.get("/api/runs?status=failed").await;
    assert_eq!(failed["items"][0]["plugin_name"], "openai_collector");
}

#[tokio::test]
async fn a_hub_that_is_killed_while_it_collects_leaves_no_part_of_a_day() {
    let mut world = World::new().await;
    // Costs are answered, and what they are for is not: the day is half known.
    world.openai.fail(Fault::always(FaultKind::Stall).after(1));
    let path = "/api/kernel/tasks/fetch_openai";
    let request = world.request(reqwest::Method::POST, path).body("{}");
    let mut asking = JoinSet::new();
    asking.spawn(request.send());
    let mut looks = 0;
    while world.openai.asked().len() < 2 {
        looks += 1;
        assert!(looks < LOOKS, "nothing is collected");
        tokio::time::sleep(PAUSE).await;
    }
    world.hub.kill().unwrap();
    world.hub.wait().unwrap();
    assert!(asking.join_next().await.unwrap().unwrap().is_err());
    world.openai.heal();
    world.hub = start(&world.folder, &world.address);
    world.is_up().await;
    assert!(world.rows().await.is_empty());
    let runs = world.get("/api/runs").await;
    assert_eq!(runs["items"][0]["status"], "failed", "{runs}");
    assert!(runs["items"][0]["error"].as_str().unwrap().contains("the hub ended"), "{runs}");
    // And the next collects the whole day.
    assert_eq!(world.task("fetch_openai", &json!({})).await["exit_code"], 0);
    assert_eq!(world.rows().await.len(), 1);
}

#[tokio::test]
async fn keys_are_in_no_log_answer_or_export() {
    let world = World::new().await;
    let mut said = world.task("run_all", &all_days()).await.to_string();
    // A provider that quotes the key.
    let message = format!("Incorrect API key provided: {OPENAI_KEY}");
    let (kind, retry_after) = ("invalid_request_error".to_owned(), None);
    world.openai.fail(Fault::always(FaultKind::Refuse { status: 401, kind, message, retry_after }));
    let forced = json!({ "force": true });
    said += &world.task("fetch_openai", &forced).await.to_string();
    assert!(said.contains("redacted"), "the provider's words are not told: {said}");
    said += &world.task("export", &json!({ "raw_json": true })).await.to_string();
    for path in ["/api/results", "/api/runs", "/api/export?raw_json=true", "/api/kernel/health"] {
        said += &world.text(path).await;
    }
    said += &std::fs::read_to_string(world.folder.path().join("output")).unwrap();
    said += &std::fs::read_to_string(world.data().join("hub.log")).unwrap();
    for file in std::fs::read_dir(world.data().join("exports")).unwrap() {
        said += &std::fs::read_to_string(file.unwrap().path()).unwrap();
    }
    assert!(said.contains("openai_collector"), "the log is not there");
    let database = std::fs::read(world.data().join("agent_os.db")).unwrap();
    let journal = std::fs::read(world.data().join("agent_os.db-wal")).unwrap_or_default();
    said += &String::from_utf8_lossy(&database);
    said += &String::from_utf8_lossy(&journal);
    for key in [OPENAI_KEY, ANTHROPIC_KEY, "canary"] {
        assert!(!said.contains(key), "{key} was told");
    }
}
