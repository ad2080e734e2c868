//! The gateway with real processes: an edge that is killed under load, clients
//! that go away, a hub that is killed amid calls that cost money, and words that
//! may not leave the home network. The cloud is a mock in the test's own process.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use agentos_domain::{Clock as _, SystemClock};
use agentos_mock_provider::{MockProvider, Script};
use agentos_store::{BudgetScope, Ledger as _, SqliteConfig, SqliteStore};
use agentos_tests::harness::{
    Client, Edge, Hub, HubPorts, Place, System, cloud_config, eventually, note,
};
#[cfg(target_os = "linux")]
use agentos_tests::harness::{Network, Way, inside, skip};
use anyhow::{Context as _, Result, bail, ensure};
use futures::StreamExt as _;
use futures::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::task::JoinSet;

const HUB: &str = env!("CARGO_BIN_EXE_hub-under-test");
const PROBED_EDGE: &str = env!("CARGO_BIN_EXE_probed-edge");
const CHAT: &str = "/v1/chat/completions";
/// The limits of the API's rates that a test must not meet: the highest.
const RATES: [(&str, &str); 3] = [
    ("AGENT_OS_LIMITS__REQUESTS_PER_MINUTE_PER_KEY", "1000000"),
    ("AGENT_OS_LIMITS__REQUESTS_PER_MINUTE_PER_ADDRESS", "1000000"),
    ("AGENT_OS_LIMITS__BURST", "100000"),
];
/// Clients that ask without pause.
const CLIENTS: usize = 4;
/// Tokens of an answer that is there at once, and of one that takes a while.
const SHORT: u32 = 8;
const LONG: u32 = 3000;
/// What the gateway's own text must not show at the cloud.
const CANARY: &str = "canary-3f9c1e";

/// A hub whose tier `cloud-smart` is the mock, with this besides in its
/// configuration's `router`.
fn hub(place: &Arc<Place>, mock: &MockProvider, ports: HubPorts, router: Value) -> Result<Hub> {
    let mut router = router;
    // Each request is to be seen by somebody.
    router["cache_responses"] = false.into();
    let config = cloud_config(&mock.base_url(), router);
    let config = place.file("agent_os.yaml", config.to_string().as_bytes())?;
    let args = ["--config", config.to_str().context("a strange path")?];
    let mut hub = Hub::new(place, HUB.as_ref(), place.folder("hub")?, ports, &args);
    for (name, value) in RATES {
        hub.set_env(name, Some(value.to_owned()));
    }
    Ok(hub)
}

async fn system(mock: &MockProvider) -> Result<System> {
    let place = Arc::new(Place::new()?);
    let mut hub = hub(&place, mock, HubPorts::free()?, json!({}))?;
    let client = hub.start().await?;
    System::with(place, hub, client, PROBED_EDGE.as_ref(), &[], |_: &mut Edge| ()).await
}

fn asking(model: &str, stream: bool, max_tokens: u32) -> Value {
    json!({ "model": model, "stream": stream, "max_tokens": max_tokens, "temperature": 0,
        "messages": [{ "role": "user", "content": "Tell me something." }] })
}

/// Where an answer came from; fails unless it is whole.
async fn answered(client: &Client, body: &Value) -> Result<String> {
    let reply = client.request(Method::POST, CHAT).json(body).send().await?;
    let status = reply.status();
    let location = reply.headers().get("x-agentos-location").cloned();
    let text = reply.text().await?;
    ensure!(status == StatusCode::OK, "{status}: {text}");
    let whole = body["stream"] != true || text.trim_end().ends_with("data: [DONE]");
    ensure!(whole, "a stream broke off: {text}");
    Ok(location.context("no location")?.to_str()?.to_owned())
}

fn now() -> Duration {
    SystemClock.monotonic()
}

fn millis_since(start: Duration) -> u128 {
    now().saturating_sub(start).as_millis()
}

