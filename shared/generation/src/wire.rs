//! Questions and answers as messages of the link.
//!
//! The asking side writes a request ([`request`]) and reads the events
//! ([`answer`]); the other side reads the request ([`parse`]) and writes the
//! events ([`events`]). Errors go as a status of gRPC whose message begins with
//! their code.

use std::time::Duration;

use agentos_domain::{Classified as _, FinishReason, ToolName, Usage};
use agentos_proto::v1::generate_event::Event;
use agentos_proto::v1::tool_choice::Choice;
use agentos_proto::v1::{self, GenerateDone, GenerateStarted, TokenEvent};
use futures::{Stream, StreamExt as _};
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;
use tokio_util::sync::DropGuard;
use tonic::{Code, Status};

use crate::{
    Completion, EngineError, GenerateEvent, GenerateRequest, Generation, ToolChoice, Visible,
};

/// Events of one answer that wait for whoever reads them.
const EVENTS: usize = 256;
/// The codes of errors that are told apart on the other side.
const CODES: [&str; 19] = [
    "auth",
    "broken",
    "budget_exceeded",
    "chat_template",
    "connect",
    "context_full",
    "context_length_exceeded",
    "generation_failed",
    "invalid_request",
    "local_only",
    "model_not_found",
    "output_schema",
    "quota",
    "rate_limited",
    "refused",
    "timeout",
    "tool_schema",
    "unpriced",
    "unsupported",
];

/// A request as a message. Its conversation is left out: transcripts stay
/// where they are.
///
/// # Errors
/// [`EngineError::Unanswered`] where something cannot be written.
pub fn request(request: &GenerateRequest) -> Result<v1::GenerateRequest, EngineError> {
    Ok(v1::GenerateRequest {
        messages: texts(&request.messages)?,
        sampling: text(&request.sampling)?,
        tools: texts(&request.tools)?,
        tool_choice: choice(&request.tool_choice),
        output_schema: request.output_schema.as_ref().map(text).transpose()?.unwrap_or_default(),
    })
}

fn texts<T: serde::Serialize>(items: &[T]) -> Result<Vec<String>, EngineError> {
    items.iter().map(text).collect()
}

fn text<T: serde::Serialize>(item: &T) -> Result<String, EngineError> {
    serde_json::to_string(item).map_err(|error| EngineError::Unanswered {
        code: "invalid_request",
        message: format!("the request cannot be sent: {error}"),
        passes: false,
    })
}

fn choice(choice: &ToolChoice) -> Option<v1::ToolChoice> {
    let choice = match choice {
        ToolChoice::Auto => return None,
        ToolChoice::None => Choice::None(true),
        ToolChoice::Any => Choice::Any(true),
        ToolChoice::Required(name) => Choice::Required(name.to_string()),
    };
    Some(v1::ToolChoice { choice: Some(choice) })
}

