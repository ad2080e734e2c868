//! From what was typed to an exit code.

use std::ffi::OsString;
use std::io;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use crate::args::{BillingCommand, Cli, Command};
use crate::client::Client;
use crate::error::{CliError, Exit};
use crate::settings::Settings;
use crate::terminal::Terminal;
use crate::{
    approvals, billing, calibrate, config, doctor, edge, files, health, key, login, provider_key,
    schedule, spending, task,
};

/// Runs the command line `args`, the program's name first, and gives the exit
/// code of the process.
pub async fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            let code = u8::try_from(error.exit_code()).unwrap_or(2);
            return if error.print().is_ok() { code.into() } else { ExitCode::FAILURE };
        }
    };
    let env = |name: &str| std::env::var(name).ok();
    let mut terminal = Terminal::of_process(cli.global.quiet, &env);
    match run(cli, &mut terminal, &env).await {
        Ok(exit) => exit.code().into(),
        // A reader that has seen enough is no error: `agentos task list | head`.
        Err(CliError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(error) => match terminal.error(&error.to_string(), &error.hint()) {
            Ok(()) => error.exit_code().into(),
            Err(_) => ExitCode::FAILURE,
        },
    }
}

async fn run(
    cli: Cli,
    terminal: &mut Terminal,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Exit, CliError> {
    if let Command::Completions { shell } = cli.command {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut Cli::command(), "agentos", &mut script);
        terminal.bytes(&script)?;
        return Ok(Exit::Ok);
    }
    let json = cli.global.json;
    if let Command::Login(args) = cli.command {
        let (settings, typed) = Settings::for_login(&cli.global, args.address.as_deref(), env)?;
        let settings = login::trusted(settings, args.fingerprint.as_deref(), terminal).await?;
        return login::run(settings, typed, terminal, json, env).await;
    }
    if let Command::Config(command) = cli.command {
        return config::run(terminal, json, command);
    }
    let settings = Settings::resolve(&cli.global, env)?;
    match billing_task(cli.command) {
        Ok(command) => billing::run(&Client::patient(settings)?, terminal, json, command).await,
        Err(command) => others(&Client::new(settings)?, terminal, json, *command).await,
    }
}

/// The tasks of `billing` that are commands of their own, too.
fn billing_task(command: Command) -> Result<BillingCommand, Box<Command>> {
    Ok(match command {
        Command::Billing(command) => command,
        Command::FetchOpenai(args) => BillingCommand::FetchOpenai(args),
        Command::FetchAnthropic(args) => BillingCommand::FetchAnthropic(args),
        Command::RunAll(args) => BillingCommand::RunAll(args),
        Command::Export(args) => BillingCommand::Export(args),
        Command::Summary(args) => BillingCommand::Summary(args),
        Command::DailyReport => BillingCommand::DailyReport,
        other => return Err(Box::new(other)),
    })
}

async fn others(
    client: &Client,
    terminal: &mut Terminal,
    json: bool,
    command: Command,
) -> Result<Exit, CliError> {
    match command {
        Command::Task(command) => task::run(client, terminal, json, command).await,
        Command::Approvals(command) => approvals::run(client, terminal, json, command).await,
        Command::Schedule(command) => schedule::run(client, terminal, json, command).await,
        Command::Files(command) => files::run(client, terminal, json, command).await,
        Command::Edge(command) => edge::run(client, terminal, json, command).await,
        Command::Key(command) => key::run(client, terminal, json, command).await,
        Command::ProviderKey(command) => provider_key::run(client, terminal, json, command).await,
        Command::Models => spending::models(client, terminal, json).await,
        Command::Budget(command) => spending::budget(client, terminal, json, command).await,
        Command::Calls(args) => spending::calls(client, terminal, json, &args).await,
        Command::Calibrate(args) => calibrate::run(client, terminal, json, &args).await,
        Command::Health => health::run(client, terminal, json).await,
        Command::Doctor => doctor::run(client, terminal, json).await,
        // They were run before.
        _ => Ok(Exit::Ok),
    }
}
