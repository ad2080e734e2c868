//! A client of the hub's API.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use agentos_domain::{Step, Task, TaskId, TaskStatus};
use anyhow::{Context as _, Result, ensure};
use reqwest::{Method, StatusCode};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};

use super::events::Watch;
use super::wait::{DEADLINE, eventually};

/// Before a request that came too early is sent again.
const TOO_MANY_PAUSE: Duration = Duration::from_millis(200);

/// An answer of the API.
#[derive(Debug)]
pub struct Reply {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: reqwest::header::HeaderMap,
    /// Its body.
    pub body: Vec<u8>,
}

impl Reply {
    /// The body as JSON.
    ///
    /// # Errors
    /// If it is none.
    pub fn json(&self) -> Result<Value> {
        let text = || String::from_utf8_lossy(&self.body).into_owned();
        serde_json::from_slice(&self.body).with_context(text)
    }

    fn expect(self, status: StatusCode) -> Result<Self> {
        let said = String::from_utf8_lossy(&self.body);
        ensure!(self.status == status, "expected {status}, got {}: {said}", self.status);
        Ok(self)
    }
}

/// What every HTTP client here has in common; over TLS it trusts `roots`.
///
/// # Errors
/// If TLS cannot be set up.
pub fn builder(roots: RootCertStore, alpn: &[&[u8]]) -> Result<reqwest::ClientBuilder> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
    Ok(reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .no_proxy()
        .connect_timeout(Duration::from_secs(5))
        // A killed hub leaves dead connections behind.
        .pool_max_idle_per_host(0))
}

/// The API of one hub, with its admin key.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    key: String,
}

impl Client {
    /// A client of the API at `address`.
    ///
    /// # Errors
    /// If the HTTP client cannot be made.
    pub fn new(address: SocketAddr, key: impl Into<String>) -> Result<Self> {
        let http = builder(RootCertStore::empty(), &[])?.build()?;
        Ok(Self { http, base: format!("http://{address}"), key: key.into() })
    }

