//! Who runs the commands of a case: the tool, or nobody in particular.

use std::collections::BTreeMap;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use agentos_domain::{RateLimit, RatePeriod, ToolCall, ToolOutcome, ToolSpec};
use agentos_sandbox::{Confinement, ConfinementConfig, GrantedRoot, Limits, Tier, UserRange};
use agentos_tools::{BashConfig, BashExecution, Registry, ToolContext};
use anyhow::{Result, bail};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use crate::place::{Place, UID, is_root};

/// Set where programs without a network get no network namespace either.
pub const SHARED_NETWORK: &str = "AGENTOS_ESCAPE_SHARED_NETWORK";

/// Who runs commands.
pub enum Shell {
    /// The tool, in the sandbox.
    Tool(Box<Tool>),
    /// The same user without a sandbox: the positive control.
    Plain,
}

/// The tools of a run, in the sandbox.
pub struct Tool {
    runtime: Runtime,
    registry: Registry,
    context: ToolContext,
    tier: Tier,
}

/// Limits that are met soon.
#[must_use]
pub fn small_limits() -> Limits {
    Limits {
        wall: Duration::from_secs(8),
        cpu: Duration::from_secs(6),
        memory: 1 << 30,
        processes: 48,
        file_size: 32 << 20,
        disk: 64 << 20,
        files: 2000,
        ..Limits::default()
    }
}

/// How a place's programs are confined, in `tier` at most.
#[must_use]
pub fn confinement(place: &Place, tier: Tier) -> ConfinementConfig {
    let mut config = ConfinementConfig::new(&place.launcher, &place.scratch);
    if tier < Tier::Bubblewrap {
        config.bubblewrap = None;
    }
    config.users = UserRange { first: UID, count: 16 };
    config.own_network = std::env::var_os(SHARED_NETWORK).is_none();
    config
}

impl Shell {
    /// The tool over a place, in exactly this tier. `None` where the machine
    /// does not have it, with the reason.
    ///
    /// # Errors
    /// No confinement at all.
    pub fn in_tier(place: &Place, tier: Tier) -> Result<Result<Self, String>> {
        let runtime = Runtime::new()?;
        let confinement = runtime.block_on(Confinement::detect(confinement(place, tier)))?;
        if confinement.tier() != tier {
            let reason = confinement.weaker_because().unwrap_or("unknown");
            return Ok(Err(reason.to_owned()));
        }
        let config = BashConfig {
            executable: vec![place.programs.clone()],
            environment: BTreeMap::from([("ALLOWED".to_owned(), "yes".to_owned())]),
            limits: small_limits(),
            // What is tried here is the confinement.
            rate: RateLimit { calls: 10_000, per: RatePeriod::Second },
            ..BashConfig::default()
        };
        let mut registry = Registry::with_file_tools();
        registry.insert(Arc::new(BashExecution::new(Arc::new(confinement), config)))?;
        let context = ToolContext {
            root: Arc::new(GrantedRoot::grant(&place.workspace)?),
            idempotency_key: "key".to_owned(),
            cancel: CancellationToken::new(),
        };
        Ok(Ok(Self::Tool(Box::new(Tool { runtime, registry, context, tier }))))
    }

    /// Runs a command and answers all that it said.
    ///
    /// # Errors
    /// It could not be run.
    pub fn bash(&self, place: &Place, command: &str) -> Result<String> {
        match self {
            Self::Tool(tool) => tool.bash(command),
            Self::Plain => plain(&place.workspace, command),
        }
    }

    /// The tools, unless this is the positive control.
    #[must_use]
    pub fn tool(&self) -> Option<&Tool> {
        match self {
            Self::Tool(tool) => Some(tool),
            Self::Plain => None,
        }
    }
}

impl Tool {
    /// In which tier.
    #[must_use]
    pub fn tier(&self) -> Tier {
        self.tier
    }

    /// A tool's declaration.
    #[must_use]
    pub fn spec(&self, name: &str) -> Option<&ToolSpec> {
        self.registry.spec(&name.parse().ok()?)
    }

    /// Calls a tool.
    ///
    /// # Errors
    /// There can be no tool of this name.
    pub fn call(&self, name: &str, arguments: Value) -> Result<ToolOutcome> {
        let call = ToolCall {
            id: "1".to_owned(),
            name: name.parse().map_err(|_| anyhow::anyhow!("no name of a tool"))?,
            arguments,
        };
        Ok(self.runtime.block_on(self.registry.call(&call, &self.context)))
    }

    fn bash(&self, command: &str) -> Result<String> {
        match self.call("bash_execution", json!({ "command": command }))? {
            ToolOutcome::Ok(answer) => Ok(answer.to_string()),
            ToolOutcome::Err(error) => bail!("the tool failed: {error}"),
        }
    }

    /// Begins a command and gives up on it after `time`: its future is dropped.
    ///
    /// # Errors
    /// It ended earlier.
    pub fn abandon(&self, command: &str, time: Duration) -> Result<()> {
        let call = ToolCall {
            id: "1".to_owned(),
            name: "bash_execution".parse().map_err(|_| anyhow::anyhow!("no name of a tool"))?,
            arguments: json!({ "command": command }),
        };
        let work =
            async { tokio::time::timeout(time, self.registry.call(&call, &self.context)).await };
        if let Ok(outcome) = self.runtime.block_on(work) {
            bail!("it ended by itself: {outcome:?}");
        }
        Ok(())
    }

    /// Commands at the same time.
    ///
    /// # Errors
    /// There can be no tool of this name.
    pub fn together(&self, commands: &[String]) -> Result<Vec<ToolOutcome>> {
        let calls: Vec<_> = commands
            .iter()
            .map(|command| {
                Ok(ToolCall {
                    id: "1".to_owned(),
                    name: "bash_execution".parse().map_err(|_| anyhow::anyhow!("no name"))?,
                    arguments: json!({ "command": command }),
                })
            })
            .collect::<Result<_>>()?;
        let mut outcomes = Vec::new();
        std::thread::scope(|scope| {
            let started: Vec<_> = calls
                .iter()
                .map(|call| {
                    let work = || self.runtime.block_on(self.registry.call(call, &self.context));
                    scope.spawn(work)
                })
                .collect();
            outcomes = started.into_iter().filter_map(|work| work.join().ok()).collect();
        });
        Ok(outcomes)
    }
}

/// A program as the user that the sandbox uses, without the sandbox.
#[must_use]
pub fn as_user(program: impl Into<PathBuf>) -> Command {
    let mut command = Command::new(program.into());
    if is_root() {
        command.uid(UID).gid(UID);
    }
    command
}

fn plain(folder: &Path, command: &str) -> Result<String> {
    let mut bash = as_user("/bin/bash");
    bash.args(["-c", command]).current_dir(folder).stdin(Stdio::null());
    // A group of its own: what it leaves behind is ended by its case.
    let output = bash.process_group(0).output()?;
    let said = [output.stdout, output.stderr].concat();
    Ok(String::from_utf8_lossy(&said).into_owned())
}
