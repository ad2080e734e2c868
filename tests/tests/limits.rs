//! Clients that ask for too much are refused, the others go on being answered,
//! and the hub stays small.
//!
//! Loopback is one address, as everybody behind one proxy is one for the hub,
//! and of one address it keeps 64 connections at most: of 500 clients here most
//! are closed at once, and a normal client may have to connect again until it
//! is let in. Other addresses than `127.0.0.1` are at hand on Linux alone.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use agentos_domain::{Clock, SystemClock};
use agentos_tests::harness::{Client, DEADLINE, Hub, HubPorts, Place, eventually, note};
use anyhow::{Context as _, Result, ensure};
use futures::future::try_join_all;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sysinfo::{ProcessRefreshKind, ProcessesToUpdate, System, UpdateKind};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

const HUB: &str = env!("CARGO_BIN_EXE_hub-under-test");
/// What the hub may take of the machine's memory, in bytes.
const MEMORY_LIMIT: u64 = 150_000_000;
const LARGE_BODY: usize = 10_000_000;
const MANY_HEADERS: usize = 100_000;
const STALLED: usize = 500;
/// What the hub keeps of one address, less a few that it may be closing.
const STALLED_OF_ONE_ADDRESS: usize = 48;
/// Over so many addresses each holds fewer than the hub keeps of one.
const ADDRESSES: usize = 8;
/// Before a client whose connection was closed tries again.
const RECONNECT: Duration = Duration::from_secs(1);
/// Requests of the others; fewer than one key may send at once.
const OTHERS: usize = 20;
/// Clients that use one key, each as often as it can.
const FLOOD_CONNECTIONS: usize = 16;
/// An unfinished request, but for its last byte.
const BEGINNING: &[u8] = b"GET /health HTTP/1.1\r\nHost: hub\r\n";

struct Fixture {
    place: Arc<Place>,
    hub: Hub,
    admin: Client,
}

impl Fixture {
    async fn start() -> Result<Self> {
        let place = Arc::new(Place::new()?);
        let data = place.folder("hub")?;
        let mut hub = Hub::new(&place, HUB.as_ref(), data, HubPorts::free()?, &[]);
        let admin = hub.start().await?;
        Ok(Self { place, hub, admin })
    }

    /// A client with a new key.
    async fn reader(&self, name: &str) -> Result<Client> {
        let body = json!({ "name": name, "scopes": ["read"] });
        let request = self.admin.request(Method::POST, "/api/keys").json(&body);
        let reply = self.admin.send(request).await?;
        ensure!(reply.status == StatusCode::CREATED, "{reply:?}");
        let reply = reply.json()?;
        Client::new(self.hub.ports.api, reply["key"].as_str().context("no key")?)
    }

    /// The hub's memory in bytes: now, and where the system keeps it the most
    /// that it ever was.
    fn memory(&self) -> Result<(u64, u64)> {
        let mut system = System::new()?;
        let what = ProcessRefreshKind::nothing()
            .with_memory()
            .with_cmd(UpdateKind::Always)
            .without_tasks();
        system.refresh_processes_specifics(ProcessesToUpdate::All, true, what);
        let data = self.hub.data.as_os_str();
        let mut hubs = system.processes().values();
        let hub = hubs.find(|process| process.cmd().iter().any(|arg| arg == data));
        let hub = hub.context("the hub is not among the processes")?;
        let now = hub.memory();
        ensure!(now > 0, "the system does not tell the hub's memory");
        Ok((now, peak(hub.pid().as_u32())?.unwrap_or(now)))
    }

    fn stays_small(&self, after: &str) -> Result<()> {
        let (now, peak) = self.memory()?;
        note(&format!(
            "the hub's memory after {after}: {} KB, at most {} KB",
            now / 1000,
            peak / 1000
        ));
        ensure!(peak < MEMORY_LIMIT, "the hub took {peak} bytes of memory for {after}");
        Ok(())
    }

    /// The hub is small, and does what it did before.
    async fn finish(mut self, after: &str) -> Result<()> {
        self.stays_small(after)?;
        self.admin.health().await?;
        self.admin.upload("afterwards.txt", b"as before").await?;
        ensure!(self.admin.files().await?.contains(&"afterwards.txt".to_owned()));
        let task = self.admin.submit(&json!({ "input": "as before" })).await?;
        ensure!(self.admin.tasks().await?.iter().any(|listed| listed.task_id == task.task_id));
        ensure!(self.hub.process()?.is_running()?);
        self.place.passed();
        Ok(())
    }
}

