//! `agentos health`.

use serde_json::{Value, json};

use crate::client::Client;
use crate::error::{CliError, Exit};
use crate::terminal::Terminal;

/// Asks whether the hub answers and can run tasks.
pub(crate) async fn run(
    client: &Client,
    terminal: &mut Terminal,
    json: bool,
) -> Result<Exit, CliError> {
    let health: Value = client.get("/health").await?;
    let ready = client.json_of_any_status("/ready").await?;
    let is_ready = ready["ready"] == true;
    if json {
        terminal.json(&json!({ "health": health, "ready": ready }))?;
    } else {
        let key = match (client.has_key(), health["tenant_context"]["workspace_id"].as_str()) {
            (false, _) => "none given".to_owned(),
            (true, Some(workspace)) => format!("valid for workspace {workspace}"),
            (true, None) => "not valid".to_owned(),
        };
        let version = health["version"].as_str().unwrap_or("unknown");
        terminal.line(&format!("hub       {} version {version}", client.url()))?;
        terminal.line(&format!(
            "database  {}",
            if ready["database"] == true { "ok" } else { "fails" }
        ))?;
        terminal.line(&format!("edges     {} connected", ready["edges_connected"]))?;
        terminal.line(&format!("models    {} loaded", ready["models"]))?;
        terminal.line(&format!("key       {key}"))?;
        let state = if is_ready { "ready for tasks" } else { "NOT ready for tasks" };
        terminal.line(&format!("state     {state}"))?;
    }
    Ok(if is_ready { Exit::Ok } else { Exit::Failed })
}
