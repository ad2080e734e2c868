//! One hub and one edge.

use std::path::Path;
use std::sync::Arc;

use agentos_domain::{Task, TaskStatus};
use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::client::Client;
use super::edge::{Edge, EdgeProgram};
use super::hub::{Hub, HubPorts};
use super::journal::{Counts, check_whole};
use super::place::Place;
use super::probe::Probe;

/// What a system is made of.
pub struct Setup<'a> {
    /// The hub's program.
    pub hub: &'a Path,
    /// The edge's program.
    pub edge: &'a Path,
    /// More arguments of the hub.
    pub hub_args: &'a [&'a str],
    /// More arguments of the edge.
    pub edge_args: &'a [&'a str],
    /// The class of the counting tool.
    pub probe_class: &'a str,
}

impl<'a> Setup<'a> {
    /// These programs, started as usual.
    #[must_use]
    pub fn new(hub: &'a str, edge: &'a str) -> Self {
        Self {
            hub: Path::new(hub),
            edge: Path::new(edge),
            hub_args: &[],
            edge_args: &[],
            probe_class: "read",
        }
    }
}

/// A hub and an edge that has joined it, both running.
pub struct System {
    /// The edge. Dropped before the hub.
    pub edge: Edge,
    /// The hub.
    pub hub: Hub,
    /// The hub's API.
    pub client: Client,
    /// The gate of the counting tool.
    pub probe: Probe,
    /// The folders.
    pub place: Arc<Place>,
}

impl System {
    /// Starts a hub, lets an edge join, starts the edge.
    ///
    /// # Errors
    /// If anything of it fails.
    pub async fn start(setup: Setup<'_>) -> Result<Self> {
        let place = Arc::new(Place::new()?);
        let ports = HubPorts::free()?;
        let mut hub = Hub::new(&place, setup.hub, place.folder("hub")?, ports, setup.hub_args);
        let client = hub.start().await?;
        let class = setup.probe_class.to_owned();
        let prepare = |edge: &mut Edge| edge.set_env("AGENT_OS_PROBE_CLASS", class);
        Self::with(place, hub, client, setup.edge, setup.edge_args, prepare).await
    }

    /// Adds an edge to a hub that runs; `prepare` may change it before it joins.
    ///
    /// # Errors
    /// If anything of it fails.
    pub async fn with(
        place: Arc<Place>,
        hub: Hub,
        client: Client,
        edge: &Path,
        edge_args: &[&str],
        prepare: impl FnOnce(&mut Edge),
    ) -> Result<Self> {
        let probe = Probe::new(&place)?;
        let mut program = EdgeProgram::plain(edge);
        program.env.push(("AGENT_OS_PROBE_DIR".to_owned(), probe.folder()));
        program.args = edge_args.iter().map(|arg| (*arg).to_owned()).collect();
        let mut edge = Edge::new(&place, program, "edge")?;
        prepare(&mut edge);
        let mut system = Self { edge, hub, client, probe, place };
        let token = system.client.invite().await?;
        system.edge.join(&system.hub.ports.link.to_string(), &token).await?;
        system.edge.start(&system.client).await?;
        Ok(system)
    }

    /// Asks for a task whose first model call calls the counting tool; after
    /// it, the model talks for `max_tokens` tokens at most. With the
    /// demonstration weights and this temperature it never stops before.
    ///
    /// # Errors
    /// If it is not accepted.
    pub async fn submit(&self, max_tokens: u32) -> Result<Task> {
        self.client.submit(&request(max_tokens)).await
    }

    /// As [`Self::submit`], for this agent.
    ///
    /// # Errors
    /// If it is not accepted.
    pub async fn submit_to(&self, agent: &str, max_tokens: u32) -> Result<Task> {
        let mut body = request(max_tokens);
        body["agent"] = agent.into();
        self.client.submit(&body).await
    }

    /// Starts the hub again.
    ///
    /// # Errors
    /// If it does not come up.
    pub async fn restart_hub(&mut self) -> Result<()> {
        self.client = self.hub.start().await?;
        Ok(())
    }

    /// Starts the edge again.
    ///
    /// # Errors
    /// If it does not come up.
    pub async fn restart_edge(&mut self) -> Result<()> {
        self.edge.start(&self.client).await
    }

    /// Waits until the task is completed and checks its journal, and that the
    /// tool was called as often as the journal says.
    ///
    /// # Errors
    /// With what is wrong.
    pub async fn completed(&self, task: &Task) -> Result<Counts> {
        let task = self.client.finished(task).await?;
        ensure!(task.status == TaskStatus::Completed, "{task:#?}");
        let steps = self.client.steps(&task).await?;
        let counts = check_whole(&steps)?;
        ensure!(steps.len() as u64 == task.steps, "{} steps, told {}", steps.len(), task.steps);
        let calls = self.probe.calls()?;
        ensure!(
            calls.len() == counts.tool_intents + counts.tool_retries,
            "the tool was called {} times: {steps:#?}",
            calls.len()
        );
        Ok(counts)
    }

    /// The test is over and well: no logs need to be shown.
    pub fn passed(self) {
        self.place.passed();
    }
}

fn request(max_tokens: u32) -> Value {
    json!({
        "input": "Which files are there?",
        "tool_choice": "file_list",
        "max_tokens": max_tokens,
        "temperature": 0,
        "seed": 1,
    })
}
