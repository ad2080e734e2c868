//! The edge of the chaos test: the real worker and the real link, a model that
//! follows its task's plan, and tools whose effects the chaos test counts over
//! the socket that `AGENT_OS_EFFECTS` names.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use agentos_config::ProcessEnvironment;
use agentos_domain::{Clock, SystemClock};
use agentos_edge::{Cli, Command, Settings};
use agentos_link::{EdgeLink, EdgeLinkConfig};
use agentos_tests::chaos::{PlannedEngine, tools};
use agentos_worker::{Blocking, Worker, WorkerConfig};
use anyhow::Context as _;
use clap::Parser as _;
use tokio_util::sync::CancellationToken;

#[tokio::main]
async fn main() -> ExitCode {
    agentos_process::exit_code(Box::pin(run(Cli::parse())).await)
}

async fn run(cli: Cli) -> anyhow::Result<()> {
    match cli.command {
        Command::InstallCheckers(_) => anyhow::bail!("this edge is for tests: it has no checkers"),
        Command::Join(args) => {
            agentos_edge::join(&args).await?;
            Ok(())
        }
        Command::Run(args) => {
            let settings = Settings::load(&args, &ProcessEnvironment)?;
            let _traces = settings.start_logging()?;
            serve(settings.data().to_owned()).await
        }
    }
}

/// As the edge's own composition, with another model.
async fn serve(data: PathBuf) -> anyhow::Result<()> {
    let socket = std::env::var_os("AGENT_OS_EFFECTS").context("no AGENT_OS_EFFECTS")?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let config = WorkerConfig {
        data_dir: data.clone(),
        cache_limit: 64 * 1024 * 1024,
        heartbeat: Duration::from_secs(1),
        drain: Duration::from_secs(5),
        blocking: Blocking::Threads,
        tells_load: true,
    };
    let engine = Arc::new(PlannedEngine::default());
    let worker = Worker::open(config, Some(engine), tools(socket.as_ref())?, Arc::clone(&clock))?;
    let hub = std::fs::read_to_string(data.join("hub.addr")).context("not joined")?;
    let version = env!("CARGO_PKG_VERSION");
    let mut config = EdgeLinkConfig::new(hub.trim().to_owned(), data.join("identity"), version);
    config.capabilities = vec!["execute".to_owned(), "generate".to_owned()];
    let link = EdgeLink::new(config, worker.routes(), worker.held(), clock)?;
    let (handle, cancel) = (link.handle(), CancellationToken::new());
    let (_, worked) = tokio::join!(link.run(cancel.clone()), worker.run(handle, cancel));
    Ok(worked?)
}
