//! The edges' engines, asked over the link.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use agentos_domain::{
    FinishReason, Message, Role, Sampling, TokenCounts, ToolCall, ToolClass, ToolSpec,
};
use agentos_generation::{GenerateRequest, ToolChoice, wire};
use agentos_link::{EdgeSession, EdgeSessions};
use agentos_prices::Service;
use agentos_prices::usage::Metered;
use agentos_proto::v1::generate_event::Event;
use agentos_proto::v1::inference_client::InferenceClient;
use agentos_proto::v1::{GenerateDone, TokenEvent};
use async_trait::async_trait;
use futures::{StreamExt as _, stream};
use serde_json::{Map, Value, json};
use tonic::{Code, Status};

use super::{Call, Provider};
use crate::chat::{ChatMessage, ChatRequest, Content, FunctionCall, ToolDefinition};
use crate::error::{CallError, ErrorKind};
use crate::piece::{CallDelta, Delta, FunctionDelta, Piece, Pieces};

/// What an edge that serves models says of itself.
const CAPABILITY: &str = "generate";

/// Asks the edges' engines.
pub struct EdgeProvider {
    link: Arc<dyn EdgeSessions>,
    turn: AtomicUsize,
}

impl EdgeProvider {
    /// Over this link.
    #[must_use]
    pub fn new(link: Arc<dyn EdgeSessions>) -> Self {
        Self { link, turn: AtomicUsize::new(0) }
    }

    fn able(&self) -> Vec<EdgeSession> {
        let mut sessions = self.link.sessions();
        sessions.retain(|session| session.capabilities.iter().any(|word| word == CAPABILITY));
        sessions
    }

    /// The edges take turns.
    fn session(&self) -> Option<EdgeSession> {
        let mut sessions = self.able();
        if sessions.is_empty() {
            return None;
        }
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % sessions.len();
        Some(sessions.swap_remove(turn))
    }
}

#[async_trait]
impl Provider for EdgeProvider {
    async fn chat(&self, call: Call<'_>) -> Result<Pieces, CallError> {
        let request = wire::request(&generate_request(&call)?)
            .map_err(|error| CallError::new(ErrorKind::Invalid, error.to_string()))?;
        let Some(session) = self.session() else {
            return Err(CallError::new(ErrorKind::Connect, "no edge is connected"));
        };
        let mut client = InferenceClient::new(session.calls());
        let events = client.generate(request).await.map_err(|status| failure(&status))?;
        let logprobs = call.logprobs;
        let pieces = events.into_inner().map(move |event| match event {
            Ok(event) => Ok(pieces_of(event.event, logprobs)),
            Err(status) => Err(failure(&status)),
        });
        // The stream ends with its first error, and never before `Done`.
        let pieces = stream::unfold((pieces, false), |(mut pieces, over)| async move {
            if over {
                return None;
            }
            match pieces.next().await {
                Some(Ok((items, done))) => Some((Ok(items), (pieces, done))),
                Some(Err(error)) => Some((Err(error), (pieces, true))),
                None => {
                    let error = CallError::new(ErrorKind::Broken, "the edge's answer broke off");
                    Some((Err(error), (pieces, true)))
                }
            }
        });
        Ok(Box::pin(pieces.flat_map(|items| match items {
            Ok(items) => stream::iter(items.into_iter().map(Ok).collect::<Vec<_>>()),
            Err(error) => stream::iter(vec![Err(error)]),
        })))
    }

    fn is_on_edges(&self) -> bool {
        true
    }

    fn is_reachable(&self) -> bool {
        !self.able().is_empty()
    }
}

fn failure(status: &Status) -> CallError {
    let kind = match status.code() {
        Code::Unavailable => ErrorKind::Connect,
        Code::ResourceExhausted => ErrorKind::Overloaded,
        Code::DeadlineExceeded => ErrorKind::Timeout,
        Code::InvalidArgument => ErrorKind::Invalid,
        Code::OutOfRange => ErrorKind::TooLong,
        Code::Unimplemented => ErrorKind::Unsupported,
        _ => ErrorKind::Server,
    };
    CallError::new(kind, format!("the edge says: {}", status.message()))
}

fn generate_request(call: &Call<'_>) -> Result<GenerateRequest, CallError> {
    let request = call.request;
    if call.begun.is_some() {
        return Err(unsupported("the edge's models do not go on where others broke off"));
    }
    let temperature = request.temperature.or(call.temperature).unwrap_or(0.3);
    #[expect(clippy::cast_possible_truncation, reason = "a temperature needs no more digits")]
    let sampling = Sampling {
        temperature: temperature as f32,
        max_tokens: call.max_output,
        stop: request.stop.as_ref().map(crate::chat::Stop::texts).unwrap_or_default(),
        seed: request.seed.map(i64::cast_unsigned),
    };
    let messages: Vec<Message> = request.messages.iter().map(message).collect::<Result<_, _>>()?;
    let tools: Vec<ToolSpec> = request.tools.iter().map(tool).collect::<Result<_, _>>()?;
    let schema = request.response_format.as_ref().and_then(|format| format.schema());
    if schema.is_some() && !tools.is_empty() {
        return Err(unsupported("the edge's models take tools or a response_format, not both"));
    }
    Ok(GenerateRequest {
        messages,
        tools,
        tool_choice: choice(request)?,
        output_schema: schema,
        sampling,
        conversation: None,
    })
}

