//! HTTPS of the hub's API, with the programs as they are: a certificate of the
//! hub's own authority and a login that trusts it by its fingerprint, given
//! files that change, and clients that come by the wrong protocol or dawdle.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::Arc;

use agentos_tests::harness::{Client, Hub, HubPorts, Place, eventually};
use anyhow::{Context as _, Result, ensure};
use rcgen::{CertificateParams, KeyPair};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::Command;

const HUB: &str = env!("CARGO_BIN_EXE_hub-under-test");
const CLI: &str = env!("CARGO_BIN_EXE_agentos-under-test");
/// Clients that begin a handshake and do not go on.
const STALLED: usize = 50;

struct Fixture {
    place: Arc<Place>,
    hub: Hub,
    home: PathBuf,
}

impl Fixture {
    /// A hub that is not started yet, with these lines in `server.tls`.
    fn new(tls: &str) -> Result<Self> {
        let place = Arc::new(Place::new()?);
        let (data, home) = (place.folder("hub")?, place.path("home"));
        std::fs::create_dir(&home)?;
        let config = place.file("agent_os.yaml", format!("server:\n  tls: {tls}\n").as_bytes())?;
        let args = ["--config", config.to_str().context("a strange path")?];
        let hub = Hub::new(&place, HUB.as_ref(), data, HubPorts::free()?, &args);
        Ok(Self { place, hub, home })
    }

    async fn hub_ca() -> Result<Self> {
        let mut fixture = Self::new("{mode: hub_ca}")?;
        fixture.start().await?;
        Ok(fixture)
    }

    async fn start(&mut self) -> Result<()> {
        self.hub.launch()?;
        self.hub.process()?.says(&["the hub is up"]).await?;
        Ok(())
    }

    fn api(&self) -> SocketAddr {
        self.hub.ports.api
    }

    fn url(&self) -> String {
        format!("https://localhost:{}", self.api().port())
    }

    fn key(&self) -> Result<String> {
        Ok(std::fs::read_to_string(self.hub.data.join("admin.key"))?.trim().to_owned())
    }

    /// The fingerprint that the hub writes at its start.
    async fn fingerprint(&mut self) -> Result<String> {
        let line = self.hub.process()?.says(&["fingerprint="]).await?;
        let (_, rest) = line.split_once("fingerprint=").context("no fingerprint")?;
        Ok(rest.split_whitespace().next().unwrap_or_default().trim_matches('"').to_owned())
    }

    fn client(&self, ca: &Path, http2: bool) -> Result<Client> {
        Client::over_tls(self.api().port(), self.key()?, &std::fs::read_to_string(ca)?, http2)
    }

    fn ca(&self) -> PathBuf {
        self.hub.data.join("link/ca.pem")
    }

    /// `agentos ARGS` in a home of its own, with the key as its input.
    async fn agentos(&self, args: &[&str]) -> Result<Output> {
        let mut command = Command::new(CLI);
        command.env_clear().env("HOME", &self.home).args(args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.kill_on_drop(true).spawn()?;
        // A program that reads nothing may be gone already.
        let _ = child.stdin.take().context("no input")?.write_all(self.key()?.as_bytes()).await;
        Ok(child.wait_with_output().await?)
    }

    /// Runs `agentos ARGS`, which is to end with `code` and say `words`.
    async fn says(&self, args: &[&str], code: i32, words: &str) -> Result<()> {
        let output = self.agentos(args).await?;
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text);
        ensure!(output.status.code() == Some(code), "{args:?}: {}: {text}", output.status);
        ensure!(text.contains(words), "{args:?}: {text}");
        Ok(())
    }

    fn has_login(&self) -> bool {
        self.home.join(".config/agentos/login.json").exists()
    }

