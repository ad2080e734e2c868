//! Keys of models' providers that a workspace brings along: kept encrypted,
//! and opened for whoever asks the provider on the workspace's behalf.

use std::sync::Arc;

use agentos_domain::{ProviderName, ProviderSecret, Timestamp, WorkspaceId};
use agentos_store::{ProviderKeyRecord, StoreError};
use serde::Serialize;

use crate::engine::Shared;
use crate::error::EngineError;
use crate::handle::EngineHandle;
use crate::vault::{MasterKey, MasterKeyId, Vault};

/// What is known of a provider's key; not the key itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProviderKeyInfo {
    /// Whose API it opens.
    pub provider: ProviderName,
    /// Its last four characters, where it has at least twelve.
    pub hint: Option<String>,
    /// When a key of this provider was first set.
    pub created_at: Timestamp,
    /// When this key was set.
    pub updated_at: Timestamp,
    /// Whether it can be used: false where it was stored under another master
    /// key, or its record was changed.
    pub readable: bool,
}

/// Opens the key of `record` with the master key that is at hand.
fn open(
    master: Option<&MasterKey>,
    ws: &WorkspaceId,
    record: &ProviderKeyRecord,
) -> Result<ProviderSecret, EngineError> {
    let id = MasterKeyId(record.key.master_key);
    match master.filter(|master| master.id() == id) {
        Some(master) => master.open(ws, &record.provider, &record.key.sealed),
        None => Err(EngineError::OtherMasterKey { id }),
    }
}

fn info(record: ProviderKeyRecord, readable: bool) -> ProviderKeyInfo {
    let ProviderKeyRecord { provider, key, created_at, updated_at } = record;
    ProviderKeyInfo { provider, hint: key.hint, created_at, updated_at, readable }
}

/// The master key. Files are touched where nobody else waits for it.
async fn master<T: Send + 'static>(
    vault: &Arc<Vault>,
    find: impl FnOnce(&Vault) -> Result<T, EngineError> + Send + 'static,
) -> Result<T, EngineError> {
    let vault = Arc::clone(vault);
    let found = tokio::task::spawn_blocking(move || find(&vault)).await;
    found.map_err(|error| EngineError::NoMasterKey { reason: error.to_string() })?
}

impl EngineHandle {
    /// Keeps a workspace's key of a provider, in place of the one before.
    ///
    /// # Errors
    /// Where there is no master key and none can be made, or the store fails;
    /// the key before then stays.
    pub async fn set_provider_key(
        &self,
        workspace: &WorkspaceId,
        provider: &ProviderName,
        secret: &ProviderSecret,
    ) -> Result<ProviderKeyInfo, EngineError> {
        let master = master(&self.shared.vault, Vault::key_or_new).await?;
        let sealed = master.seal(workspace, provider, secret)?;
        let now = self.shared.clock.now();
        let record = self.shared.store.put_provider_key(workspace, provider, &sealed, now).await?;
        Ok(info(record, true))
    }

    /// The provider keys of a workspace, by name.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn provider_keys(
        &self,
        workspace: &WorkspaceId,
    ) -> Result<Vec<ProviderKeyInfo>, EngineError> {
        let records = self.shared.store.provider_keys(workspace).await?;
        let master = match master(&self.shared.vault, Vault::key).await {
            Ok(master) => master,
            Err(error) => {
                tracing::warn!(%error, "no provider key can be read");
                None
            }
        };
        let told = records.into_iter().map(|record| {
            let readable = open(master.as_ref(), workspace, &record).is_ok();
            info(record, readable)
        });
        Ok(told.collect())
    }

    /// Removes a workspace's key of a provider, also one that cannot be read.
    ///
    /// # Errors
    /// Where it has none, or the store fails.
    pub async fn remove_provider_key(
        &self,
        workspace: &WorkspaceId,
        provider: &ProviderName,
    ) -> Result<(), EngineError> {
        if self.shared.store.delete_provider_key(workspace, provider).await? {
            return Ok(());
        }
        Err(EngineError::NotFound(format!("key of provider `{provider}` in this workspace")))
    }

    /// A workspace's key of a provider in clear, to be used at once and kept
    /// nowhere; `None` where it has none.
    ///
    /// # Errors
    /// [`EngineError::OtherMasterKey`] where it was stored under another master
    /// key, [`EngineError::ProviderKeyDamaged`] where its record was changed or
    /// moved, [`EngineError::NoMasterKey`] where the master key cannot be read.
    pub async fn provider_secret(
        &self,
        workspace: &WorkspaceId,
        provider: &ProviderName,
    ) -> Result<Option<ProviderSecret>, EngineError> {
        let Some(record) = self.shared.store.provider_key(workspace, provider).await? else {
            return Ok(None);
        };
        let master = master(&self.shared.vault, Vault::key).await?;
        open(master.as_ref(), workspace, &record).map(Some)
    }
}

/// Provider keys that the master key at hand does not open.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Locked {
    /// How many, in all workspaces.
    count: u64,
    /// The master keys that they were stored under.
    master_keys: Vec<String>,
}

/// At the hub's start: says what cannot be read, and why. The hub does all else
/// without it.
pub(crate) async fn warn_of_locked(shared: &Shared) {
    let master = match &shared.config.master_key {
        None => Ok(None),
        Some(_) => master(&shared.vault, Vault::key).await,
    };
    let master = match master {
        Ok(master) => master,
        Err(error) => {
            tracing::error!(%error, "provider keys can be neither read nor set");
            return;
        }
    };
    match locked(shared, master.as_ref()).await {
        Ok(Locked { count: 0, .. }) => {}
        Ok(Locked { count, master_keys }) => tracing::warn!(
            count,
            master_keys = master_keys.join(", "),
            "provider keys were stored under another master key and cannot be read: \
             restore the key file and start the hub again, or set those keys again"
        ),
        Err(error) => tracing::warn!(%error, "could not look at the provider keys"),
    }
}

async fn locked(shared: &Shared, master: Option<&MasterKey>) -> Result<Locked, StoreError> {
    let at_hand = master.map(MasterKey::id);
    let mut locked = Locked::default();
    for (id, count) in shared.store.master_keys().await? {
        let id = MasterKeyId(id);
        if at_hand != Some(id) {
            locked.count += count;
            locked.master_keys.push(id.to_string());
        }
    }
    Ok(locked)
}

#[cfg(test)]
mod tests;