/// Clients that ask `local-fast` until they are told to stop.
struct Load {
    stop: Arc<AtomicBool>,
    /// How many answers came from home, and from the cloud.
    home: Arc<AtomicUsize>,
    cloud: Arc<AtomicUsize>,
    clients: JoinSet<Result<Duration>>,
}

impl Load {
    fn start(client: &Client) -> Self {
        let (stop, home, cloud): (Arc<AtomicBool>, Arc<AtomicUsize>, Arc<AtomicUsize>) =
            Default::default();
        let mut clients = JoinSet::new();
        for number in 0..CLIENTS {
            let (client, stop) = (client.clone(), Arc::clone(&stop));
            let (home, cloud) = (Arc::clone(&home), Arc::clone(&cloud));
            clients.spawn(async move {
                let body = asking("local-fast", number % 2 == 0, SHORT);
                let mut longest = Duration::ZERO;
                while !stop.load(Ordering::SeqCst) {
                    let start = now();
                    let location = answered(&client, &body).await?;
                    longest = longest.max(now().saturating_sub(start));
                    let count = if location == "local" { &home } else { &cloud };
                    count.fetch_add(1, Ordering::SeqCst);
                }
                Ok(longest)
            });
        }
        Self { stop, home, cloud, clients }
    }

    /// Waits until so many more answers came from home, or from the cloud.
    async fn more(&mut self, from: &str, more: usize) -> Result<()> {
        let count = Arc::clone(if from == "local" { &self.home } else { &self.cloud });
        let wanted = count.load(Ordering::SeqCst) + more;
        let what = format!("answers: {from}");
        let came =
            eventually(&what, async || Ok((count.load(Ordering::SeqCst) >= wanted).then_some(())));
        tokio::select! {
            came = came => came,
            Some(ended) = self.clients.join_next() => {
                ended??;
                bail!("a client of the load ended by itself")
            }
        }
    }

