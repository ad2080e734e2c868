//! The gRPC service `Models`: models for runs whose executor has none.
//!
//! An edge asks it for the cloud's tier, the hub's own executor for every tier.
//! What a task may is read from the store under the run's lease; an executor
//! cannot ask for more.

use std::pin::Pin;
use std::sync::Arc;

use agentos_domain::{Privacy, Tier};
use agentos_generation::{EngineError, GenerateRequest, Generation, Visible, wire};
use agentos_proto::v1::models_server::Models as ModelsRpc;
use agentos_proto::v1::{GenerateEvent, RunGenerateRequest};
use agentos_store::RunScope;
use async_trait::async_trait;
use futures::Stream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use crate::engine::Shared;
use crate::service::{caller, lease_of, status_of};

/// The models that the hub has.
#[async_trait]
pub trait Models: Send + Sync + 'static {
    /// The tiers for which a model answers although no edge is there, for runs
    /// of this privacy.
    fn without_edges(&self, privacy: Privacy) -> Vec<Tier>;

    /// Has a model answer, of the agent's tier and as far as the run may.
    /// Dropping the receiver ends the call.
    ///
    /// # Errors
    /// Why none does. Other errors arrive on the receiver.
    async fn generate(
        &self,
        run: RunScope,
        request: GenerateRequest,
    ) -> Result<Generation, EngineError>;
}

pub(crate) struct ModelsService {
    shared: Arc<Shared>,
}

impl ModelsService {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }
}

#[tonic::async_trait]
impl ModelsRpc for ModelsService {
    type GenerateStream = Pin<Box<dyn Stream<Item = Result<GenerateEvent, Status>> + Send>>;

    async fn generate(
        &self,
        request: Request<RunGenerateRequest>,
    ) -> Result<Response<Self::GenerateStream>, Status> {
        let edge = caller(&request)?;
        let RunGenerateRequest { attempt, request } = request.into_inner();
        let held = lease_of(&attempt.unwrap_or_default())?;
        let request = wire::parse(&request.unwrap_or_default())?;
        let Shared { store, clock, models, .. } = self.shared.as_ref();
        let run = store.run_scope(&edge, &held, clock.now()).await;
        let run = run.map_err(|error| status_of(&error))?;
        let Some(models) = models.get() else {
            return Err(Status::unavailable("connect: the hub has not started its models yet"));
        };
        let events = models.generate(run, request).await;
        let events = events.map_err(|error| wire::status_of(&error))?;
        // Dropping the events ends the call.
        let guard = CancellationToken::new().drop_guard();
        Ok(Response::new(Box::pin(wire::events(events, Visible::new(false), guard))))
    }
}
