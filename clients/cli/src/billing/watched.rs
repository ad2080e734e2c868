//! A task of the kernel, watched until the hub tells how it went.

use eventsource_stream::{EventStreamError, Eventsource as _};
use futures::StreamExt as _;
use reqwest::RequestBuilder;
use reqwest::header::CONTENT_TYPE;
use serde::Deserialize;
use serde_json::Value;

use crate::client::Client;
use crate::error::CliError;
use crate::terminal::Terminal;

/// How far a plugin is.
#[derive(Deserialize)]
struct Progress {
    plugin: String,
    done: u64,
    total: u64,
}

/// The report of a task; meanwhile it is shown how far it is. Hubs that tell
/// nothing meanwhile answer with the report itself.
pub(super) async fn report(
    client: &Client,
    terminal: &mut Terminal,
    request: RequestBuilder,
) -> Result<Value, CliError> {
    let nonsense = |what: String| CliError::Protocol { url: client.url().to_owned(), what };
    let response = client.send(request).await?;
    let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    if !kind.is_some_and(|kind| kind.starts_with("text/event-stream")) {
        return client.body(response).await;
    }
    let mut events = response.bytes_stream().eventsource();
    while let Some(event) = events.next().await {
        let event = event.map_err(|error| match error {
            EventStreamError::Transport(error) => client.failed(&error),
            other => nonsense(other.to_string()),
        })?;
        let data: Value =
            serde_json::from_str(&event.data).map_err(|error| nonsense(error.to_string()))?;
        match event.event.as_str() {
            "progress" => {
                let Ok(Progress { plugin, done, total }) = serde_json::from_value(data) else {
                    continue;
                };
                terminal.progress(&format!("{plugin}: {done} of {total}"))?;
            }
            "report" => return Ok(data),
            "error" => {
                let told = |name: &str| data[name].as_str().unwrap_or("unknown").to_owned();
                let (code, message, request_id) = (told("code"), told("detail"), told("id"));
                return Err(CliError::Refused { status: 500, code, message, request_id });
            }
            _ => {}
        }
    }
    Err(nonsense("it ended its answer without a report; see: agentos billing runs".to_owned()))
}
