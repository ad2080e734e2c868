//! Models for runs of tasks: what an executor asks, as a request of the router,
//! and the answer as an executor reads it.

use std::sync::Arc;
use std::time::Duration;

use agentos_domain::{
    Classified as _, FinishReason, Message as Turn, Role, Tier, ToolCall, ToolSpec, Usage,
};
use agentos_generation::{
    Completion, EngineError, GenerateEvent, GenerateRequest, Generation, ToolChoice, wire,
};
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;

use crate::answer::Answer;
use crate::chat::{
    ChatMessage, ChatRequest, FunctionArguments, FunctionCall, FunctionDefinition, ResponseFormat,
    Stop, ToolDefinition,
};
use crate::config::Location;
use crate::deployment::Deployment;
use crate::error::RouterError;
use crate::event::{ChatEvent, Ending};
use crate::message::{Message, MessageCall};
use crate::router::{Caller, Router};

type Events = mpsc::Sender<Result<GenerateEvent, EngineError>>;

impl Router {
    /// Answers for a run, with a model of its tier or what falls back for it.
    /// Dropping the receiver ends the call.
    ///
    /// # Errors
    /// Why nobody answers. Other errors arrive on the receiver.
    pub async fn generate(
        &self,
        caller: Caller,
        tier: Tier,
        request: GenerateRequest,
    ) -> Result<Generation, EngineError> {
        let began = self.clock().monotonic();
        let request = chat_request(tier, request);
        let answer = self.chat(caller, request).await.map_err(|error| unanswered(&error))?;
        let (events, generation) = wire::channel();
        let clock = Arc::clone(self.clock());
        let elapsed = move || clock.monotonic().saturating_sub(began);
        self.tracker().spawn(pass_on(answer, events, elapsed));
        Ok(generation)
    }

    /// The tiers for which a model answers although no edge is there; with
    /// `at_home` only models in the home network count.
    #[must_use]
    pub fn tiers_without_edges(&self, at_home: bool) -> Vec<Tier> {
        let counts = |deployment: &Arc<Deployment>| {
            let location = deployment.config.location;
            !deployment.provider.is_on_edges()
                && deployment.resting().is_none()
                && (!at_home || location == Location::Local)
        };
        let has_any = |tier: &Tier| self.pool().behind(tier.as_str()).iter().any(counts);
        Tier::ALL.into_iter().filter(has_any).collect()
    }
}

/// Tells whoever asked of an answer, to its end.
async fn pass_on(mut answer: Answer, events: Events, elapsed: impl Fn() -> Duration + Send) {
    let (mut said, mut model) = (Message::default(), String::new());
    loop {
        let next = tokio::select! {
            biased;
            () = events.closed() => return,
            next = answer.next() => next,
        };
        let event = match next {
            Some(ChatEvent::Begin(answering)) => {
                model.clone_from(&answering.model);
                Ok(GenerateEvent::Started { model: answering.model })
            }
            Some(ChatEvent::Delta(delta)) => {
                let text = delta.content.clone().filter(|text| !text.is_empty());
                said.add(delta);
                let Some(text) = text else { continue };
                Ok(GenerateEvent::Token { text, logprob: 0.0 })
            }
            Some(ChatEvent::End(ending)) => {
                let done = completion(model, said, &ending, elapsed());
                return drop(events.send(done.map(GenerateEvent::Done)).await);
            }
            Some(ChatEvent::Failed(error)) => Err(unanswered(&error)),
            None => Err(broken("the answer ended without saying how".to_owned())),
        };
        let over = event.is_err();
        if events.send(event).await.is_err() || over {
            return;
        }
    }
}

