//! The hub of an Agent OS.

use std::io::Write as _;
use std::process::ExitCode;

use agentos_config::ProcessEnvironment;
use agentos_hub::{App, Cli, Command, EdgeCommand, ServeArgs, Settings};
use anyhow::Context as _;
use clap::Parser as _;
use tokio_util::sync::CancellationToken;

#[tokio::main]
async fn main() -> ExitCode {
    agentos_process::exit_code(Box::pin(run(Cli::parse())).await)
}

async fn run(cli: Cli) -> anyhow::Result<()> {
    match cli.command {
        Command::Serve(args) => {
            let settings = Settings::load(&args, &ProcessEnvironment)?;
            let _traces = settings.start_logging()?;
            let cancel = CancellationToken::new();
            let app = App::start(&settings).await?;
            let stop = agentos_process::stop_on_signal(cancel.clone());
            tokio::try_join!(
                async { app.run(cancel).await.map_err(anyhow::Error::from) },
                async { stop.await.context("cannot listen for signals") },
            )?;
            Ok(())
        }
        Command::InstallCheckers { config, data, python } => {
            let place = ServeArgs { config, data, ..ServeArgs::default() };
            let settings = Settings::load(&place, &ProcessEnvironment)?;
            let folder = agentos_hub::install_checkers(settings.data(), &python).await?;
            let line = format!("installed in {}; restart the hub to use them", folder.display());
            writeln!(std::io::stdout(), "{line}").context("cannot write to standard output")
        }
        Command::Edge(EdgeCommand::Invite { data, name }) => {
            let invitation = agentos_hub::invite(&data, name.as_deref()).await?;
            writeln!(std::io::stdout(), "{invitation}").context("cannot write to standard output")
        }
        Command::Healthcheck { data } => Ok(agentos_hub::healthcheck(&data).await?),
    }
}
