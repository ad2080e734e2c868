//! `agentos provider-key`.

use std::io::{self, IsTerminal as _, Read as _};

use agentos_domain::{ProviderName, ProviderSecret, Timestamp};
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::args::ProviderKeyCommand;
use crate::client::{Client, part};
use crate::error::{CliError, Exit};
use crate::terminal::{Terminal, Tone};
use crate::text::{minute, one_line};

/// More than a key and the end of its line, in bytes: what is longer is refused.
const MAX_INPUT: u64 = ProviderSecret::MAX_BYTES as u64 + 3;

#[derive(Deserialize)]
struct Listing {
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    provider: String,
    hint: Option<String>,
    updated_at: Timestamp,
    readable: bool,
}

/// Runs a command about keys of models' providers.
pub(crate) async fn run(
    client: &Client,
    terminal: &mut Terminal,
    json: bool,
    command: ProviderKeyCommand,
) -> Result<Exit, CliError> {
    match command {
        ProviderKeyCommand::Set { name } => {
            let Some(secret) = secret_of_input(terminal, &name)? else {
                return Ok(Exit::Interrupted);
            };
            let body = json!({ "key": secret.expose() });
            let request = client.request(Method::PUT, &path(&name)).json(&body);
            let kept: Value = client.json(request).await?;
            if json {
                terminal.json(&kept)?;
            } else {
                terminal.note(Tone::Plain, &format!("the key of {name} is set"))?;
            }
        }
        ProviderKeyCommand::List => {
            let keys: Value = client.get("/api/provider-keys").await?;
            show_list(client, terminal, json, &keys)?;
        }
        ProviderKeyCommand::Remove { name } => {
            client.send(client.request(Method::DELETE, &path(&name))).await?;
            terminal.note(Tone::Plain, &format!("the key of {name} is removed"))?;
        }
    }
    Ok(Exit::Ok)
}

fn path(name: &ProviderName) -> String {
    format!("/api/provider-keys/{}", part(name.as_str()))
}

/// The key that is typed, without an echo, or that the standard input gives;
/// `None` after Ctrl-C.
fn secret_of_input(
    terminal: &mut Terminal,
    name: &ProviderName,
) -> Result<Option<ProviderSecret>, CliError> {
    let failed =
        |source| CliError::File { what: "cannot read the key from the input".to_owned(), source };
    let mut text = String::new();
    if io::stdin().is_terminal() {
        terminal.say(Tone::Plain, &format!("The key of {name} (it is not shown):"))?;
        text = match rpassword::read_password() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(None),
            typed => typed.map_err(failed)?,
        };
    } else {
        io::stdin().take(MAX_INPUT).read_to_string(&mut text).map_err(failed)?;
    }
    // The end of the line belongs to the input and not to the key.
    if text.ends_with('\n') {
        text.pop();
    }
    if text.ends_with('\r') {
        text.pop();
    }
    ProviderSecret::new(text).map(Some).map_err(|error| {
        CliError::usage(format!("the key: {error}"), "the key as input, on one line")
    })
}

fn show_list(
    client: &Client,
    terminal: &mut Terminal,
    json: bool,
    value: &Value,
) -> Result<(), CliError> {
    if json {
        return Ok(terminal.json(value)?);
    }
    let listing = Listing::deserialize(value).map_err(|error| CliError::Protocol {
        url: client.url().to_owned(),
        what: error.to_string(),
    })?;
    for key in &listing.items {
        terminal.line(&one_line(&key.provider))?;
        if terminal.quiet() {
            continue;
        }
        let hint = key.hint.as_deref().map(one_line);
        let hint = hint.map_or_else(String::new, |hint| format!("ends in {hint}, "));
        terminal.line(&format!("  {hint}set {}", minute(key.updated_at)))?;
        if !key.readable {
            terminal.line("  cannot be read: restore the hub's key file,")?;
            terminal.line("  or set this key again")?;
        }
    }
    Ok(())
}
