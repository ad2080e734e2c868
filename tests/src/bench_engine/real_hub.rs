//! A hub in a process of its own, set up so that nothing but the engine limits
//! what is measured.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use reqwest::{Method, StatusCode};
use rustls::RootCertStore;
use serde_json::{Value, json};

use crate::bench::idle;
use crate::harness::{Client, Hub, HubPorts, Place, builder};

/// An agent that is asked for each call that changes something.
const CAREFUL: &str = "\
name: Careful
description: Asks before it acts
tools: [file_list]
approval_required: true
system_prompt: Look with the tool, then answer.
";

/// One client asks as often as it can, and one workspace may queue it all.
const CONFIG: &str = "\
agents: {path: agents}
limits:
  requests_per_minute_per_key: 1000000
  requests_per_minute_per_address: 1000000
  burst: 100000
engine: {queue_limit: 100000}
";

/// Leases outlast every absence of the hub.
const LEASE_SECONDS: &str = "60";

/// A hub that is not started yet, in `data`.
pub(super) fn prepare(place: &Arc<Place>, program: &Path, data: &str) -> Result<Hub> {
    place.folder("agents")?;
    place.file("agents/careful.yaml", CAREFUL.as_bytes())?;
    let config = place.file("agent_os.yaml", CONFIG.as_bytes())?;
    let config = config.to_str().context("a folder with a strange name")?;
    let args = ["--config", config, "--lease-seconds", LEASE_SECONDS];
    Ok(Hub::new(place, program, place.folder(data)?, HubPorts::free()?, &args))
}

/// A hub that runs, without an edge.
pub(super) struct RealHub {
    pub(super) hub: Hub,
    pub(super) client: Client,
    pub(super) place: Arc<Place>,
    stable_looks: usize,
}

impl RealHub {
    pub(super) async fn start(program: &Path, stable_looks: usize) -> Result<Self> {
        let place = Arc::new(Place::new()?);
        let mut hub = prepare(&place, program, "hub")?;
        let client = hub.start().await?;
        Ok(Self { hub, client, place, stable_looks })
    }

    /// What it takes of the machine.
    pub(super) async fn footprint(&mut self) -> Result<Footprint> {
        let id = self.hub.process()?.id();
        let bytes = idle::settled(id, self.stable_looks).await.context("the hub has ended")?;
        let mb = u32::try_from(bytes / 1024).map_or(f64::NAN, f64::from) * 1024.0 / 1e6;
        Ok(Footprint { mb, threads: count(id, "task"), files: count(id, "fd") })
    }
}

/// What a process takes of the machine.
#[derive(Debug, Clone, Copy)]
pub(super) struct Footprint {
    /// Resident memory, in millions of bytes.
    pub(super) mb: f64,
    /// `None` where the system does not tell.
    pub(super) threads: Option<usize>,
    /// Open files and connections; `None` where the system does not tell.
    pub(super) files: Option<usize>,
}

fn count(process: u32, what: &str) -> Option<usize> {
    Some(std::fs::read_dir(format!("/proc/{process}/{what}")).ok()?.count())
}

/// A client that keeps its connections, to ask often.
pub(super) struct Api {
    http: reqwest::Client,
    base: String,
    key: String,
}

impl Api {
    pub(super) fn new(hub: &Hub) -> Result<Self> {
        let http = builder(RootCertStore::empty(), &[])?.pool_max_idle_per_host(64).build()?;
        let key = std::fs::read_to_string(hub.data.join("admin.key"))?.trim().to_owned();
        Ok(Self { http, base: format!("http://{}", hub.ports.api), key })
    }

    /// Asks for a task, and does not wait for it.
    pub(super) async fn submit(&self) -> Result<()> {
        let body = json!({ "input": "which notes speak of the harbour?" });
        let url = format!("{}/api/tasks", self.base);
        let request = self.http.request(Method::POST, url).bearer_auth(&self.key);
        let reply = request.header("prefer", "respond-async").json(&body).send().await?;
        let status = reply.status();
        let said: Value = reply.json().await?;
        ensure!(status == StatusCode::ACCEPTED, "a task was refused: {said}");
        Ok(())
    }
}
