//! Joining a hub.

use std::path::{Path, PathBuf};

use agentos_domain::EdgeId;
use agentos_link::{EdgeIdentity, JoinToken};

use crate::cli::JoinArgs;
use crate::error::EdgeError;

/// The edge's certificate and key.
pub(crate) fn identity_dir(data: &Path) -> PathBuf {
    data.join("identity")
}

/// The hub that was joined, as HOST:PORT.
pub(crate) fn hub_file(data: &Path) -> PathBuf {
    data.join("hub.addr")
}

pub(crate) fn create_data_dir(data: &Path) -> Result<(), EdgeError> {
    let made = agentos_process::create_private(data);
    made.map_err(|source| EdgeError::DataDir { path: data.to_owned(), source })
}

/// Trades a one-time token for an identity. The key is made here and stays.
///
/// # Errors
/// Where the token is altered, used or expired, the hub is out of reach or is
/// not the one that the token was made by.
pub async fn join(args: &JoinArgs) -> Result<EdgeId, EdgeError> {
    let token: JoinToken = args.token.trim().parse()?;
    let dir = identity_dir(&args.data);
    if !args.replace && EdgeIdentity::load(&dir).is_ok() {
        return Err(EdgeError::AlreadyJoined { data: args.data.clone() });
    }
    create_data_dir(&args.data)?;
    let identity = agentos_link::join(&args.hub, &token, &args.name, &dir).await?;
    let file = hub_file(&args.data);
    std::fs::write(&file, &args.hub).map_err(|source| EdgeError::DataDir { path: file, source })?;
    Ok(identity.edge_id().clone())
}