    /// A client of the API at `https://localhost`, of an authority that
    /// `ca_pem` holds; HTTP/2, where it is wanted.
    ///
    /// # Errors
    /// If the certificate cannot be read or the HTTP client not be made.
    pub fn over_tls(port: u16, key: impl Into<String>, ca_pem: &str, http2: bool) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(ca_pem.as_bytes()) {
            roots.add(certificate?)?;
        }
        let alpn: &[&[u8]] = if http2 { &[b"h2"] } else { &[b"http/1.1"] };
        let http = builder(roots, alpn)?.https_only(true).build()?;
        Ok(Self { http, base: format!("https://localhost:{port}"), key: key.into() })
    }

    /// A request that can be completed and sent.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base)).bearer_auth(&self.key)
    }

    /// Sends a request; again where the hub says that there were too many.
    ///
    /// # Errors
    /// If there is no answer in time; whatever its status.
    pub async fn send(&self, request: reqwest::RequestBuilder) -> Result<Reply> {
        let exchange = async {
            loop {
                let again = request.try_clone().context("a body that is sent only once")?;
                let reply = again.send().await?;
                let (status, headers) = (reply.status(), reply.headers().clone());
                if status == StatusCode::TOO_MANY_REQUESTS {
                    tokio::time::sleep(TOO_MANY_PAUSE).await;
                    continue;
                }
                let body = reply.bytes().await?.to_vec();
                return Ok(Reply { status, headers, body });
            }
        };
        tokio::time::timeout(DEADLINE, exchange).await.context("the API does not answer")?
    }

    async fn get(&self, path: &str) -> Result<Value> {
        self.send(self.request(Method::GET, path)).await?.expect(StatusCode::OK)?.json()
    }

    async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        let request = self.request(Method::POST, path).json(body);
        self.send(request).await?.expect(StatusCode::OK)?.json()
    }

    /// Whether the API answers.
    ///
    /// # Errors
    /// If it does not.
    pub async fn health(&self) -> Result<Value> {
        self.get("/health").await
    }

    /// Asks for a task without waiting for it.
    ///
    /// # Errors
    /// If it is not accepted.
    pub async fn submit(&self, body: &Value) -> Result<Task> {
        let request = self.request(Method::POST, "/api/tasks").header("prefer", "respond-async");
        let reply = self.send(request.json(body)).await?.expect(StatusCode::ACCEPTED)?;
        Ok(serde_json::from_value(reply.json()?)?)
    }

    /// A task.
    ///
    /// # Errors
    /// If there is none.
    pub async fn task(&self, task: &Task) -> Result<Task> {
        Ok(serde_json::from_value(self.get(&format!("/api/tasks/{}", task.task_id)).await?)?)
    }

    /// The newest tasks, 100 at most.
    ///
    /// # Errors
    /// If the hub does not tell.
    pub async fn tasks(&self) -> Result<Vec<Task>> {
        let mut list = self.get("/api/tasks?limit=100").await?;
        Ok(serde_json::from_value(list["items"].take())?)
    }

    /// Waits for a task's end.
    ///
    /// # Errors
    /// If it does not come in time.
    pub async fn finished(&self, task: &Task) -> Result<Task> {
        eventually("the task's end", async || {
            Ok(Some(self.task(task).await?).filter(|task| task.status.is_final()))
        })
        .await
    }

    /// Waits for a status.
    ///
    /// # Errors
    /// If it does not come in time.
    pub async fn reaches(&self, task: &Task, status: TaskStatus) -> Result<Task> {
        eventually(&format!("the status {status}"), async || {
            Ok(Some(self.task(task).await?).filter(|task| task.status == status))
        })
        .await
    }

    /// A task's journal.
    ///
    /// # Errors
    /// If there is none.
    pub async fn steps(&self, task: &Task) -> Result<Vec<Step>> {
        let mut list = self.get(&format!("/api/tasks/{}/steps", task.task_id)).await?;
        Ok(serde_json::from_value(list["items"].take())?)
    }

    /// Follows a task from its beginning.
    #[must_use]
    pub fn watch(&self, task: &Task) -> Watch {
        Watch::new(self.clone(), task.task_id.clone())
    }

    /// As [`Self::watch`], by the task's id.
    #[must_use]
    pub fn watch_id(&self, task: &TaskId) -> Watch {
        Watch::new(self.clone(), task.clone())
    }

    /// Ends a task.
    ///
    /// # Errors
    /// If the hub refuses.
    pub async fn cancel(&self, task: &Task) -> Result<Task> {
        let path = format!("/api/tasks/{}/cancel", task.task_id);
        Ok(serde_json::from_value(self.post(&path, &json!({})).await?)?)
    }

    /// All edges that ever joined.
    ///
    /// # Errors
    /// If the hub does not tell.
    pub async fn edges(&self) -> Result<Vec<Value>> {
        let mut list = self.get("/api/edges").await?;
        Ok(serde_json::from_value(list["items"].take())?)
    }

    /// The edge of this name.
    ///
    /// # Errors
    /// If there is not exactly one.
    pub async fn edge(&self, name: &str) -> Result<Value> {
        let mut edges = self.edges().await?;
        edges.retain(|edge| edge["name"] == name);
        ensure!(edges.len() == 1, "{} edges are called {name}", edges.len());
        edges.pop().context("no edge")
    }

    /// A one-time token.
    ///
    /// # Errors
    /// If the hub refuses.
    pub async fn invite(&self) -> Result<String> {
        let reply = self.post("/api/edges/invite", &json!({})).await?;
        Ok(reply["token"].as_str().context("no token")?.to_owned())
    }

    /// Shuts an edge out.
    ///
    /// # Errors
    /// If the hub refuses.
    pub async fn revoke(&self, edge_id: &str) -> Result<Value> {
        self.post(&format!("/api/edges/{edge_id}/revoke"), &json!({})).await
    }

    /// Uploads a file.
    ///
    /// # Errors
    /// If the hub refuses.
    pub async fn upload(&self, path: &str, content: &[u8]) -> Result<Value> {
        let request = self.request(Method::PUT, &format!("/api/files/{path}"));
        let reply = self.send(request.body(content.to_vec())).await?;
        reply.expect(StatusCode::CREATED)?.json()
    }

    /// The names of the files.
    ///
    /// # Errors
    /// If the hub does not tell.
    pub async fn files(&self) -> Result<Vec<String>> {
        let list = self.get("/api/files").await?;
        let items = list["items"].as_array().context("no items")?;
        Ok(items.iter().filter_map(|item| Some(item["path"].as_str()?.to_owned())).collect())
    }
}
