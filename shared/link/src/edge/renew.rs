//! Renewing the edge's certificate, once a third of its life has passed.

use std::sync::Arc;
use std::time::Duration;

use agentos_proto::v1::RenewRequest;
use agentos_proto::v1::session_client::SessionClient;
use tokio::time::{sleep, timeout};

use super::backoff::Backoff;
use super::run::Core;
use crate::channel::LinkChannel;
use crate::error::LinkError;
use crate::identity::KeyRequest;

/// The clock that counts a sleep stands still while the machine sleeps: look
/// again after at most this time.
const LOOK_AGAIN: Duration = Duration::from_secs(3600);
const RENEW_LIMIT: Duration = Duration::from_secs(10);
const RETRY_MIN: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_secs(300);

/// Renews for as long as the session lives. The new certificate is shown from
/// the next connection on.
pub(super) async fn renew_loop(core: Arc<Core>, channel: LinkChannel) {
    let mut backoff = Backoff::new(RETRY_MIN, RETRY_MAX);
    loop {
        let wait = core.identity.get().renew_at().since(core.clock.now());
        if !wait.is_zero() {
            sleep(wait.min(LOOK_AGAIN)).await;
            continue;
        }
        match renew(&core, &channel).await {
            Ok(serial) => {
                tracing::info!(serial, "certificate renewed");
                backoff.reset();
            }
            Err(error) => {
                tracing::warn!(%error, "certificate not renewed, trying again");
                sleep(backoff.next()).await;
            }
        }
    }
}

async fn renew(core: &Arc<Core>, channel: &LinkChannel) -> Result<String, LinkError> {
    let hub = core.config.hub.as_str();
    let old = core.identity.get();
    let request = KeyRequest::generate()?;
    let mut client = SessionClient::new(channel.clone());
    let call = client.renew_certificate(RenewRequest { csr_pem: request.csr_pem().to_owned() });
    let reply = timeout(RENEW_LIMIT, call)
        .await
        .map_err(|_| LinkError::Unreachable {
            hub: hub.to_owned(),
            reason: "no answer to the renewal".to_owned(),
        })?
        .map_err(|status| LinkError::of_status(hub, &status))?
        .into_inner();
    // Against the authority that is known: a reply cannot bring in another.
    let new = Arc::new(request.certified(&reply.certificate_pem, old.ca_pem())?);
    if new.edge_id() != old.edge_id() {
        return Err(LinkError::Certificate("the hub certified another edge".to_owned()));
    }
    let (serial, owner) = (new.serial(), Arc::clone(core));
    // Both or neither, also if the session ends meanwhile.
    let adopt = move || {
        new.save(&owner.config.identity_dir)?;
        owner.identity.set(new);
        Ok(serial)
    };
    tokio::task::spawn_blocking(adopt).await.map_err(LinkError::certificate)?
}
