//! The gRPC service `Inference`: a model without an agent.

use std::pin::Pin;
use std::sync::Arc;

use agentos_domain::Classified;
use agentos_inference::{
    Completion, Engine, EngineError, GenerateEvent, GenerateRequest, ToolChoice,
};
use agentos_proto::v1::generate_event::Event;
use agentos_proto::v1::inference_server::Inference;
use agentos_proto::v1::{self, GenerateDone, TokenEvent};
use futures::Stream;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::{Request, Response, Status};

pub(crate) struct InferenceService {
    engine: Arc<dyn Engine>,
}

impl InferenceService {
    pub(crate) fn new(engine: Arc<dyn Engine>) -> Self {
        Self { engine }
    }
}

fn status_of(error: &EngineError) -> Status {
    let message = format!("{}: {error}", error.code());
    if error.is_retryable() { Status::unavailable(message) } else { Status::internal(message) }
}

#[tonic::async_trait]
impl Inference for InferenceService {
    type GenerateStream = Pin<Box<dyn Stream<Item = Result<v1::GenerateEvent, Status>> + Send>>;

    async fn generate(
        &self,
        request: Request<v1::GenerateRequest>,
    ) -> Result<Response<Self::GenerateStream>, Status> {
        let request = request.into_inner();
        let invalid = |error: serde_json::Error| Status::invalid_argument(error.to_string());
        let request = GenerateRequest {
            messages: request
                .messages
                .iter()
                .map(|message| serde_json::from_str(message))
                .collect::<Result<_, _>>()
                .map_err(invalid)?,
            tools: Vec::new(),
            tool_choice: ToolChoice::None,
            sampling: serde_json::from_str(&request.sampling).map_err(invalid)?,
            conversation: None,
        };
        let cancel = CancellationToken::new();
        let events =
            self.engine.generate(request, cancel.clone()).await.map_err(|e| status_of(&e))?;
        Ok(Response::new(Box::pin(stream(events, cancel.drop_guard()))))
    }
}

type Events = tokio::sync::mpsc::Receiver<Result<GenerateEvent, EngineError>>;

/// The events on the wire; dropping the stream stops the engine.
fn stream(
    events: Events,
    guard: DropGuard,
) -> impl Stream<Item = Result<v1::GenerateEvent, Status>> + Send {
    futures::stream::unfold((events, guard), |(mut events, guard)| async move {
        let event = match events.recv().await? {
            Ok(GenerateEvent::Token { text, logprob }) => {
                Ok(Event::Token(TokenEvent { text, logprob }))
            }
            Ok(GenerateEvent::Done(completion)) => Ok(Event::Done(done(&completion))),
            Err(error) => Err(status_of(&error)),
        };
        let event = event.map(|event| v1::GenerateEvent { event: Some(event) });
        Some((event, (events, guard)))
    })
}

fn done(completion: &Completion) -> GenerateDone {
    let finish = serde_json::to_value(completion.finish)
        .ok()
        .and_then(|value| value.as_str().map(str::to_owned))
        .unwrap_or_default();
    GenerateDone {
        finish,
        input_tokens: completion.usage.input_tokens,
        cached_tokens: completion.usage.cached_tokens,
        output_tokens: completion.usage.output_tokens,
    }
}
