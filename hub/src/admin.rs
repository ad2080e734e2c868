//! Commands for the hub's own machine. They talk to the running hub, which
//! alone may touch its database.

use std::path::Path;
use std::time::Duration;

use serde::Deserialize;

use crate::error::HubError;
use crate::paths::DataDir;

const DEADLINE: Duration = Duration::from_secs(10);

fn not_running(data: &Path, reason: impl std::fmt::Display) -> HubError {
    HubError::NotRunning { data: data.to_owned(), reason: reason.to_string() }
}

fn read(data: &Path, file: &Path) -> Result<String, HubError> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| not_running(data, format!("{}: {error}", file.display())))?;
    Ok(text.trim().to_owned())
}

/// The hub's address, as seen from its own machine.
fn local_url(data: &Path) -> Result<String, HubError> {
    let address = read(data, &DataDir::existing(data).api_address())?;
    let address = address.replace("0.0.0.0:", "127.0.0.1:").replace("[::]:", "[::1]:");
    Ok(format!("http://{address}"))
}

fn client(data: &Path) -> Result<reqwest::Client, HubError> {
    reqwest::Client::builder()
        .timeout(DEADLINE)
        .no_proxy()
        .build()
        .map_err(|error| not_running(data, error))
}

#[derive(Deserialize)]
struct Invitation {
    token: String,
}

/// Asks the hub of `data` for a one-time token.
///
/// # Errors
/// Where it does not run or refuses.
pub async fn invite(data: &Path, name: Option<&str>) -> Result<String, HubError> {
    let key = read(data, &DataDir::existing(data).admin_key())?;
    let reply = client(data)?
        .post(format!("{}/api/edges/invite", local_url(data)?))
        .bearer_auth(key)
        .json(&serde_json::json!({ "name": name }))
        .send()
        .await
        .and_then(reqwest::Response::error_for_status)
        .map_err(|error| not_running(data, error))?;
    let invitation: Invitation = reply.json().await.map_err(|error| not_running(data, error))?;
    Ok(invitation.token)
}

/// Asks the hub of `data` whether it is well.
///
/// # Errors
/// Where it does not answer, or not with success.
pub async fn healthcheck(data: &Path) -> Result<(), HubError> {
    client(data)?
        .get(format!("{}/health", local_url(data)?))
        .send()
        .await
        .and_then(reqwest::Response::error_for_status)
        .map_err(|error| not_running(data, error))?;
    Ok(())
}
