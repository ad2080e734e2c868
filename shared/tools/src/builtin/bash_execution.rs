//! `bash_execution`: a command of the shell, confined over the run's folder.
//!
//! It reads the whole folder and writes only the parts that were chosen when
//! the tool was made. What it leaves there that is no regular file with an
//! ordinary name is taken away before anybody looks.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use agentos_domain::{
    ArgumentRole, RateLimit, RatePeriod, RelPath, ToolClass, ToolError, ToolSpec,
};
use agentos_sandbox::{
    ChildOutcome, ChildSpec, Collected, Confinement, Limits, Network, Tier, collect,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{Tool, ToolContext, arguments, blocking};

const SHELL: &str = "/bin/bash";
/// Bytes of a command: more does not fit an argument of a program.
const MAX_COMMAND: usize = 64 * 1024;
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);

/// What commands may use.
#[derive(Debug, Clone)]
pub struct BashConfig {
    /// Parts of the run's folder that they may write.
    pub writable: Vec<RelPath>,
    /// Paths of the machine that they may read and execute, besides the
    /// system's: interpreters, checkers.
    pub executable: Vec<PathBuf>,
    /// Variables of their environment.
    pub environment: BTreeMap<String, String>,
    /// The most that one may use up; `wall` is the longest `timeout_seconds`.
    pub limits: Limits,
    /// What of the network they may use.
    pub network: Network,
    /// The weakest confinement that will do.
    pub at_least: Tier,
    /// The most commands in a time.
    pub rate: RateLimit,
}

impl Default for BashConfig {
    /// Writes `temp` and `outputs`; ten a minute, of five minutes at most; no network.
    fn default() -> Self {
        let writable = ["temp", "outputs"].iter().filter_map(|name| name.parse().ok());
        Self {
            writable: writable.collect(),
            executable: Vec::new(),
            environment: BTreeMap::new(),
            limits: Limits { wall: Duration::from_secs(300), ..Limits::default() },
            network: Network::None,
            at_least: Tier::Launcher,
            rate: RateLimit { calls: 10, per: RatePeriod::Minute },
        }
    }
}

/// The tool `bash_execution`.
#[derive(Debug)]
pub struct BashExecution {
    spec: ToolSpec,
    confinement: Arc<Confinement>,
    config: BashConfig,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    command: String,
    timeout_seconds: Option<u64>,
}

impl BashExecution {
    /// In a confinement that was established: without one there is no such tool.
    #[must_use]
    pub fn new(confinement: Arc<Confinement>, config: BashConfig) -> Self {
        let spec = Self::declaration(&config);
        Self { spec, confinement, config }
    }

    /// What the tool says of itself with this configuration.
    #[must_use]
    pub fn declaration(config: &BashConfig) -> ToolSpec {
        let folders: Vec<_> = config.writable.iter().map(RelPath::as_str).collect();
        let most = config.limits.wall.as_secs().max(1);
        let properties = json!({
            "command": {
                "type": "string", "minLength": 1, "maxLength": MAX_COMMAND,
                "description": "what `bash -c` runs, in the workspace",
            },
            "timeout_seconds": {
                "type": "integer", "minimum": 1, "maximum": most,
                "description": "when it is ended, 60 by default",
            },
        });
        let writes = if folders.is_empty() { "nothing".to_owned() } else { folders.join(", ") };
        let description = format!(
            "Runs a command of bash in the workspace, confined: no network, reads the workspace, \
             writes only {writes} and temporary files that end with the command"
        );
        arguments::spec("bash_execution", ToolClass::Once, description, properties, &["command"])
            .needs("process.spawn")
            .argument("command", ArgumentRole::Destination)
            .argument("timeout_seconds", ArgumentRole::Selector)
            .with_untrusted_output()
            .dangerous()
            .limited_to(config.rate)
    }

    /// What a call runs.
    fn child(&self, arguments: &Arguments, folder: &Path) -> ChildSpec {
        let wanted = arguments.timeout_seconds.map_or(DEFAULT_TIMEOUT, Duration::from_secs);
        let mut child = ChildSpec::new(SHELL, folder);
        child.arguments = vec!["-c".into(), arguments.command.as_str().into()];
        child.writable = self.config.writable.iter().map(|path| path.as_str().into()).collect();
        child.executable.clone_from(&self.config.executable);
        child.environment.clone_from(&self.config.environment);
        child.limits = self.config.limits.clone();
        child.limits.wall = wanted.min(self.config.limits.wall);
        child.network.clone_from(&self.config.network);
        child.at_least = self.config.at_least;
        child
    }
}

#[async_trait::async_trait]
impl Tool for BashExecution {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    async fn call(&self, arguments: Value, context: &ToolContext) -> Result<Value, ToolError> {
        let arguments: Arguments = arguments::parse(arguments)?;
        if arguments.command.contains('\0') {
            let message = "a command has no NUL character: leave it out";
            return Err(ToolError::new("invalid_arguments", message));
        }
        let child = self.child(&arguments, context.root.path());
        let ran = context.cancel.run_until_cancelled(self.confinement.run(&child)).await;
        let outcome = ran.ok_or_else(blocking::cancelled)??;
        let (root, writable) = (Arc::clone(&context.root), self.config.writable.clone());
        let work = move || collect(&root, &writable);
        let collected = tokio::task::spawn_blocking(work).await.map_err(std::io::Error::other);
        let collected = collected.and_then(|collected| collected).map_err(|error| {
            let message = format!("the command ran, what it wrote cannot be taken: {error}");
            ToolError::new("io", message)
        })?;
        Ok(answer(outcome, &collected))
    }
}

fn answer(outcome: ChildOutcome, collected: &Collected) -> Value {
    let mut result = Map::new();
    let mut put = |key: &str, value: Value| result.insert(key.to_owned(), value);
    put("exit_code", outcome.code.into());
    put("stdout", outcome.stdout.text.into());
    put("stderr", outcome.stderr.text.into());
    put("truncated", (outcome.stdout.truncated || outcome.stderr.truncated).into());
    if let Some(limit) = outcome.limit {
        put("ended_by_limit", limit.name().into());
    }
    if collected.left_out_count > 0 {
        let named = collected.left_out.iter();
        let named: Vec<_> =
            named.map(|left| json!({ "path": left.path, "is": left.reason })).collect();
        put("left_out", named.into());
        put("left_out_count", collected.left_out_count.into());
    }
    Value::Object(result)
}
