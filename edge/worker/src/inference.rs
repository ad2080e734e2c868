//! The gRPC service `Inference`: a model without an agent.

use std::pin::Pin;
use std::sync::Arc;

use agentos_domain::{Classified, ToolName};
use agentos_inference::{
    CALL_OPENS, Completion, Engine, EngineError, GenerateEvent, GenerateRequest, ToolChoice,
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
        EngineError::UnknownTool { .. } => Status::invalid_argument(message),
        // Another model may have another kind of grammar.
        EngineError::Schema { .. } | EngineError::OutputSchema { .. } => {
            Status::unimplemented(message)
        }
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
        let visible = Visible::new(!request.tools.is_empty());
        let cancel = CancellationToken::new();
        let events =
            self.engine.generate(request, cancel.clone()).await.map_err(|e| status_of(&e))?;
        let started = Event::Started(GenerateStarted { model });
        let started = Ok(v1::GenerateEvent { event: Some(started) });
        let events = stream(events, visible, cancel.drop_guard());
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
    visible: Visible,
    guard: DropGuard,
) -> impl Stream<Item = Result<v1::GenerateEvent, Status>> + Send {
    let wire = |event| v1::GenerateEvent { event: Some(event) };
    futures::stream::unfold(
        (events, visible, guard),
        |(mut events, mut visible, guard)| async move {
            let event = loop {
                match events.recv().await? {
                    Ok(GenerateEvent::Token { text, logprob }) => {
                        let text = visible.push(&text);
                        if !text.is_empty() {
                            break Ok(vec![Event::Token(TokenEvent { text, logprob })]);
                        }
                    }
                    Ok(GenerateEvent::Done(completion)) => {
                        let rest = visible.rest();
                        let rest = (!rest.is_empty())
                            .then_some(Event::Token(TokenEvent { text: rest, logprob: 0.0 }));
                        break Ok(rest
                            .into_iter()
                            .chain([Event::Done(done(&completion))])
                            .collect());
                    }
                    Err(error) => break Err(status_of(&error)),
                }
            };
            Some((event, (events, visible, guard)))
        },
    )
    .flat_map(move |events| {
        let events = match events {
            Ok(events) => events.into_iter().map(|event| Ok(wire(event))).collect(),
            Err(status) => vec![Err(status)],
        };
        futures::stream::iter(events)
    })
}

/// The part of a text that is no call of a tool: a call comes whole at the end.
struct Visible {
    /// Whether there can be any.
    calls: bool,
    /// What may be the beginning of one.
    held: String,
    /// Whether one has begun.
    begun: bool,
}

impl Visible {
    fn new(calls: bool) -> Self {
        Self { calls, held: String::new(), begun: false }
    }

    /// What can be shown after this piece.
    fn push(&mut self, text: &str) -> String {
        if !self.calls {
            return text.to_owned();
        }
        if self.begun {
            return String::new();
        }
        self.held.push_str(text);
        if let Some(at) = self.held.find(CALL_OPENS) {
            self.begun = true;
            self.held.truncate(at);
            return std::mem::take(&mut self.held);
        }
        let may_open =
            (1..CALL_OPENS.len()).rev().find(|length| self.held.ends_with(&CALL_OPENS[..*length]));
        let keep = self.held.len() - may_open.unwrap_or(0);
        self.held.drain(..keep).collect()
    }

    /// What is left at the end.
    fn rest(&mut self) -> String {
        std::mem::take(&mut self.held)
    }
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
        mean_probability: completion.confidence.map(f64::from),
        // What was read from JSON can be written as such.
        tool_calls: completion
            .tool_calls
            .iter()
            .filter_map(|call| serde_json::to_string(call).ok())
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(pieces: &[&str]) -> String {
        let mut visible = Visible::new(true);
        let mut text: String = pieces.iter().map(|piece| visible.push(piece)).collect();
        text.push_str(&visible.rest());
        text
    }

    #[test]
    fn a_call_is_no_text_however_it_is_cut() {
        let text = "so: <tool_call>\n{}\n</tool_call>";
        for cut in 0..text.len() {
            assert_eq!(shown(&[&text[..cut], &text[cut..]]), "so: ", "{cut}");
        }
        assert_eq!(shown(&["a < b", " <tool", "box>"]), "a < b <toolbox>");
        assert_eq!(Visible::new(false).push("<tool_call>"), "<tool_call>");
    }
}
