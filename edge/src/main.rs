//! The edge of an Agent OS.

use std::io::Write as _;
use std::process::ExitCode;

use agentos_edge::{App, Cli, Command};
use agentos_tools::Registry;
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
        Command::Join(args) => {
            let edge = agentos_edge::join(&args).await?;
            let line = format!(
                "joined as {edge}; now run: agentos-edge run --data {}",
                args.data.display()
            );
            writeln!(std::io::stdout(), "{line}").context("cannot write to standard output")
        }
        Command::Run(args) => {
            agentos_edge::start_logging(&args.log_level, args.log_format)?;
            let cancel = CancellationToken::new();
            let app = App::start(&args, Registry::with_file_tools()).await?;
            let stop = stop_on_signal(cancel.clone());
            tokio::try_join!(async { app.run(cancel).await.map_err(anyhow::Error::from) }, stop)?;
            Ok(())
        }
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
