//! The gRPC service `Inference`: a model without an agent.

use std::pin::Pin;
use std::sync::Arc;

use agentos_domain::{Classified, ToolName};
use agentos_inference::{
    Completion, Engine, EngineError, GenerateEvent, GenerateRequest, ToolChoice,
};
use agentos_proto::v1::generate_event::Event;
use agentos_proto::v1::inference_server::Inference;
use agentos_proto::v1::tool_choice::Choice;
use agentos_proto::v1::{self, GenerateDone, GenerateStarted, TokenEvent};
use futures::{Stream, StreamExt as _};
use serde::de::DeserializeOwned;
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
    match error {
        EngineError::Busy { .. } => Status::resource_exhausted(message),
        EngineError::ContextFull { .. } => Status::out_of_range(message),
        EngineError::UnknownTool { .. }
        | EngineError::Schema { .. }
        | EngineError::OutputSchema { .. } => Status::invalid_argument(message),
        _ if error.is_retryable() => Status::unavailable(message),
        _ => Status::internal(message),
    }
}

#[tonic::async_trait]
impl Inference for InferenceService {
    type GenerateStream = Pin<Box<dyn Stream<Item = Result<v1::GenerateEvent, Status>> + Send>>;

    async fn generate(
        &self,
        request: Request<v1::GenerateRequest>,
    ) -> Result<Response<Self::GenerateStream>, Status> {
        let request = parse(&request.into_inner())?;
        let model = self.engine.status().model;
        let cancel = CancellationToken::new();
        let events =
            self.engine.generate(request, cancel.clone()).await.map_err(|e| status_of(&e))?;
        let started = Event::Started(GenerateStarted { model });
        let started = Ok(v1::GenerateEvent { event: Some(started) });
        let events = stream(events, cancel.drop_guard());
        Ok(Response::new(Box::pin(futures::stream::iter([started]).chain(events))))
    }
}

fn parse(request: &v1::GenerateRequest) -> Result<GenerateRequest, Status> {
    let schema = Some(request.output_schema.as_str()).filter(|schema| !schema.is_empty());
    Ok(GenerateRequest {
        messages: documents(&request.messages)?,
        tools: documents(&request.tools)?,
        tool_choice: choice(request.tool_choice.as_ref())?,
        output_schema: schema.map(document).transpose()?,
        sampling: document(&request.sampling)?,
        conversation: None,
    })
}

fn documents<T: DeserializeOwned>(texts: &[String]) -> Result<Vec<T>, Status> {
    texts.iter().map(|text| document(text)).collect()
}

fn document<T: DeserializeOwned>(text: &str) -> Result<T, Status> {
    serde_json::from_str(text).map_err(|error| Status::invalid_argument(error.to_string()))
}

fn choice(choice: Option<&v1::ToolChoice>) -> Result<ToolChoice, Status> {
    match choice.and_then(|choice| choice.choice.as_ref()) {
        None => Ok(ToolChoice::Auto),
        Some(Choice::None(_)) => Ok(ToolChoice::None),
        Some(Choice::Any(_)) => Ok(ToolChoice::Any),
        Some(Choice::Required(name)) => {
            let name = name.parse::<ToolName>();
            let name = name.map_err(|error| Status::invalid_argument(error.to_string()))?;
            Ok(ToolChoice::Required(name))
        }
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
        // What was read from JSON can be written as such.
        tool_calls: completion
            .tool_calls
            .iter()
            .filter_map(|call| serde_json::to_string(call).ok())
            .collect(),
    }
}
