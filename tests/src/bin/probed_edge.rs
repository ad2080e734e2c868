//! The edge, with one tool that counts its calls and can be made to wait,
//! and random weights for a model.
//!
//! Its `file_list` lists the whole workspace, whatever the model asks for.
//! Each call first appends its idempotency key to the file `calls` in the
//! folder `AGENT_OS_PROBE_DIR`, durably, then waits for a file `go` there. Its
//! class is `AGENT_OS_PROBE_CLASS`: read (if left out), idempotent or once. If
//! it is not read, and the workspace has a file `log.md`, the call adds its key
//! to that before it waits.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use agentos_config::ProcessEnvironment;
use agentos_domain::{RelPath, ToolClass, ToolError, ToolSpec};
use agentos_edge::{App, Cli, Command, Settings};
use agentos_inference::tiny;
use agentos_tools::{FileList, FileRead, FileSearch, MetadataExtract, Registry, Tool, ToolContext};
use anyhow::Context as _;
use clap::Parser as _;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

/// The file of the workspace that calls write to.
const LOG: &str = "log.md";
/// Between two looks for the gate.
const PAUSE: Duration = Duration::from_millis(10);

#[tokio::main]
async fn main() -> ExitCode {
    agentos_process::exit_code(run(Cli::parse()).await)
}

async fn run(cli: Cli) -> anyhow::Result<()> {
    match cli.command {
        Command::InstallCheckers(_) => anyhow::bail!("this edge is for tests: it has no checkers"),
        Command::Join(args) => {
            agentos_edge::join(&args).await?;
            Ok(())
        }
        Command::Run(mut args) => {
            if args.model.is_none() {
                args.model = Some(random_weights(args.data.as_deref())?);
            }
            let settings = Settings::load(&args, &ProcessEnvironment)?;
            let _traces = settings.start_logging()?;
            let folder = std::env::var_os("AGENT_OS_PROBE_DIR").context("no AGENT_OS_PROBE_DIR")?;
            let mut tools = Registry::new();
            let class = std::env::var("AGENT_OS_PROBE_CLASS").unwrap_or_else(|_| "read".to_owned());
            let class = serde_json::from_value(class.into()).context("AGENT_OS_PROBE_CLASS")?;
            tools.insert(Arc::new(Probe::new(folder.into(), class)))?;
            tools.insert(Arc::new(FileRead::default()))?;
            tools.insert(Arc::new(FileSearch::default()))?;
            tools.insert(Arc::new(MetadataExtract::default()))?;
            let app = App::start(&settings, tools).await?;
            let cancel = CancellationToken::new();
            let signals = async {
                agentos_process::stop_on_signal(cancel.clone()).await?;
                std::future::pending().await
            };
            tokio::select! {
                // Boxed: the future of everything is large.
                ended = Box::pin(app.run(cancel.clone())) => Ok(ended?),
                stopped = signals => stopped,
            }
        }
    }
}

/// A model that talks for as long as it is let: tests interrupt it.
fn random_weights(data: Option<&Path>) -> anyhow::Result<PathBuf> {
    let path = data.context("no --data")?.join("random.gguf");
    tiny::write_tiny_model(&path, 1)?;
    Ok(path)
}

struct Probe {
    list: FileList,
    spec: ToolSpec,
    folder: PathBuf,
}

impl Probe {
    fn new(folder: PathBuf, class: ToolClass) -> Self {
        let list = FileList::default();
        // What the policy says of effects is tried elsewhere.
        let mut spec = list.spec().clone().with_effect(agentos_domain::Effect::None);
        spec.class = class;
        spec.permissions.push("fs.write".to_owned());
        // Random weights would ask for random folders: they may ask for this one.
        spec.parameters = json!({
            "type": "object",
            "properties": { "path": { "type": "string", "enum": ["probe"] } },
            "required": ["path"],
            "additionalProperties": false,
        });
        Self { list, spec, folder }
    }
}

#[async_trait::async_trait]
impl Tool for Probe {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    async fn call(&self, _arguments: Value, context: &ToolContext) -> Result<Value, ToolError> {
        let failed = |error: std::io::Error| ToolError::new("probe_failed", error.to_string());
        note(&self.folder, &context.idempotency_key).map_err(failed)?;
        if self.spec.class != ToolClass::Read {
            log(context).map_err(failed)?;
        }
        let gate = self.folder.join("go");
        while !gate.exists() {
            tokio::select! {
                () = context.cancel.cancelled() => {
                    return Err(ToolError::new("cancelled", "cancelled at the gate"));
                }
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
        self.list.call(json!({ "recursive": true }), context).await
    }
}

/// One line more in the file `log.md` of the run.
fn log(context: &ToolContext) -> std::io::Result<()> {
    let path: RelPath = LOG.parse().map_err(std::io::Error::other)?;
    let Ok(mut file) = context.root.open(&path) else { return Ok(()) };
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    text.push_str(&context.idempotency_key);
    text.push('\n');
    let written = context.root.write_atomic(&path, text.as_bytes());
    written.map(drop).map_err(std::io::Error::other)
}

/// One line, on the disk before this returns.
fn note(folder: &Path, key: &str) -> std::io::Result<()> {
    let path = folder.join("calls");
    let mut file = std::fs::OpenOptions::new().append(true).create(true).open(path)?;
    file.write_all(format!("{key}\n").as_bytes())?;
    file.sync_all()
}