fn chat_request(tier: Tier, request: GenerateRequest) -> ChatRequest {
    let GenerateRequest { messages, tools, tool_choice, output_schema, sampling, .. } = request;
    let tool_choice = if tools.is_empty() { None } else { choice(&tool_choice) };
    ChatRequest {
        model: tier.as_str().to_owned(),
        messages: messages.into_iter().map(turn).collect(),
        stream: true,
        stream_options: None,
        temperature: Some(decimal(sampling.temperature)),
        max_tokens: None,
        max_completion_tokens: Some(sampling.max_tokens),
        stop: Some(sampling.stop).filter(|texts| !texts.is_empty()).map(Stop::Many),
        seed: sampling.seed.map(u64::cast_signed),
        n: None,
        tools: tools.into_iter().map(tool).collect(),
        tool_choice,
        response_format: output_schema.map(|schema| ResponseFormat {
            kind: "json_schema".to_owned(),
            json_schema: Some(json!({ "name": "answer", "schema": schema })),
        }),
        logprobs: None,
        extra: Map::new(),
    }
}

/// As it is written: 0.3 is not to become 0.30000001192092896.
fn decimal(value: f32) -> f64 {
    value.to_string().parse().unwrap_or_else(|_| f64::from(value))
}

fn turn(turn: Turn) -> ChatMessage {
    let role = match turn.role {
        Role::System => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
        Role::Tool => "tool",
    };
    let calls_only = turn.content.is_empty() && !turn.tool_calls.is_empty();
    let text = ChatMessage::text(role, turn.content);
    ChatMessage {
        content: text.content.filter(|_| !calls_only),
        tool_calls: turn.tool_calls.into_iter().map(call).collect(),
        tool_call_id: turn.tool_call_id,
        ..ChatMessage::text(role, "")
    }
}

fn call(call: ToolCall) -> FunctionCall {
    FunctionCall {
        id: call.id,
        kind: "function".to_owned(),
        function: FunctionArguments {
            name: call.name.to_string(),
            arguments: call.arguments.to_string(),
        },
        extra: Map::new(),
    }
}

fn tool(tool: ToolSpec) -> ToolDefinition {
    let function = FunctionDefinition {
        name: tool.name.to_string(),
        description: Some(tool.description),
        parameters: Some(tool.parameters),
        extra: Map::new(),
    };
    ToolDefinition { kind: "function".to_owned(), function: Some(function), extra: Map::new() }
}

fn choice(choice: &ToolChoice) -> Option<Value> {
    match choice {
        ToolChoice::Auto => None,
        ToolChoice::None => Some(json!("none")),
        ToolChoice::Any => Some(json!("required")),
        ToolChoice::Required(name) => {
            Some(json!({ "type": "function", "function": { "name": name } }))
        }
    }
}

fn completion(
    model: String,
    said: Message,
    ending: &Ending,
    took: Duration,
) -> Result<Completion, EngineError> {
    let tokens = &ending.bill.tokens;
    let tool_calls: Vec<_> = said.calls.into_iter().map(asked).collect::<Result<_, _>>()?;
    let finish = match ending.finish.as_str() {
        "length" => FinishReason::Length,
        _ if !tool_calls.is_empty() => FinishReason::ToolCalls,
        _ => FinishReason::Stop,
    };
    #[expect(clippy::cast_possible_truncation, reason = "a confidence needs no more digits")]
    let confidence = ending.confidence.map(|confidence| confidence as f32);
    Ok(Completion {
        model,
        text: said.text.unwrap_or_default(),
        tool_calls,
        finish,
        usage: Usage {
            input_tokens: tokens.prompt(),
            cached_tokens: tokens.cache_read,
            output_tokens: tokens.output,
        },
        confidence,
        duration_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
    })
}

fn asked(call: MessageCall) -> Result<ToolCall, EngineError> {
    let text = if call.arguments.is_empty() { "{}" } else { &call.arguments };
    let arguments = serde_json::from_str(text).map_err(|error| {
        broken(format!("the model wrote a call of {} that is no JSON: {error}", call.name))
    })?;
    let name = call.name.parse().map_err(|error| broken(format!("the model's call: {error}")))?;
    Ok(ToolCall { id: call.id, name, arguments })
}

fn broken(message: String) -> EngineError {
    EngineError::Unanswered { code: "broken", message, passes: true }
}

fn unanswered(error: &RouterError) -> EngineError {
    EngineError::Unanswered {
        code: error.code(),
        message: error.to_string(),
        passes: error.is_retryable(),
    }
}
