//! Joining: a token for a certificate.

use std::sync::Arc;

use agentos_domain::EdgeId;
use agentos_proto::v1::enrolment_server::Enrolment;
use agentos_proto::v1::{JoinReply, JoinRequest};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use super::listen::Shared;
use crate::token::{SECRET, hash_secret};

pub(crate) struct EnrolmentService {
    hub: Arc<Shared>,
    answered: CancellationToken,
}

impl EnrolmentService {
    /// For one connection. `answered` is cancelled at the first answer.
    pub(crate) fn new(hub: Arc<Shared>, answered: CancellationToken) -> Self {
        Self { hub, answered }
    }

    async fn admit(&self, request: JoinRequest) -> Result<JoinReply, Status> {
        check_name(&request.name)?;
        if request.secret.len() != SECRET {
            return Err(Status::invalid_argument("not the secret of a join token"));
        }
        let (edge, hub) = (EdgeId::generate(), &self.hub);
        // First the certificate, so that a bad request uses up no token; the
        // certificate opens nothing while the registry does not know the edge.
        let certificate_pem = hub
            .ca
            .issue_edge(&request.csr_pem, &edge, hub.config.certificate_life, hub.clock.now())
            .map_err(|error| Status::invalid_argument(error.to_string()))?;
        hub.registry.redeem(hash_secret(&request.secret), edge.clone(), &request.name).await?;
        tracing::info!(%edge, name = request.name, "edge joined");
        Ok(JoinReply {
            edge_id: edge.to_string(),
            certificate_pem,
            ca_pem: hub.ca.pem().to_owned(),
        })
    }
}

#[async_trait::async_trait]
impl Enrolment for EnrolmentService {
    async fn join(&self, request: Request<JoinRequest>) -> Result<Response<JoinReply>, Status> {
        let reply = self.admit(request.into_inner()).await;
        self.answered.cancel();
        reply.map(Response::new)
    }
}

fn check_name(name: &str) -> Result<(), Status> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if (1..=64).contains(&name.len()) && name.chars().all(allowed) {
        return Ok(());
    }
    Err(Status::invalid_argument(
        "not a name for an edge: use 1 to 64 letters, digits, `-`, `_` or `.`",
    ))
}