#[cfg(target_os = "linux")]
fn peak(process: u32) -> Result<Option<u64>> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
    Ok(Some(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024))
}

#[cfg(not(target_os = "linux"))]
fn peak(_process: u32) -> Result<Option<u64>> {
    Ok(None)
}

fn tasks(client: &Client) -> reqwest::RequestBuilder {
    client.request(Method::GET, "/api/tasks?limit=1")
}

/// Asks over new connections until one is answered; how many it took, and how
/// long.
async fn answered(client: &Client) -> Result<(usize, Duration)> {
    let (began, mut tries) = (SystemClock.monotonic(), 0);
    eventually("an answer", async || {
        tries += 1;
        let status = tasks(client).send().await?.status();
        ensure!(status == StatusCode::OK, "{status}");
        Ok(Some(()))
    })
    .await?;
    Ok((tries, SystemClock.monotonic().saturating_sub(began)))
}

/// The median of [`answered`], its worst, and the most tries that it took.
async fn pace(client: &Client, times: usize) -> Result<(Duration, Duration, usize)> {
    let (mut took, mut most_tries) = (Vec::new(), 0);
    for _ in 0..times {
        let (tries, time) = answered(client).await?;
        took.push(time);
        most_tries = most_tries.max(tries);
    }
    took.sort();
    let worst = took.last().copied().context("no time")?;
    Ok((took[times / 2], worst, most_tries))
}

