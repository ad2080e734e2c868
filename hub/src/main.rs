//! The hub of an Agent OS.

use std::io::Write as _;
use std::process::ExitCode;

use agentos_hub::{App, Cli, Command, EdgeCommand};
use anyhow::Context as _;
use clap::Parser as _;
use tokio_util::sync::CancellationToken;

#[tokio::main]
async fn main() -> ExitCode {
    match run(Cli::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to do if even standard error is gone.
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: Cli) -> anyhow::Result<()> {
    match cli.command {
        Command::Serve(args) => {
            agentos_hub::start_logging(&args.log_level, args.log_format)?;
            let cancel = CancellationToken::new();
            let app = App::start(&args).await?;
            let stop = stop_on_signal(cancel.clone());
            tokio::try_join!(async { app.run(cancel).await.map_err(anyhow::Error::from) }, stop)?;
            Ok(())
        }
        Command::Edge(EdgeCommand::Invite { data, name }) => {
            let invitation = agentos_hub::invite(&data, name.as_deref()).await?;
            writeln!(std::io::stdout(), "{invitation}").context("cannot write to standard output")
        }
        Command::Healthcheck { data } => Ok(agentos_hub::healthcheck(&data).await?),
    }
}

/// Cancels on SIGTERM or Ctrl-C.
async fn stop_on_signal(cancel: CancellationToken) -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for signals")?;
    tokio::select! {
        _ = terminate.recv() => {}
        result = tokio::signal::ctrl_c() => result.context("cannot listen for Ctrl-C")?,
        () = cancel.cancelled() => return Ok(()),
    }
    tracing::info!("stopping");
    cancel.cancel();
    Ok(())
}
