//! `agentos edge`.

use reqwest::Method;
use serde_json::{Value, json};

use crate::args::EdgeCommand;
use crate::client::{Client, part};
use crate::error::{CliError, Exit};
use crate::terminal::{Terminal, Tone};
use crate::text::{one_line, shorten};

/// Runs a command about edges.
pub(crate) async fn run(
    client: &Client,
    terminal: &mut Terminal,
    json: bool,
    command: EdgeCommand,
) -> Result<Exit, CliError> {
    match command {
        EdgeCommand::Invite { name } => {
            let body = name.map_or_else(|| json!({}), |name| json!({ "name": name }));
            let request = client.request(Method::POST, "/api/edges/invite").json(&body);
            let invitation: Value = client.json(request).await?;
            show_invitation(terminal, json, &invitation)?;
        }
        EdgeCommand::List => {
            let edges: Value = client.get("/api/edges").await?;
            show_list(terminal, json, &edges)?;
        }
        EdgeCommand::Drain { id } => drain(client, terminal, json, &id, true).await?,
        EdgeCommand::Resume { id } => drain(client, terminal, json, &id, false).await?,
        EdgeCommand::Revoke { id } => {
            let path = format!("/api/edges/{}/revoke", part(&id));
            let answer: Value =
                client.json(client.request(Method::POST, &path).json(&json!({}))).await?;
            if json {
                terminal.json(&answer)?;
            } else {
                terminal.line(&format!("{} is revoked", word(&answer["edge_id"])))?;
            }
        }
    }
    Ok(Exit::Ok)
}

async fn drain(
    client: &Client,
    terminal: &mut Terminal,
    json: bool,
    id: &str,
    drain: bool,
) -> Result<(), CliError> {
    let verb = if drain { "drain" } else { "resume" };
    let path = format!("/api/edges/{}/{verb}", part(id));
    let edge: Value = client.json(client.request(Method::POST, &path)).await?;
    if json {
        return Ok(terminal.json(&edge)?);
    }
    let running = edge["load"]["running_attempts"].as_u64().unwrap_or(0);
    let text = match (drain, running) {
        (false, _) => "gets work again".to_owned(),
        (true, 0) => "gets no more work, and has none".to_owned(),
        (true, 1) => "gets no more work; 1 run goes on to its end".to_owned(),
        (true, count) => format!("gets no more work; {count} runs go on to their ends"),
    };
    Ok(terminal.line(&format!("{} {text}", word(&edge["edge_id"])))?)
}

fn show_invitation(terminal: &mut Terminal, json: bool, value: &Value) -> Result<(), CliError> {
    if json {
        return Ok(terminal.json(value)?);
    }
    if terminal.quiet() {
        return Ok(terminal.line(&word(&value["token"]))?);
    }
    terminal.line(&word(&value["command"]))?;
    let text =
        format!("Run this on the edge. It works once, until {}.", word(&value["expires_at"]));
    Ok(terminal.note(Tone::Dim, &text)?)
}

fn show_list(terminal: &mut Terminal, json: bool, value: &Value) -> Result<(), CliError> {
    if json {
        return Ok(terminal.json(value)?);
    }
    for edge in value["items"].as_array().into_iter().flatten() {
        let id = word(&edge["edge_id"]);
        if terminal.quiet() {
            terminal.line(&id)?;
            continue;
        }
        let state = match (edge["revoked_at"].is_null(), edge["connected"] == true) {
            (false, _) => "revoked".to_owned(),
            (true, true) if !edge["draining_since"].is_null() => {
                format!("connected by {}, drained", word(&edge["transport"]))
            }
            (true, true) => format!("connected by {}", word(&edge["transport"])),
            (true, false) => format!("away since {}", word(&edge["last_seen_at"])),
        };
        terminal.line(&format!("{id}\n  {}, {state}", shorten(&word(&edge["name"]), 40)))?;
        let load = &edge["load"];
        if let Some(cpu) = load["cpu_percent"].as_f64() {
            let used = gigabytes(&load["memory_used_bytes"]);
            let total = gigabytes(&load["memory_total_bytes"]);
            terminal.line(&format!(
                "  cpu {cpu:.0} %, memory {used:.1} of {total:.1} GB, {} running, {} waiting",
                load["running_attempts"], load["queued_model_calls"]
            ))?;
        }
        for model in load["models"].as_array().into_iter().flatten() {
            let kind = if model["demonstration"] == true { " (demonstration)" } else { "" };
            terminal.line(&format!("  model {}{kind}", shorten(&word(&model["name"]), 50)))?;
        }
    }
    Ok(())
}

fn gigabytes(value: &Value) -> f64 {
    value.as_f64().unwrap_or_default() / 1e9
}

fn word(value: &Value) -> String {
    value.as_str().map_or_else(|| "unknown".to_owned(), one_line)
}
