//! `agentos key`.

use std::time::Duration;

use agentos_domain::{Clock as _, SystemClock};
use reqwest::Method;
use serde_json::{Value, json};

use crate::args::{KeyCommand, KeyCreateArgs};
use crate::client::{Client, part};
use crate::error::{CliError, Exit};
use crate::terminal::{Terminal, Tone};
use crate::text::{one_line, shorten};

/// Runs a command about API keys.
pub(crate) async fn run(
    client: &Client,
    terminal: &mut Terminal,
    json: bool,
    command: KeyCommand,
) -> Result<Exit, CliError> {
    match command {
        KeyCommand::Create(args) => {
            let request = client.request(Method::POST, "/api/keys").json(&request(args));
            let made: Value = client.json(request).await?;
            show_made(terminal, json, &made)?;
        }
        KeyCommand::List => {
            let keys: Value = client.get("/api/keys").await?;
            show_list(terminal, json, &keys)?;
        }
        KeyCommand::Revoke { id } => {
            let path = format!("/api/keys/{}/revoke", part(&id));
            let revoked: Value = client.json(client.request(Method::POST, &path)).await?;
            if json {
                terminal.json(&revoked)?;
            } else {
                terminal.line(&format!("{} is revoked", word(&revoked["key_id"])))?;
            }
        }
    }
    Ok(Exit::Ok)
}

fn request(args: KeyCreateArgs) -> Value {
    let expires_at = args.expires.map(|lifetime| SystemClock.now().plus(lifetime));
    let mut body = json!({ "name": args.name, "scopes": args.scopes });
    if let Some(end) = expires_at {
        body["expires_at"] = json!(end);
    }
    if let Some(workspace) = args.workspace {
        body["workspace_id"] = json!(workspace);
    }
    body
}

fn show_made(terminal: &mut Terminal, json: bool, value: &Value) -> Result<(), CliError> {
    if json {
        return Ok(terminal.json(value)?);
    }
    terminal.line(&word(&value["key"]))?;
    let text = format!(
        "This is the key {}: it is shown this once. It can {} in workspace {}{}.",
        word(&value["key_id"]),
        scopes(value),
        word(&value["workspace_id"]),
        value["expires_at"].as_str().map_or_else(String::new, |end| format!(" until {end}")),
    );
    Ok(terminal.note(Tone::Dim, &text)?)
}

fn show_list(terminal: &mut Terminal, json: bool, value: &Value) -> Result<(), CliError> {
    if json {
        return Ok(terminal.json(value)?);
    }
    for key in value["items"].as_array().into_iter().flatten() {
        let id = word(&key["key_id"]);
        if terminal.quiet() {
            terminal.line(&id)?;
            continue;
        }
        let (name, prefix) = (shorten(&word(&key["name"]), 30), word(&key["prefix"]));
        terminal.line(&format!("{id}\n  {name}, begins {prefix}"))?;
        terminal.line(&format!("  {} in {}", scopes(key), word(&key["workspace_id"])))?;
        let state = [("revoked_at", "revoked"), ("expires_at", "ends"), ("last_used_at", "used")];
        let told = state.iter().find(|(member, _)| key[*member].is_string());
        let told = told.map_or_else(
            || "never used".to_owned(),
            |(member, verb)| format!("{verb} {}", word(&key[*member])),
        );
        terminal.line(&format!("  {told}"))?;
    }
    Ok(())
}

fn scopes(key: &Value) -> String {
    let scopes = key["scopes"].as_array().into_iter().flatten().map(word);
    scopes.collect::<Vec<_>>().join(", ")
}

fn word(value: &Value) -> String {
    value.as_str().map_or_else(|| "unknown".to_owned(), one_line)
}

/// `12h`, `30d`, `4w`.
pub(crate) fn lifetime(text: &str) -> Result<Duration, String> {
    let wrong = || "expected a time such as 12h, 30d or 4w".to_owned();
    let unit = match text.chars().last() {
        Some('h') => 3_600,
        Some('d') => 86_400,
        Some('w') => 604_800,
        _ => return Err(wrong()),
    };
    let number = text.get(..text.len() - 1).unwrap_or_default();
    // 100 years are enough for every key.
    match number.parse::<u64>() {
        Ok(number @ 1..=876_600) => Ok(Duration::from_secs(number * unit)),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lifetimes_are_read() {
        assert_eq!(lifetime("12h").unwrap(), Duration::from_secs(43_200));
        assert_eq!(lifetime("30d").unwrap(), Duration::from_secs(2_592_000));
        assert_eq!(lifetime("1w").unwrap(), Duration::from_secs(604_800));
        for wrong in ["", "d", "0d", "-1d", "1.5d", "30", "30m", "99999999w", "3ü"] {
            assert!(lifetime(wrong).is_err(), "{wrong}");
        }
    }
}