    fn finish(mut self) -> Result<()> {
        ensure!(self.hub.process()?.is_running()?);
        self.place.passed();
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_trusts_the_hubs_authority_by_its_fingerprint() -> Result<()> {
    let mut fixture = Fixture::hub_ca().await?;
    let (url, fingerprint) = (fixture.url(), fixture.fingerprint().await?);
    // Nobody is there to compare it: shown, and refused.
    fixture.says(&["login", &url], 6, &fingerprint).await?;
    fixture
        .says(&["health", "--url", &url], 6, "authority of its certificate is not known")
        .await?;
    let wrong = fingerprint.replace(['0', '1', '2', '3', '4', '5', '6', '7'], "8");
    let login = ["login", &url, "--fingerprint", &wrong];
    fixture.says(&login, 6, "it has another fingerprint").await?;
    ensure!(!fixture.has_login());

    let plain = fingerprint.replace(':', "").to_lowercase();
    fixture.says(&["login", &url, "--fingerprint", &plain], 0, "logged in to https://").await?;
    ensure!(fixture.has_login());
    fixture.says(&["task", "list", "--json"], 0, "\"items\"").await?;
    // Without an edge it is not ready, but it answers.
    let ca = fixture.ca().display().to_string();
    let address = url.replace("localhost", "127.0.0.1");
    fixture.says(&["health", "--url", &address, "--ca", &ca], 1, "NOT ready").await?;

    // A hub that was set up anew is another one.
    fixture.hub.kill()?;
    std::fs::remove_dir_all(fixture.hub.data.join("link"))?;
    fixture.start().await?;
    fixture.says(&["task", "list"], 6, "of another authority").await?;
    fixture.finish()
}

#[tokio::test(flavor = "multi_thread")]
async fn either_version_of_http_and_the_hubs_own_commands_work() -> Result<()> {
    let mut fixture = Fixture::hub_ca().await?;
    for http2 in [false, true] {
        let client = fixture.client(&fixture.ca(), http2)?;
        client.health().await?;
        client.upload("a.txt", &[7; 1_000_000]).await?;
        ensure!(client.files().await? == ["a.txt"]);
    }
    let data = fixture.hub.data.display().to_string();
    for args in [&["healthcheck", "--data", &data][..], &["edge", "invite", "--data", &data]] {
        let output = Command::new(HUB).args(args).env_clear().output().await?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let certificate = std::fs::read(fixture.hub.data.join("tls/server.pem"))?;
    fixture.hub.kill()?;
    fixture.start().await?;
    ensure!(std::fs::read(fixture.hub.data.join("tls/server.pem"))? == certificate);
    fixture.finish()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_wrong_protocol_is_told_apart() -> Result<()> {
    let fixture = Fixture::hub_ca().await?;
    let mut stream = TcpStream::connect(fixture.api()).await?;
    stream.write_all(b"GET /health HTTP/1.1\r\nHost: hub\r\n\r\n").await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    ensure!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    ensure!(answer.contains("this port speaks HTTPS"), "{answer}");
    let plain = format!("http://{}", fixture.api());
    fixture.says(&["health", "--url", &plain], 6, "it speaks https, not http").await?;
    fixture.says(&["login", &plain], 6, "it speaks https, not http").await?;
    fixture.finish()?;

    let mut fixture = Fixture::new("{mode: off}")?;
    fixture.start().await?;
    fixture.says(&["health", "--url", &fixture.url()], 6, "does not speak https").await?;
    fixture.says(&["login", &fixture.url()], 6, "does not speak https").await?;
    fixture.finish()
}

/// A certificate for localhost, and its key.
fn pair() -> Result<(String, String)> {
    let key = KeyPair::generate()?;
    let params = CertificateParams::new(["localhost".to_owned()])?;
    Ok((params.self_signed(&key)?.pem(), key.serialize_pem()))
}

#[tokio::test(flavor = "multi_thread")]
async fn given_files_are_checked_and_taken_up_when_they_change() -> Result<()> {
    let mut fixture = Fixture::new("{mode: files, cert: cert.pem, key: key.pem}")?;
    let place = Arc::clone(&fixture.place);
    let give = |(cert, key): &(String, String)| -> Result<()> {
        place.file("cert.pem", cert.as_bytes())?;
        place.file("key.pem", key.as_bytes())?;
        Ok(())
    };
    let (first, second) = (pair()?, pair()?);
    // Missing, then such as do not belong together: refused by name.
    for words in [&["server.tls.cert", "cert.pem"][..], &["server.tls.key", "key.pem"]] {
        fixture.hub.launch()?;
        fixture.hub.process()?.says(words).await?;
        eventually("its end", async || Ok((!fixture.hub.process()?.is_running()?).then_some(())))
            .await?;
        give(&(first.0.clone(), second.1.clone()))?;
    }
    give(&first)?;
    fixture.start().await?;
    let trusting = |ca: &str, fixture: &Fixture| {
        Client::over_tls(fixture.api().port(), fixture.key()?, ca, true)
    };
    trusting(&first.0, &fixture)?.health().await?;
    let (address, cert) = (fixture.api(), place.path("cert.pem").display().to_string());
    let health = ["health", "--url", &format!("https://{address}"), "--ca", &cert];
    fixture.says(&health, 6, "does not carry this name").await?;
    // The new certificate comes without its key at first.
    place.file("cert.pem", second.0.as_bytes())?;
    fixture.hub.process()?.says(&["keeps the certificate that it has", "key.pem"]).await?;
    trusting(&first.0, &fixture)?.health().await?;
    place.file("key.pem", second.1.as_bytes())?;
    let client = trusting(&second.0, &fixture)?;
    eventually("the new certificate", async || client.health().await.map(Some)).await?;
    ensure!(trusting(&first.0, &fixture)?.health().await.is_err());
    fixture.finish()
}

#[tokio::test(flavor = "multi_thread")]
async fn stalled_handshakes_keep_nobody_from_being_served() -> Result<()> {
    let fixture = Fixture::hub_ca().await?;
    let mut stalled = Vec::new();
    for number in 0..STALLED {
        let mut stream = TcpStream::connect(fixture.api()).await?;
        // Some say nothing at all.
        stream.write_all(&[0x16, 3, 1, 2, 0, 1][..number % 7]).await?;
        stalled.push(stream);
    }
    for http2 in [false, true] {
        for _ in 0..5 {
            // Each over a connection of its own.
            fixture.client(&fixture.ca(), http2)?.health().await?;
        }
    }
    drop(stalled);
    fixture.finish()
}
