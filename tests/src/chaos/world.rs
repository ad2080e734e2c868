//! The hub and the edge, each told where to die next.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use agentos_faults::{CRASH_AT, CRASH_LOG, Program};
use anyhow::Result;

use super::ground::Ground;
use super::plan::{CAREFUL, FREE};
use super::schedule::Target;
use crate::harness::{Client, Edge, EdgeProgram, Hub, Place, Process};

/// Shorter than the pauses and partitions that happen, so that leases expire.
const LEASE_SECONDS: &str = "4";

/// The programs under test.
#[derive(Debug, Clone)]
pub struct Programs {
    /// The hub.
    pub hub: PathBuf,
    /// The edge with counted tools.
    pub edge: PathBuf,
}

/// What runs.
pub(crate) struct World {
    /// Dropped before the place that it keeps busy.
    edge: Edge,
    hub: Hub,
    /// Network and disk.
    pub(crate) ground: Ground,
    /// The hub's API.
    pub(crate) client: Client,
    /// The folders.
    pub(crate) place: Arc<Place>,
}

/// An agent's file.
fn agent(name: &str, asks: bool) -> String {
    format!(
        "name: {name}\ndescription: Does as planned\ntools: [look, put, send]\n\
         max_iterations: 20\ntimeout_seconds: 900\napproval_required: {asks}\n\
         system_prompt: Do as planned.\n"
    )
}

const LIMITS: &str = "limits:\n  requests_per_minute_per_key: 1000000\n  \
    requests_per_minute_per_address: 1000000\n  burst: 100000\n";

/// The file in which the program notes what it passes.
fn passages(program: Program) -> &'static str {
    match program {
        Program::Hub => "hub-points.log",
        Program::Edge => "edge-points.log",
    }
}

impl World {
    /// Starts both, without any harm, over a socket of counted effects.
    ///
    /// # Errors
    /// If they do not come up.
    pub(crate) async fn start(
        programs: &Programs,
        place: Arc<Place>,
        mut ground: Ground,
        effects: &Path,
    ) -> Result<Self> {
        place.folder("agents")?;
        place.file("agents/free.yaml", agent(FREE, false).as_bytes())?;
        place.file("agents/careful.yaml", agent(CAREFUL, true).as_bytes())?;
        let config = format!("agents: {{path: agents}}\n{LIMITS}");
        let config = place.file("agent_os.yaml", config.as_bytes())?.display().to_string();
        for program in [Program::Hub, Program::Edge] {
            place.file(passages(program), b"")?;
        }
        let data = place.folder("hub")?;
        ground.lay(&place, &data);
        let args = ["--config", &config, "--lease-seconds", LEASE_SECONDS];
        let mut hub = Hub::new(&place, &programs.hub, data, ground.ports()?, &args);
        ground.settle_hub(&mut hub);
        hub.set_env(CRASH_LOG, Some(place.path(passages(Program::Hub)).display().to_string()));
        let client = hub.start().await?;
        let mut edge = Edge::new(&place, EdgeProgram::plain(&programs.edge), "edge")?;
        ground.settle_edge(&mut edge);
        edge.set_env("AGENT_OS_EFFECTS", effects.display().to_string());
        edge.join(&hub.ports.link.to_string(), &client.invite().await?).await?;
        edge.set_env(CRASH_LOG, place.path(passages(Program::Edge)).display().to_string());
        edge.start(&client).await?;
        Ok(Self { edge, hub, ground, client, place })
    }

    /// A program's process.
    ///
    /// # Errors
    /// If it was never started.
    pub(crate) fn process(&mut self, program: Program) -> Result<&mut Process> {
        match program {
            Program::Hub => self.hub.process(),
            Program::Edge => self.edge.process(),
        }
    }

    /// Starts a program again, to die at a point or not.
    ///
    /// # Errors
    /// If it cannot be started.
    pub(crate) fn launch(&mut self, program: Program, target: Option<&Target>) -> Result<()> {
        let at = target.map(|target| format!("{}:{}", target.point, target.nth));
        match program {
            Program::Hub => {
                self.hub.set_env(CRASH_AT, at);
                self.hub.launch()
            }
            Program::Edge => {
                self.edge.unset_env(CRASH_AT);
                if let Some(at) = at {
                    self.edge.set_env(CRASH_AT, at);
                }
                self.edge.run().map(drop)
            }
        }
    }

    /// Waits until the hub answers and has a session with the edge.
    ///
    /// # Errors
    /// If it has none in time.
    pub(crate) async fn connected(&mut self) -> Result<()> {
        self.edge.connected(&self.client).await.map(drop)
    }

    /// The points at which a program's processes died, in order.
    ///
    /// # Errors
    /// If the file system refuses.
    pub(crate) fn deaths(&self, program: Program) -> Result<Vec<String>> {
        let text = std::fs::read_to_string(self.place.path(passages(program)))?;
        let deaths = text.lines().filter_map(|line| line.strip_prefix("killed "));
        Ok(deaths.map(str::to_owned).collect())
    }
}