/// Does `work` while a client asks small things; says how much slower that
/// client's answers were than on an idle hub.
async fn beside<T>(
    fixture: &Fixture,
    what: &str,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    let normal = fixture.reader("normal").await?;
    let idle = pace(&normal, OTHERS).await?;
    let (done, busy) = tokio::try_join!(work, pace(&normal, OTHERS))?;
    note(&format!(
        "an answer beside {what}: {:?} (worst {:?}); idle: {:?} (worst {:?})",
        busy.0, busy.1, idle.0, idle.1
    ));
    Ok(done)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_of_ten_megabytes_is_refused() -> Result<()> {
    let fixture = Fixture::start().await?;
    let body = serde_json::to_vec(&json!({ "input": "x".repeat(LARGE_BODY) }))?;
    let post = |announced: bool| {
        let request = fixture.admin.request(Method::POST, "/api/tasks");
        let request = request.header("content-type", "application/json");
        let body = body.clone();
        if announced {
            return request.body(body);
        }
        let pieces: Vec<_> = body.chunks(65_536).map(<[u8]>::to_vec).collect();
        let pieces = futures::stream::iter(pieces.into_iter().map(Ok::<_, std::io::Error>));
        request.body(reqwest::Body::wrap_stream(pieces))
    };
    for announced in [true, false] {
        let requests = (0..OTHERS).map(|_| async {
            let reply = tokio::time::timeout(DEADLINE, post(announced).send()).await??;
            ensure!(reply.status() == StatusCode::PAYLOAD_TOO_LARGE, "{reply:?}");
            ensure!(reply.headers()["content-type"] == "application/problem+json", "{reply:?}");
            let problem: Value = serde_json::from_slice(&reply.bytes().await?)?;
            ensure!(problem["code"] == "PAYLOAD_TOO_LARGE", "{problem}");
            Ok(())
        });
        beside(&fixture, "large bodies", try_join_all(requests)).await?;
    }
    ensure!(fixture.admin.tasks().await?.is_empty(), "a task was made of a refused body");
    fixture.finish("large bodies").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_with_100_000_headers_is_refused() -> Result<()> {
    let fixture = Fixture::start().await?;
    let mut request = BEGINNING.to_vec();
    for number in 0..MANY_HEADERS {
        request.extend_from_slice(format!("x-{number}: y\r\n").as_bytes());
    }
    request.extend_from_slice(b"\r\n");
    let exchanges = (0..OTHERS).map(|_| async {
        let mut stream = TcpStream::connect(fixture.hub.ports.api).await?;
        // The hub may close before it has read everything, and then the end of
        // the connection is an error on either side.
        let _ = stream.write_all(&request).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        let answer = String::from_utf8_lossy(&answer);
        ensure!(answer.is_empty() || answer.starts_with("HTTP/1.1 431 "), "{answer}");
        Ok(answer.starts_with("HTTP/1.1 431 "))
    });
    let exchanges = beside(&fixture, "many headers", try_join_all(exchanges));
    let told = tokio::time::timeout(DEADLINE, exchanges).await??;
    let told = told.iter().filter(|told| **told).count();
    note(&format!("100,000 headers: {told} of {OTHERS} were told 431, the others were cut off"));
    fixture.finish("many headers").await
}

/// Clients that begin requests and never end them, and come back when they
/// are thrown out.
struct Stalled {
    tasks: JoinSet<()>,
    stop: CancellationToken,
    /// How many connections are open.
    open: Arc<AtomicUsize>,
}

impl Stalled {
    /// `from` is how many addresses they come from; 0 is the one of everybody.
    fn begin(api: SocketAddr, from: usize) -> Self {
        let (mut tasks, stop) = (JoinSet::new(), CancellationToken::new());
        let open = Arc::new(AtomicUsize::new(0));
        for number in 0..STALLED {
            let source = (number % from.max(1)) + 2;
            let source = u8::try_from(source).ok().filter(|_| from > 0);
            let source = source.map(|last| IpAddr::V4(Ipv4Addr::new(127, 0, 0, last)));
            let (stop, open) = (stop.clone(), Arc::clone(&open));
            tasks.spawn(async move {
                while !stop.is_cancelled() {
                    tokio::select! {
                        () = stop.cancelled() => {}
                        // Thrown out, in whatever way: the next one, please.
                        _ = stall(api, source, &open) => tokio::time::sleep(RECONNECT).await,
                    }
                }
            });
        }
        Self { tasks, stop, open }
    }

    fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    async fn at_least(&self, count: usize) -> Result<()> {
        let what = format!("{count} stalled connections");
        eventually(&what, async || Ok((self.open() >= count).then_some(()))).await
    }

    async fn end(mut self) -> Result<()> {
        self.stop.cancel();
        while let Some(ended) = tokio::time::timeout(DEADLINE, self.tasks.join_next()).await? {
            ended?;
        }
        Ok(())
    }
}

/// Counts one connection until dropped.
struct Open(Arc<AtomicUsize>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Sends one byte of a header, then nothing until the hub ends the connection.
async fn stall(
    api: SocketAddr,
    source: Option<IpAddr>,
    open: &Arc<AtomicUsize>,
) -> std::io::Result<()> {
    let socket = TcpSocket::new_v4()?;
    if let Some(source) = source {
        socket.bind(SocketAddr::new(source, 0))?;
    }
    let mut stream = socket.connect(api).await?;
    stream.write_all(BEGINNING).await?;
    stream.write_all(b"x").await?;
    open.fetch_add(1, Ordering::SeqCst);
    let _open = Open(Arc::clone(open));
    stream.read_to_end(&mut Vec::new()).await.map(drop)
}

/// A client is answered beside `STALLED` clients from so many addresses.
async fn slow_clients_shut_nobody_out(from: usize, least: usize, times: usize) -> Result<()> {
    let fixture = Fixture::start().await?;
    let normal = fixture.reader("normal").await?;
    let idle = pace(&normal, OTHERS).await?;
    let stalled = Stalled::begin(fixture.hub.ports.api, from);
    for _ in 0..times {
        stalled.at_least(least).await?;
        let beside = stalled.open();
        let (tries, took) = answered(&normal).await?;
        note(&format!(
            "beside {beside} stalled connections: {took:?}, {tries} tries; idle: {:?} (worst {:?})",
            idle.0, idle.1
        ));
    }
    fixture.stays_small("stalled connections")?;
    stalled.end().await?;
    answered(&normal).await?;
    fixture.finish("stalled connections that ended").await
}

/// The hub keeps 64 connections of an address, and 500 clients want them all
/// the time. The normal client, of the same address, is answered all the same.
#[tokio::test(flavor = "multi_thread")]
async fn slow_clients_do_not_shut_out_their_own_address() -> Result<()> {
    slow_clients_shut_nobody_out(0, STALLED_OF_ONE_ADDRESS, 5).await
}

/// All 500 are let in.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn slow_clients_do_not_shut_out_other_addresses() -> Result<()> {
    slow_clients_shut_nobody_out(ADDRESSES, STALLED, OTHERS).await
}

/// Sends one request, which may be refused for one reason only; whether it was.
async fn flood_once(client: &Client) -> Result<bool> {
    let reply = tokio::time::timeout(DEADLINE, tasks(client).send()).await??;
    let headers = reply.headers().clone();
    for name in ["ratelimit", "ratelimit-policy"] {
        let value = headers.get(name).with_context(|| format!("no {name}: {reply:?}"))?;
        ensure!(value.to_str()?.starts_with("\"key\";"), "{reply:?}");
    }
    if reply.status() == StatusCode::OK {
        return Ok(false);
    }
    ensure!(reply.status() == StatusCode::TOO_MANY_REQUESTS, "{reply:?}");
    let after = headers.get("retry-after").with_context(|| format!("{reply:?}"))?;
    ensure!(after.to_str()?.parse::<u64>()? >= 1, "{reply:?}");
    ensure!(headers["ratelimit"].to_str()?.contains(";r=0;"), "{reply:?}");
    let problem: Value = serde_json::from_slice(&reply.bytes().await?)?;
    ensure!(problem["code"] == "RATE_LIMITED", "{problem}");
    Ok(true)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_one_key_leaves_the_others_alone() -> Result<()> {
    let fixture = Fixture::start().await?;
    let (flooding, normal) = (fixture.reader("flood").await?, fixture.reader("normal").await?);
    let idle = pace(&fixture.reader("idle").await?, OTHERS).await?;
    let (sent, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let over = CancellationToken::new();
    let flood = (0..FLOOD_CONNECTIONS).map(|_| async {
        while !over.is_cancelled() {
            sent.fetch_add(1, Ordering::SeqCst);
            refused.fetch_add(usize::from(flood_once(&flooding).await?), Ordering::SeqCst);
        }
        Ok(())
    });
    let refusal = async || Ok((refused.load(Ordering::SeqCst) > 0).then_some(()));
    let others = async {
        let _over = over.clone().drop_guard();
        eventually("a refusal", refusal).await?;
        let mut took = Vec::new();
        for _ in 0..OTHERS {
            let began = SystemClock.monotonic();
            let status = tokio::time::timeout(DEADLINE, tasks(&normal).send()).await??.status();
            ensure!(status == StatusCode::OK, "another key was told {status}");
            took.push(SystemClock.monotonic().saturating_sub(began));
        }
        took.sort();
        Ok(took[OTHERS / 2])
    };
    let (_, beside) = tokio::try_join!(try_join_all(flood), others)?;
    let (sent, refused) = (sent.into_inner(), refused.into_inner());
    note(&format!(
        "a flood of {sent} requests, {refused} refused; another key beside it: {beside:?}, idle: {:?}",
        idle.0
    ));
    // The key is heard again once it asks less often.
    let again = fixture.admin.send(tasks(&flooding)).await?;
    ensure!(again.status == StatusCode::OK, "{again:?}");
    fixture.finish("a flood").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_is_full_is_said_to_be_and_empties() -> Result<()> {
    let place = Arc::new(Place::new()?);
    let config = place.file("agent_os.yaml", b"engine: {queue_limit: 2}\n")?;
    let args = ["--config", config.to_str().context("a strange path")?];
    let data = place.folder("hub")?;
    let mut hub = Hub::new(&place, HUB.as_ref(), data, HubPorts::free()?, &args);
    let client = hub.start().await?;
    // Once: the harness's own way would try again.
    let ask = async || {
        let body = json!({ "input": "wait for an edge", "wait": false });
        client.request(Method::POST, "/api/tasks").json(&body).send().await
    };
    let first: Value = ask().await?.json().await?;
    ensure!(ask().await?.status() == StatusCode::ACCEPTED);
    let full = ask().await?;
    ensure!(full.status() == StatusCode::TOO_MANY_REQUESTS, "{full:?}");
    ensure!(full.headers()["retry-after"] == "10", "{full:?}");
    let problem: Value = full.json().await?;
    ensure!(problem["detail"].as_str().is_some_and(|text| text.contains("2 tasks")), "{problem}");
    let cancel = format!("/api/tasks/{}/cancel", first["task_id"].as_str().context("no id")?);
    client.send(client.request(Method::POST, &cancel)).await?;
    ensure!(ask().await?.status() == StatusCode::ACCEPTED);
    place.passed();
    Ok(())
}