    /// Ends it; fails where any request did. Gives the longest that one took.
    async fn end(mut self) -> Result<Duration> {
        self.stop.store(true, Ordering::SeqCst);
        let mut longest = Duration::ZERO;
        while let Some(ended) = self.clients.join_next().await {
            longest = longest.max(ended??);
        }
        Ok(longest)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_edge_fails_no_request() -> Result<()> {
    let mock = MockProvider::start(Script::words(5)).await?;
    let mut system = system(&mock).await?;
    let mut load = Load::start(&system.client);
    load.more("local", 20).await?;
    assert_eq!(mock.count(), 0, "the cloud was asked while the edge was well");

    let killed = now();
    system.edge.kill()?;
    // A request that comes after the kill.
    let first = answered(&system.client, &asking("local-fast", false, SHORT)).await?;
    let failover = millis_since(killed);
    assert_eq!(first, "cloud");
    load.more("cloud", 20).await?;

    let started = now();
    system.restart_edge().await?;
    let joined = millis_since(started);
    load.more("local", 20).await?;
    let back = millis_since(started);
    let longest = load.end().await?.as_millis();
    note(&format!(
        "gateway: edge killed: first answer of the cloud after {failover} ms; longest request \
         {longest} ms; edge joined again after {joined} ms, 20 answers of it after {back} ms"
    ));
    system.passed();
    Ok(())
}

/// A network that swallows what is sent tells nobody: the link has to notice.
#[cfg(target_os = "linux")]
#[test]
fn a_silent_network_fails_no_request() -> Result<()> {
    let network = match Network::new() {
        Ok(network) => network,
        Err(error) if skip(&format!("no network namespaces here: {error:#}")) => return Ok(()),
        Err(error) => return Err(error),
    };
    inside(&network.hub, || {
        // One thread: all its sockets are in the namespace.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(fall_silent(&network))
    })
}

#[cfg(target_os = "linux")]
async fn fall_silent(network: &Network) -> Result<()> {
    let mock = MockProvider::start(Script::words(5)).await?;
    let place = Arc::new(Place::new()?);
    let mut hub = hub(&place, &mock, HubPorts::fixed(Network::HUB), json!({}))?;
    hub.live_in(&network.hub);
    let client = hub.start().await?;
    let edge_lives = |edge: &mut Edge| edge.live_in(&network.edge);
    let system = System::with(place, hub, client, PROBED_EDGE.as_ref(), &[], edge_lives).await?;
    let mut load = Load::start(&system.client);
    load.more("local", 20).await?;
    let silent = now();
    network.swallow(Way::Both)?;
    load.more("cloud", 1).await?;
    let failover = millis_since(silent);
    load.more("cloud", 20).await?;
    let heard = now();
    network.let_through()?;
    load.more("local", 20).await?;
    let back = millis_since(heard);
    let longest = load.end().await?.as_millis();
    note(&format!(
        "gateway: network silent: first answer of the cloud after {failover} ms; longest request \
         {longest} ms; network back: 20 answers of the edge after {back} ms"
    ));
    system.passed();
    Ok(())
}

/// Takes the first pieces of a long answer of the edge and goes away.
async fn go_away(client: &Client) -> Result<()> {
    let request = client.request(Method::POST, CHAT).json(&asking("local-fast", true, LONG));
    let mut pieces = request.send().await?.bytes_stream();
    let (mut text, wanted) = (String::new(), 5);
    while text.matches("\n\n").count() < wanted {
        let piece = pieces.next().await.context("the answer ended")??;
        text.push_str(&String::from_utf8_lossy(&piece));
    }
    ensure!(!text.contains("[DONE]"), "the answer was over too soon");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_away_frees_the_edge() -> Result<()> {
    let mock = MockProvider::start(Script::words(5)).await?;
    let system = system(&mock).await?;
    let start = now();
    assert_eq!(answered(&system.client, &asking("local-fast", false, LONG)).await?, "local");
    let long = now().saturating_sub(start);
    // As many as would keep the edge busy for a while.
    for _ in 0..4 {
        go_away(&system.client).await?;
    }
    let start = now();
    assert_eq!(answered(&system.client, &asking("local-fast", false, SHORT)).await?, "local");
    let next = now().saturating_sub(start);
    note(&format!(
        "gateway: clients left: the next answer after {} ms, where a whole one takes {} ms",
        next.as_millis(),
        long.as_millis()
    ));
    assert!(next < long, "the edge went on for clients that had left: {next:?}, {long:?}");
    assert_eq!(mock.count(), 0);
    system.passed();
    Ok(())
}

/// What was spent and what is reserved, from a copy of the hub's database: as
/// another user this would leave files that the hub cannot write.
async fn spent(hub: &Hub) -> Result<(i64, i64)> {
    let folder = tempfile::tempdir()?;
    for name in ["agent_os.db", "agent_os.db-wal"] {
        let from = hub.data.join(name);
        if from.exists() {
            std::fs::copy(from, folder.path().join(name))?;
        }
    }
    let path = folder.path().join("agent_os.db");
    ensure!(Path::exists(&path), "the hub has no database");
    let store = SqliteStore::open(SqliteConfig { path, readers: 1 }).await?;
    let spend = store.spend_of(&BudgetScope::Installation, SystemClock.now()).await?;
    Ok((spend.settled.0, spend.reserved.0))
}

/// The statuses of 50 calls at the same time; none where there was no answer.
async fn fifty(client: &Client, max_tokens: u32) -> Vec<Option<StatusCode>> {
    let calls = (0..50).map(|_| async move {
        let body = asking("cloud-smart", false, max_tokens);
        let reply = client.request(Method::POST, CHAT).json(&body).send().await.ok()?;
        let status = reply.status();
        // Half an answer is none.
        reply.bytes().await.ok().map(|_| status)
    });
    join_all(calls).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_hub_never_spends_more_than_it_may() -> Result<()> {
    // At 2 USD for a million tokens a call of 1000 may cost 0.002 USD: about 24
    // of them fit.
    const CAP: i64 = 50_000_000;
    let slow = Script { delay: Duration::from_secs(5), ..Script::words(50) };
    let mock = MockProvider::start(slow).await?;
    let place = Arc::new(Place::new()?);
    let budget = json!({ "budget_manager":
        { "enabled": true, "monthly_budget_usd": 0.05, "on_limit": "refuse" } });
    let mut hub = hub(&place, &mock, HubPorts::free()?, budget)?;
    let client = hub.start().await?;

    let mut calls = JoinSet::new();
    calls.spawn(async move { fifty(&client, 1000).await });
    eventually("calls under way", async || Ok((mock.count() >= 10).then_some(()))).await?;
    hub.kill()?;
    let statuses = calls.join_next().await.context("no calls")??;
    let refused = |statuses: &[Option<StatusCode>]| {
        statuses.iter().filter(|status| **status == Some(StatusCode::PAYMENT_REQUIRED)).count()
    };
    let (settled, reserved) = spent(&hub).await?;
    ensure!(reserved > 0, "nothing was under way: {statuses:?}");
    ensure!(settled + reserved <= CAP, "{settled} + {reserved} of {CAP}");

    mock.set(Script::words(50));
    let client = hub.start().await?;
    let (lost, left) = spent(&hub).await?;
    ensure!((lost, left) == (settled + reserved, 0), "{lost}, {left} of {settled}, {reserved}");
    // What fits is admitted, and what does not is not.
    assert_eq!(answered(&client, &asking("cloud-smart", false, 100)).await?, "cloud");
    let dear = client.request(Method::POST, CHAT).json(&asking("cloud-smart", false, 30_000));
    assert_eq!(dear.send().await?.status(), StatusCode::PAYMENT_REQUIRED);
    let again = fifty(&client, 1000).await;
    let (settled, reserved) = spent(&hub).await?;
    ensure!(settled + reserved <= CAP, "{settled} + {reserved} of {CAP}");
    note(&format!(
        "gateway: hub killed amid 50 calls: {} refused before, {} lost, {} refused of 50 after; \
         {settled} of {CAP} nano-dollars spent",
        refused(&statuses),
        statuses.iter().filter(|status| status.is_none()).count(),
        refused(&again),
    ));
    place.passed();
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_not_leave_the_home_network_does_not() -> Result<()> {
    let mock = MockProvider::start(Script::words(5)).await?;
    let mut system = system(&mock).await?;
    system.edge.kill()?;
    for model in ["local-fast", "local-smart", "cloud-smart"] {
        for path in [CHAT, "/v1/responses", "/v1/embeddings"] {
            let text = format!("{CANARY} in {model}");
            let mut body = json!({ "model": model, "input": text });
            if path == CHAT {
                body["messages"] = json!([{ "role": "user", "content": text }]);
            }
            let request = system.client.request(Method::POST, path).json(&body);
            let reply = request.header("x-agentos-privacy", "local_only").send().await?;
            let status = reply.status();
            let text = reply.text().await?;
            let failed = status.is_server_error() || status == StatusCode::BAD_REQUEST;
            assert!(failed, "{path} {model}: {status} {text}");
            assert!(path != CHAT || status == StatusCode::SERVICE_UNAVAILABLE, "{model} {text}");
            let error: Value = serde_json::from_str(&text)?;
            assert!(error["error"]["message"].is_string(), "{error}");
        }
    }
    assert_eq!(mock.count(), 0);
    // Without the header the cloud answers, so that it was there to be asked.
    let mut body = asking("local-fast", false, SHORT);
    body["messages"][0]["content"] = CANARY.into();
    assert_eq!(answered(&system.client, &body).await?, "cloud");
    let asked = mock.requests();
    assert!(asked.iter().any(|one| one.body.to_string().contains(CANARY)));
    system.passed();
    Ok(())
}