/// What a message asks.
///
/// # Errors
/// `INVALID_ARGUMENT` where it cannot be read.
pub fn parse(request: &v1::GenerateRequest) -> Result<GenerateRequest, Status> {
    let schema = Some(request.output_schema.as_str()).filter(|schema| !schema.is_empty());
    Ok(GenerateRequest {
        messages: documents(&request.messages)?,
        tools: documents(&request.tools)?,
        tool_choice: parse_choice(request.tool_choice.as_ref())?,
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

fn parse_choice(choice: Option<&v1::ToolChoice>) -> Result<ToolChoice, Status> {
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

/// The events of an answer as messages. Dropping the stream drops `guard`,
/// which stops whoever generates.
pub fn events(
    events: Generation,
    visible: Visible,
    guard: DropGuard,
) -> impl Stream<Item = Result<v1::GenerateEvent, Status>> + Send {
    futures::stream::unfold((events, visible, guard), |(mut events, mut visible, guard)| async {
        let messages = loop {
            match events.recv().await? {
                Ok(event) => match shown(event, &mut visible) {
                    messages if messages.is_empty() => {}
                    messages => break Ok(messages),
                },
                Err(error) => break Err(status_of(&error)),
            }
        };
        Some((messages, (events, visible, guard)))
    })
    .flat_map(|messages| {
        let message = |event| Ok(v1::GenerateEvent { event: Some(event) });
        futures::stream::iter(match messages {
            Ok(events) => events.into_iter().map(message).collect(),
            Err(status) => vec![Err(status)],
        })
    })
}

fn shown(event: GenerateEvent, visible: &mut Visible) -> Vec<Event> {
    match event {
        GenerateEvent::Started { model } => vec![Event::Started(GenerateStarted { model })],
        GenerateEvent::Token { text, logprob } => match visible.push(&text) {
            text if text.is_empty() => Vec::new(),
            text => vec![Event::Token(TokenEvent { text, logprob })],
        },
        GenerateEvent::Done(completion) => {
            let rest = Some(visible.rest()).filter(|rest| !rest.is_empty());
            let rest = rest.map(|text| Event::Token(TokenEvent { text, logprob: 0.0 }));
            rest.into_iter().chain([Event::Done(done(&completion))]).collect()
        }
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

/// An answer that comes as messages, until whoever reads it goes away.
/// `elapsed` tells how long it has taken.
pub async fn answer(
    mut messages: tonic::Streaming<v1::GenerateEvent>,
    events: mpsc::Sender<Result<GenerateEvent, EngineError>>,
    elapsed: impl Fn() -> Duration + Send,
) {
    let (mut model, mut text) = (String::new(), String::new());
    loop {
        let next = tokio::select! {
            biased;
            () = events.closed() => return,
            next = messages.message() => next,
        };
        let event = match next {
            Ok(Some(message)) => message.event,
            Ok(None) => {
                let error = broken("the answer broke off before its end");
                return drop(events.send(Err(error)).await);
            }
            Err(status) => return drop(events.send(Err(error_of(&status))).await),
        };
        let event = match event {
            // An event of a newer version: not known here, and not needed.
            None => continue,
            Some(Event::Started(started)) => {
                text.clear();
                model.clone_from(&started.model);
                GenerateEvent::Started { model: started.model }
            }
            Some(Event::Token(token)) => {
                text.push_str(&token.text);
                GenerateEvent::Token { text: token.text, logprob: token.logprob }
            }
            Some(Event::Done(done)) => {
                let done = completion(model, text, &done, elapsed());
                return drop(events.send(done.map(GenerateEvent::Done)).await);
            }
        };
        if events.send(Ok(event)).await.is_err() {
            return;
        }
    }
}

/// A channel for the events of an answer.
#[must_use]
pub fn channel() -> (mpsc::Sender<Result<GenerateEvent, EngineError>>, Generation) {
    mpsc::channel(EVENTS)
}

fn completion(
    model: String,
    text: String,
    done: &GenerateDone,
    took: Duration,
) -> Result<Completion, EngineError> {
    let unreadable = |error: serde_json::Error| broken(&format!("cannot read a call: {error}"));
    let calls = done.tool_calls.iter().map(|call| serde_json::from_str(call));
    let finish = serde_json::Value::from(done.finish.as_str());
    #[expect(clippy::cast_possible_truncation, reason = "a confidence needs no more digits")]
    let confidence = done.mean_probability.map(|mean| mean as f32);
    Ok(Completion {
        model,
        text,
        tool_calls: calls.collect::<Result<_, _>>().map_err(unreadable)?,
        finish: serde_json::from_value(finish).unwrap_or(FinishReason::Stop),
        usage: Usage {
            input_tokens: done.input_tokens,
            cached_tokens: done.cached_tokens,
            output_tokens: done.output_tokens,
        },
        confidence,
        duration_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
    })
}

fn broken(message: &str) -> EngineError {
    EngineError::Unanswered { code: "broken", message: message.to_owned(), passes: true }
}

/// An error as a status: its message begins with the error's code.
#[must_use]
pub fn status_of(error: &EngineError) -> Status {
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

/// The error that a status tells of.
#[must_use]
pub fn error_of(status: &Status) -> EngineError {
    let (code, message) = status.message().split_once(": ").unwrap_or(("", status.message()));
    let known = CODES.into_iter().find(|known| *known == code);
    let passes = matches!(
        status.code(),
        Code::Unavailable | Code::ResourceExhausted | Code::DeadlineExceeded | Code::Aborted
    );
    let message = if known.is_some() { message } else { status.message() }.to_owned();
    EngineError::Unanswered { code: known.unwrap_or("model_failed"), message, passes }
}

#[cfg(test)]
mod tests {
    use agentos_domain::{Message, Role, Sampling, ToolCall, ToolClass, ToolSpec};
    use serde_json::json;

    use super::*;

    fn asked() -> GenerateRequest {
        GenerateRequest {
            messages: vec![
                Message::text(Role::System, "be brief"),
                Message::text(Role::User, "hi"),
            ],
            tools: vec![ToolSpec::new(
                "look".parse().unwrap(),
                ToolClass::Read,
                "looks",
                json!({ "type": "object" }),
            )],
            tool_choice: ToolChoice::Required("look".parse().unwrap()),
            output_schema: Some(json!({ "type": "string" })),
            sampling: Sampling { max_tokens: 7, ..Sampling::default() },
            conversation: None,
        }
    }

    #[test]
    fn a_request_arrives_as_it_was_sent() {
        for tool_choice in [
            ToolChoice::Auto,
            ToolChoice::None,
            ToolChoice::Any,
            ToolChoice::Required("look".parse().unwrap()),
        ] {
            let asked = GenerateRequest { tool_choice, ..asked() };
            assert_eq!(parse(&request(&asked).unwrap()).unwrap(), asked);
        }
    }

    #[test]
    fn an_answer_arrives_as_it_was_given() {
        let call = ToolCall {
            id: "call_1".to_owned(),
            name: "look".parse().unwrap(),
            arguments: json!({ "at": "it" }),
        };
        let given = Completion {
            model: "m".to_owned(),
            text: "so".to_owned(),
            tool_calls: vec![call],
            finish: FinishReason::ToolCalls,
            usage: Usage { input_tokens: 3, cached_tokens: 2, output_tokens: 1 },
            confidence: Some(0.5),
            duration_ms: 12,
        };
        let took = Duration::from_millis(12);
        let came = completion("m".to_owned(), "so".to_owned(), &done(&given), took).unwrap();
        assert_eq!(came, given);
    }

    #[test]
    fn errors_keep_their_code_and_whether_they_pass() {
        for error in [
            EngineError::Unanswered {
                code: "budget_exceeded",
                message: "the budget: it is used up".to_owned(),
                passes: false,
            },
            EngineError::Unanswered {
                code: "connect",
                message: "nobody is there".to_owned(),
                passes: true,
            },
        ] {
            assert_eq!(error_of(&status_of(&error)), error);
        }
        let unknown = error_of(&Status::unavailable("the link ended"));
        assert_eq!((unknown.code(), unknown.is_retryable()), ("model_failed", true));
    }
}
