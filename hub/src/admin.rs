//! Commands for the hub's own machine. They talk to the running hub, which
//! alone may touch its database.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::{self, PemObject as _};
use serde::Deserialize;

use crate::error::HubError;
use crate::paths::DataDir;
use crate::pinned;

const DEADLINE: Duration = Duration::from_secs(10);

fn not_running(data: &Path, reason: impl std::fmt::Display) -> HubError {
    HubError::NotRunning { data: data.to_owned(), reason: reason.to_string() }
}

fn read(data: &Path, file: &Path) -> Result<String, HubError> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| not_running(data, format!("{}: {error}", file.display())))?;
    Ok(text.trim().to_owned())
}

/// Installs ruff, black and mypy for the hub's own executor; says where.
///
/// # Errors
/// Where Python has no `venv`, or a package cannot be had.
pub async fn install_checkers(data: &Path, python: &Path) -> Result<PathBuf, HubError> {
    let data = DataDir::existing(data).executor();
    Ok(agentos_worker::install_checkers(&data, python).await?)
}

/// The hub's API, as seen from its own machine.
struct Local {
    http: reqwest::Client,
    url: String,
}

/// How the hub of `data` is reached.
fn local(data: &Path) -> Result<Local, HubError> {
    let folder = DataDir::existing(data);
    let address = read(data, &folder.api_address())?;
    let address = address.replace("0.0.0.0:", "127.0.0.1:").replace("[::]:", "[::1]:");
    let certificate = match CertificateDer::from_pem_file(folder.api_certificate()) {
        Ok(certificate) => Some(certificate),
        Err(pem::Error::Io(error)) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(not_running(data, error)),
    };
    let scheme = if certificate.is_some() { "https" } else { "http" };
    let tls = pinned::config(certificate).map_err(|error| not_running(data, error))?;
    let http = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .timeout(DEADLINE)
        .no_proxy()
        .build()
        .map_err(|error| not_running(data, error))?;
    Ok(Local { http, url: format!("{scheme}://{address}") })
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
    let hub = local(data)?;
    let reply = hub
        .http
        .post(format!("{}/api/edges/invite", hub.url))
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
    let hub = local(data)?;
    hub.http
        .get(format!("{}/health", hub.url))
        .send()
        .await
        .and_then(reqwest::Response::error_for_status)
        .map_err(|error| not_running(data, error))?;
    Ok(())
}
