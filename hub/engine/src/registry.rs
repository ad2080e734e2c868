//! What the link asks about edges, answered from the store.

use std::sync::Arc;

use agentos_domain::{AttemptId, EdgeId, SessionEpoch};
use agentos_link::{EdgeRegistry, RegistryError};
use agentos_proto::v1::HelloRequest;
use agentos_store::{Redeemed, StoreError};
use async_trait::async_trait;

use crate::engine::Shared;

pub(crate) struct Registry {
    shared: Arc<Shared>,
}

impl Registry {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }
}

fn unavailable(error: StoreError) -> RegistryError {
    RegistryError::Unavailable(error.to_string())
}

#[async_trait]
impl EdgeRegistry for Registry {
    async fn redeem(
        &self,
        secret_hash: [u8; 32],
        edge: EdgeId,
        name: &str,
    ) -> Result<(), RegistryError> {
        let now = self.shared.clock.now();
        let store = &self.shared.store;
        let refusal = match store
            .redeem_join_token(secret_hash, &edge, name, now)
            .await
            .map_err(unavailable)?
        {
            Redeemed::Joined => return Ok(()),
            Redeemed::Unknown => "this hub never issued this token",
            Redeemed::Used => "this token has been used; each joins one edge",
            Redeemed::Expired => "this token has expired",
        };
        Err(RegistryError::Refused(refusal.to_owned()))
    }

    async fn is_revoked(&self, edge: &EdgeId) -> Result<bool, RegistryError> {
        let record = self.shared.store.edge(edge).await.map_err(unavailable)?;
        Ok(record.is_none_or(|record| record.revoked_at.is_some()))
    }

    async fn open_session(
        &self,
        edge: &EdgeId,
        hello: &HelloRequest,
    ) -> Result<SessionEpoch, RegistryError> {
        let now = self.shared.clock.now();
        let epoch = self
            .shared
            .store
            .open_session(edge, &hello.boot_id, &hello.version, now)
            .await
            .map_err(unavailable)?;
        agentos_faults::crash_point("hub.session.opened");
        let kept: Vec<AttemptId> =
            hello.attempts.iter().filter_map(|held| held.attempt_id.parse().ok()).collect();
        let (shared, edge) = (Arc::clone(&self.shared), edge.clone());
        let work = async move {
            let lost = shared.store.release_lost(&edge, &kept, now).await?;
            agentos_faults::crash_point("hub.session.taken_back");
            if !lost.is_empty() {
                tracing::info!(%edge, tasks = lost.len(), "the edge lost runs");
            }
            shared.publish_requeued(&lost);
            Ok(())
        };
        self.shared.to_the_end(work).await.map_err(unavailable)?;
        Ok(epoch)
    }

    async fn close_session(&self, edge: &EdgeId, epoch: SessionEpoch) {
        let now = self.shared.clock.now();
        if let Err(error) = self.shared.store.close_session(edge, epoch, now).await {
            tracing::warn!(%edge, %epoch, %error, "could not note the end of a session");
        }
        let link = self.shared.link.get();
        let newer = link.and_then(|link| link.session(edge)).is_some_and(|new| new.epoch > epoch);
        if !newer {
            self.shared.loads().remove(edge);
        }
    }
}