fn unsupported(message: &str) -> CallError {
    CallError::new(ErrorKind::Unsupported, message)
}

fn message(message: &ChatMessage) -> Result<Message, CallError> {
    let role = match message.role.as_str() {
        "system" | "developer" => Role::System,
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "tool" => Role::Tool,
        other => {
            let message = format!("messages: no role `{other}`: use system, user, assistant, tool");
            return Err(CallError::new(ErrorKind::Invalid, message));
        }
    };
    if let Some(Content::Parts(parts)) = &message.content
        && let Some(part) = parts.iter().find(|part| part.kind != "text")
    {
        return Err(unsupported(&format!(
            "the edge's models take no parts of type `{}`",
            part.kind
        )));
    }
    Ok(Message {
        role,
        content: message.plain(),
        tool_calls: message.tool_calls.iter().map(tool_call).collect::<Result<_, _>>()?,
        tool_call_id: message.tool_call_id.clone(),
    })
}

fn tool_call(call: &FunctionCall) -> Result<ToolCall, CallError> {
    let text = if call.function.arguments.is_empty() { "{}" } else { &call.function.arguments };
    let wrong = |error: &dyn std::fmt::Display| {
        let message = format!("messages: the call of {}: {error}", call.function.name);
        CallError::new(ErrorKind::Invalid, message)
    };
    Ok(ToolCall {
        id: call.id.clone(),
        name: call.function.name.parse().map_err(|error| wrong(&error))?,
        arguments: serde_json::from_str(text).map_err(|error| wrong(&error))?,
    })
}

/// A tool of the client's: the client makes its calls, so that its class says
/// nothing here.
fn tool(tool: &ToolDefinition) -> Result<ToolSpec, CallError> {
    let Some(function) = &tool.function else {
        return Err(unsupported(&format!(
            "the edge's models know no tools of type `{}`",
            tool.kind
        )));
    };
    let name = function
        .name
        .parse()
        .map_err(|error| CallError::new(ErrorKind::Invalid, format!("tools: {error}")))?;
    Ok(ToolSpec::new(
        name,
        ToolClass::Once,
        function.description.clone().unwrap_or_default(),
        function.parameters.clone().unwrap_or_else(|| json!({ "type": "object" })),
    ))
}

fn choice(request: &ChatRequest) -> Result<ToolChoice, CallError> {
    Ok(match request.tool_choice.as_ref() {
        Some(Value::String(word)) if word == "none" => ToolChoice::None,
        Some(Value::String(word)) if word == "required" => ToolChoice::Any,
        None | Some(Value::String(_)) => ToolChoice::Auto,
        Some(choice) => match choice["function"]["name"].as_str() {
            None => ToolChoice::Auto,
            Some(name) => ToolChoice::Required(name.parse().map_err(|error| {
                CallError::new(ErrorKind::Invalid, format!("tool_choice: {error}"))
            })?),
        },
    })
}

/// The pieces in an event, and whether it is the last.
fn pieces_of(event: Option<Event>, logprobs: bool) -> (Vec<Piece>, bool) {
    match event {
        Some(Event::Started(started)) => (vec![Piece::Model(started.model)], false),
        Some(Event::Token(token)) => (vec![Piece::Delta(token_delta(token, logprobs))], false),
        Some(Event::Done(done)) => (end(done), true),
        None => (Vec::new(), false),
    }
}

fn token_delta(token: TokenEvent, logprobs: bool) -> Delta {
    let logprobs = logprobs.then(|| {
        let bytes = token.text.as_bytes();
        json!({ "content": [{ "token": token.text, "logprob": token.logprob, "bytes": bytes,
            "top_logprobs": [] }] })
    });
    Delta { content: Some(token.text), logprobs, ..Delta::default() }
}

fn end(done: GenerateDone) -> Vec<Piece> {
    let mut pieces: Vec<_> = done.mean_probability.map(Piece::Mean).into_iter().collect();
    for (index, call) in done.tool_calls.iter().enumerate() {
        // The edge wrote it; where it cannot be read, nothing is called.
        let Ok(call) = serde_json::from_str::<ToolCall>(call) else { continue };
        let function = FunctionDelta {
            name: Some(call.name.to_string()),
            arguments: Some(call.arguments.to_string()),
        };
        let kind = Some("function".to_owned());
        let call = CallDelta { index, id: Some(call.id), kind, function, extra: Map::new() };
        pieces.push(Piece::Delta(Delta { tool_calls: vec![call], ..Delta::default() }));
    }
    let finish = serde_json::from_value(Value::from(done.finish)).unwrap_or(FinishReason::Stop);
    pieces.push(Piece::Usage(Metered {
        counts: TokenCounts {
            input: done.input_tokens.saturating_sub(done.cached_tokens),
            cache_read: done.cached_tokens,
            output: done.output_tokens,
            ..TokenCounts::default()
        },
        service: Service::default(),
        reported_cost: None,
        clamped: false,
    }));
    let word = match finish {
        FinishReason::Length => "length",
        FinishReason::ToolCalls => "tool_calls",
        FinishReason::Stop | FinishReason::Cancelled => "stop",
    };
    pieces.push(Piece::Finish(word.to_owned()));
    pieces
}
