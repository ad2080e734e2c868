//! The gRPC service `Inference`: a model without an agent.

use std::pin::Pin;
use std::sync::Arc;

use agentos_generation::{Engine, Visible, wire};
use agentos_proto::v1::generate_event::Event;
use agentos_proto::v1::inference_server::Inference;
use agentos_proto::v1::{self, GenerateStarted};
use futures::{Stream, StreamExt as _};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

pub(crate) struct InferenceService {
    engine: Arc<dyn Engine>,
}

impl InferenceService {
    pub(crate) fn new(engine: Arc<dyn Engine>) -> Self {
        Self { engine }
    }
}

#[tonic::async_trait]
impl Inference for InferenceService {
    type GenerateStream = Pin<Box<dyn Stream<Item = Result<v1::GenerateEvent, Status>> + Send>>;

    async fn generate(
        &self,
        request: Request<v1::GenerateRequest>,
    ) -> Result<Response<Self::GenerateStream>, Status> {
        let request = wire::parse(&request.into_inner())?;
        let model = self.engine.status().model;
        let visible = Visible::new(!request.tools.is_empty());
        let cancel = CancellationToken::new();
        let events = self.engine.generate(request, cancel.clone()).await;
        let events = events.map_err(|error| wire::status_of(&error))?;
        let started = Event::Started(GenerateStarted { model });
        let started = Ok(v1::GenerateEvent { event: Some(started) });
        let events = wire::events(events, visible, cancel.drop_guard());
        Ok(Response::new(Box::pin(futures::stream::iter([started]).chain(events))))
    }
}
