//! `agentos config`: what a hub or an edge on this machine would start with.

use std::path::Path;

use agentos_config::{
    ConfigError, ConfigErrors, Configuration, EdgeConfig, HubConfig, Loaded, Machine, Origin,
    ProcessEnvironment, Request,
};
use serde_json::{Value, json};

use crate::args::{ConfigArgs, ConfigCommand, MachineArgs};
use crate::error::{CliError, Exit};
use crate::terminal::{Terminal, Tone};
use crate::text::{clean_json, one_line};

/// Runs a command about the configuration. No hub is needed.
pub(crate) fn run(
    terminal: &mut Terminal,
    json: bool,
    command: ConfigCommand,
) -> Result<Exit, CliError> {
    match command {
        ConfigCommand::Check(args) if args.machine.edge => {
            check(terminal, json, load::<EdgeConfig>(args))
        }
        ConfigCommand::Check(args) => check(terminal, json, load::<HubConfig>(args)),
        ConfigCommand::Show(args) if args.machine.edge => {
            show(terminal, json, load::<EdgeConfig>(args))
        }
        ConfigCommand::Show(args) => show(terminal, json, load::<HubConfig>(args)),
        ConfigCommand::Example(args) => {
            terminal.bytes(agentos_config::example(machine(&args)).as_bytes())?;
            Ok(Exit::Ok)
        }
        ConfigCommand::Schema(args) => {
            terminal.json(&agentos_config::schema(machine(&args)))?;
            Ok(Exit::Ok)
        }
    }
}

fn machine(args: &MachineArgs) -> Machine {
    if args.edge { Machine::Edge } else { Machine::Hub }
}

/// The configuration as the machine's own program would find it.
fn load<C: Configuration>(args: ConfigArgs) -> Result<Loaded<C>, ConfigErrors> {
    agentos_config::load(&Request::of_process(args.config, &ProcessEnvironment))
}

fn check<C>(
    terminal: &mut Terminal,
    json: bool,
    loaded: Result<Loaded<C>, ConfigErrors>,
) -> Result<Exit, CliError> {
    let loaded = match loaded {
        Ok(loaded) => loaded,
        Err(errors) if json => {
            terminal.json(&json!({ "valid": false, "file": null, "agents": null,
                "errors": list(&errors), "notices": [] }))?;
            return Ok(Exit::Invalid);
        }
        Err(errors) => return say_errors(terminal, &errors, Exit::Invalid),
    };
    let (agents, broken) = (loaded.agents.agents.len(), &loaded.agents.errors);
    if json {
        terminal.json(&json!({
            "valid": broken.is_empty(),
            "file": loaded.file.as_deref().map(Path::to_string_lossy),
            "agents": agents,
            "errors": list(broken),
            "notices": loaded.notices,
        }))?;
        return Ok(if broken.is_empty() { Exit::Ok } else { Exit::Failed });
    }
    say_notices(terminal, &loaded.notices)?;
    if !broken.is_empty() {
        return say_errors(terminal, broken, Exit::Failed);
    }
    let file = match &loaded.file {
        Some(file) => file.display().to_string(),
        None => "no file".to_owned(),
    };
    let unit = if agents == 1 { "agent" } else { "agents" };
    terminal.line(&one_line(&format!("ok: {file}, {agents} {unit}")))?;
    Ok(Exit::Ok)
}

fn show<C>(
    terminal: &mut Terminal,
    json: bool,
    loaded: Result<Loaded<C>, ConfigErrors>,
) -> Result<Exit, CliError> {
    let loaded = match loaded {
        Ok(loaded) => loaded,
        Err(errors) => return say_errors(terminal, &errors, Exit::Invalid),
    };
    if json {
        let setting = |setting: &agentos_config::Effective| {
            json!({
                "key": setting.key,
                "value": setting.value,
                "origin": origin(&setting.origin),
            })
        };
        terminal.json(&json!({
            "file": loaded.file.as_deref().map(Path::to_string_lossy),
            "settings": loaded.origins.iter().map(setting).collect::<Vec<_>>(),
            "notices": loaded.notices,
        }))?;
        return Ok(Exit::Ok);
    }
    say_notices(terminal, &loaded.notices)?;
    // Values that are not plain words stand there as JSON, so that this keeps them as they are.
    terminal.bytes(clean_json(&agentos_config::show(&loaded)).as_bytes())?;
    Ok(Exit::Ok)
}

fn say_errors(
    terminal: &mut Terminal,
    errors: &ConfigErrors,
    exit: Exit,
) -> Result<Exit, CliError> {
    for error in &errors.0 {
        terminal.say(Tone::Red, &one_line(&error.to_string()))?;
    }
    Ok(exit)
}

fn say_notices(terminal: &mut Terminal, notices: &[String]) -> Result<(), CliError> {
    for notice in notices {
        terminal.note(Tone::Dim, &format!("notice: {}", one_line(notice)))?;
    }
    Ok(())
}

fn list(errors: &ConfigErrors) -> Vec<Value> {
    let one = |error: &ConfigError| {
        json!({
            "origin": origin(&error.origin),
            "key": error.key,
            "code": error.code,
            "problem": error.problem,
            "allowed": error.allowed,
        })
    };
    errors.0.iter().map(one).collect()
}

fn origin(origin: &Origin) -> Value {
    match origin {
        Origin::Default => json!({ "from": "default" }),
        Origin::File { path, line: 0, .. } => {
            json!({ "from": "file", "path": path.to_string_lossy() })
        }
        Origin::File { path, line, column } => {
            json!({ "from": "file", "path": path.to_string_lossy(), "line": line,
                "column": column })
        }
        Origin::Environment { name } => json!({ "from": "environment", "name": name }),
        Origin::DotEnv { path, line, name } => {
            json!({ "from": "dotenv", "path": path.to_string_lossy(), "line": line,
                "name": name })
        }
    }
}
