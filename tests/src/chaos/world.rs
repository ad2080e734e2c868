//! The hub and the edge, each told where to die next.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use agentos_faults::{CRASH_AT, CRASH_LOG};
use anyhow::Result;

use super::ground::Ground;
use super::plan::{CAREFUL, FREE};
use super::schedule::Target;
use crate::harness::{Client, Edge, EdgeProgram, Hub, Place, Process};

/// Shorter than the pauses and partitions that happen, so that leases expire.
const LEASE_SECONDS: &str = "4";
/// Fewer than there are in flight, so that both edges have something to do.
const RUNS_PER_EDGE: &str = "5";

/// The programs under test.
#[derive(Debug, Clone)]
pub struct Programs {
    /// The hub.
    pub hub: PathBuf,
    /// The edge with counted tools.
    pub edge: PathBuf,
}

/// A machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Machine {
    /// The hub's.
    Hub,
    /// The edge that is aimed at and cut off.
    Edge,
    /// The edge beside it, which takes its runs over.
    Other,
}

impl Machine {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::Hub, Self::Edge, Self::Other];

    /// What its process and its log are called.
    fn name(self) -> &'static str {
        match self {
            Self::Hub => "hub",
            Self::Edge => "edge",
            Self::Other => "other",
        }
    }

    /// The file in which its program notes what it passes.
    fn passages(self) -> String {
        format!("{}-points.log", self.name())
    }
}

/// What runs.
pub(crate) struct World {
    /// Dropped before the place that it keeps busy.
    edge: Edge,
    other: Edge,
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
        for machine in Machine::ALL {
            place.file(&machine.passages(), b"")?;
        }
        let data = place.folder("hub")?;
        ground.lay(&place, &data);
        let args = ["--config", &config, "--lease-seconds", LEASE_SECONDS];
        let args = [&args[..], &["--runs-per-edge", RUNS_PER_EDGE]].concat();
        let mut hub = Hub::new(&place, &programs.hub, data, ground.ports()?, &args);
        ground.settle_hub(&mut hub);
        let passages = place.path(&Machine::Hub.passages());
        hub.set_env(CRASH_LOG, Some(passages.display().to_string()));
        let client = hub.start().await?;
        let edge = |machine: Machine| {
            let mut edge = Edge::new(&place, EdgeProgram::plain(&programs.edge), machine.name())?;
            edge.set_env("AGENT_OS_EFFECTS", effects.display().to_string());
            let passages = place.path(&machine.passages());
            edge.set_env(CRASH_LOG, passages.display().to_string());
            Ok::<_, anyhow::Error>(edge)
        };
        let (mut edge, mut other) = (edge(Machine::Edge)?, edge(Machine::Other)?);
        // The other one is on the hub's machine: it is never cut off.
        ground.settle_edge(&mut edge);
        for edge in [&mut edge, &mut other] {
            edge.join(&hub.ports.link.to_string(), &client.invite().await?).await?;
            edge.start(&client).await?;
        }
        Ok(Self { edge, other, hub, ground, client, place })
    }

    /// A machine's process.
    ///
    /// # Errors
    /// If it was never started.
    pub(crate) fn process(&mut self, machine: Machine) -> Result<&mut Process> {
        match machine {
            Machine::Hub => self.hub.process(),
            Machine::Edge => self.edge.process(),
            Machine::Other => self.other.process(),
        }
    }

    /// Starts a machine's program again, to die at a point or not.
    ///
    /// # Errors
    /// If it cannot be started.
    pub(crate) fn launch(&mut self, machine: Machine, target: Option<&Target>) -> Result<()> {
        let at = target.map(|target| {
            let then = if target.stops { ":stop" } else { "" };
            format!("{}:{}{then}", target.point, target.nth)
        });
        let edge = match machine {
            Machine::Hub => {
                self.hub.set_env(CRASH_AT, at);
                return self.hub.launch();
            }
            Machine::Edge => &mut self.edge,
            Machine::Other => &mut self.other,
        };
        edge.unset_env(CRASH_AT);
        if let Some(at) = at {
            edge.set_env(CRASH_AT, at);
        }
        edge.run().map(drop)
    }

    /// Waits until the hub answers and has a session with each edge.
    ///
    /// # Errors
    /// If it has none in time.
    pub(crate) async fn connected(&mut self) -> Result<()> {
        self.edge.connected(&self.client).await?;
        self.other.connected(&self.client).await.map(drop)
    }

    /// The points at which a machine's processes were `killed` or `stopped`, in
    /// order.
    ///
    /// # Errors
    /// If the file system refuses.
    pub(crate) fn met(&self, machine: Machine, how: &str) -> Result<Vec<String>> {
        let text = std::fs::read_to_string(self.place.path(&machine.passages()))?;
        let points = text.lines().filter_map(|line| line.strip_prefix(how));
        Ok(points.map(|point| point.trim_start().to_owned()).collect())
    }
}
