//! Joining a hub.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use agentos_domain::{Clock, SystemClock};
use agentos_proto::v1::enrolment_client::EnrolmentClient;
use agentos_proto::v1::{JoinReply, JoinRequest};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::dial::resolve;
use crate::channel::LinkChannel;
use crate::error::LinkError;
use crate::identity::{EdgeIdentity, KeyRequest, Leaf, spki_fingerprint};
use crate::serve::{KeepAlive, Tasks};
use crate::tcp::{DialledLane, HANDSHAKE_LIMIT, dial_tls};
use crate::tls::join_config;
use crate::token::JoinToken;

const JOIN_LIMIT: Duration = Duration::from_secs(20);

/// Makes a key, has the hub at `hub` (`HOST:PORT`) certify it in exchange for
/// the token, and saves the identity to `dir`, in place of an older one.
///
/// The hub proves itself by the authority that the token names before anything
/// is sent to it.
///
/// # Errors
/// If the hub does not answer, is another one, or refuses the token.
pub async fn join(
    hub: &str,
    token: &JoinToken,
    name: &str,
    dir: &Path,
) -> Result<EdgeIdentity, LinkError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let tls = join_config(token.ca_fingerprint(), &clock)?;
    let addrs: Vec<SocketAddr> = resolve(hub).await?;
    let lane = timeout(HANDSHAKE_LIMIT, dial_tls(&addrs, &tls))
        .await
        .map_err(|_| LinkError::Unreachable {
            hub: hub.to_owned(),
            reason: "no answer".to_owned(),
        })?
        .map_err(|error| LinkError::of_dial(hub, &error))?;
    let request = KeyRequest::generate()?;
    let message = JoinRequest {
        secret: token.secret().to_vec(),
        csr_pem: request.csr_pem().to_owned(),
        name: name.to_owned(),
    };
    let tasks = Tasks::new(CancellationToken::new());
    let reply = timeout(JOIN_LIMIT, call(hub, lane, message, &tasks)).await;
    tasks.shut_down().await;
    let reply = reply.map_err(|_| LinkError::Unreachable {
        hub: hub.to_owned(),
        reason: "no answer to the request to join".to_owned(),
    })??;
    if spki_fingerprint(Leaf::from_pem(&reply.ca_pem)?.der())? != token.ca_fingerprint() {
        return Err(LinkError::WrongHub { hub: hub.to_owned() });
    }
    let identity = request.certified(&reply.certificate_pem, &reply.ca_pem)?;
    let (saved, dir) = (identity.clone(), dir.to_owned());
    tokio::task::spawn_blocking(move || saved.save(&dir))
        .await
        .map_err(LinkError::certificate)??;
    Ok(identity)
}

async fn call(
    hub: &str,
    lane: DialledLane,
    message: JoinRequest,
    tasks: &Tasks,
) -> Result<JoinReply, LinkError> {
    let keep_alive = KeepAlive::new(Duration::from_secs(1), Duration::from_secs(5));
    let (channel, driver) = LinkChannel::tcp(lane, keep_alive, tasks.clone(), "the hub hung up")
        .await
        .map_err(|error| LinkError::of_dial(hub, &error))?;
    tasks.spawn(driver);
    match EnrolmentClient::new(channel).join(message).await {
        Ok(reply) => Ok(reply.into_inner()),
        Err(status) => Err(match status.code() {
            tonic::Code::PermissionDenied => {
                LinkError::TokenRefused { reason: status.message().to_owned() }
            }
            tonic::Code::InvalidArgument => LinkError::Config(status.message().to_owned()),
            _ => LinkError::of_status(hub, &status),
        }),
    }
}
