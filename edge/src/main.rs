//! The edge of an Agent OS.

use std::io::Write as _;
use std::process::ExitCode;

use agentos_config::ProcessEnvironment;
use agentos_edge::{App, Cli, Command, RunArgs, Settings};
use anyhow::Context as _;
use clap::Parser as _;
use tokio_util::sync::CancellationToken;

#[tokio::main]
async fn main() -> ExitCode {
    agentos_process::exit_code(Box::pin(run(Cli::parse())).await)
}

async fn run(cli: Cli) -> anyhow::Result<()> {
    match cli.command {
        Command::Join(args) => {
            let edge = agentos_edge::join(&args).await?;
            let line = format!(
                "joined as {edge}; now run: agentos-edge run --data {}",
                args.data.display()
            );
            writeln!(std::io::stdout(), "{line}").context("cannot write to standard output")
        }
        Command::InstallCheckers(args) => {
            let place = RunArgs { config: args.config, data: args.data, ..RunArgs::default() };
            let settings = Settings::load(&place, &ProcessEnvironment)?;
            let folder = agentos_worker::install_checkers(settings.data(), &args.python).await?;
            let line = format!("installed in {}; restart the edge to use them", folder.display());
            writeln!(std::io::stdout(), "{line}").context("cannot write to standard output")
        }
        Command::Run(args) => {
            let settings = Settings::load(&args, &ProcessEnvironment)?;
            let _traces = settings.start_logging()?;
            let cancel = CancellationToken::new();
            let app = App::start(&settings, settings.tools().await).await?;
            let stop = agentos_process::stop_on_signal(cancel.clone());
            tokio::try_join!(
                async { Box::pin(app.run(cancel)).await.map_err(anyhow::Error::from) },
                async { stop.await.context("cannot listen for signals") },
            )?;
            Ok(())
        }
    }
}
