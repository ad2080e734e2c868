//! What an engine is asked and what it answers.

use agentos_domain::{Entry, FinishReason, Message, Sampling, ToolCall, ToolName, ToolSpec, Usage};
use async_trait::async_trait;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::EngineError;

/// Which tools the model may call in this answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToolChoice {
    /// Any of the request's, or none.
    Auto,
    /// None, although the prompt names them.
    None,
    /// One of them, whichever, at once.
    Any,
    /// This one, at once.
    Required(ToolName),
}

/// One call of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct GenerateRequest {
    /// The conversation so far.
    pub messages: Vec<Message>,
    /// The tools that the model is told of.
    pub tools: Vec<ToolSpec>,
    /// Which of them it may call.
    pub tool_choice: ToolChoice,
    /// JSON schema that the answer must have; free text where absent. Stop texts
    /// do not count then. Not together with tools.
    pub output_schema: Option<Value>,
    /// How tokens are chosen, and when to stop.
    pub sampling: Sampling,
    /// Calls with the same key share a transcript: only what is new since the
    /// last call is computed. `None` shares nothing.
    pub conversation: Option<String>,
}

/// What happens while a model answers.
#[derive(Debug, Clone, PartialEq)]
pub enum GenerateEvent {
    /// A model begins to answer. Only where it is not known before which one
    /// does; what another one has said before is void.
    Started {
        /// The model.
        model: String,
    },
    /// A piece of text, never empty: one token, or several where a character
    /// or a possible stop text had to be completed first.
    Token {
        /// The piece.
        text: String,
        /// Natural logarithm of the probability of the token that released it.
        logprob: f32,
    },
    /// The answer is complete; nothing follows.
    Done(Completion),
}

/// A whole answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Completion {
    /// The model that answered.
    pub model: String,
    /// Its text, without the markup of tool calls.
    pub text: String,
    /// What it asks to be called.
    pub tool_calls: Vec<ToolCall>,
    /// Why it ended.
    pub finish: FinishReason,
    /// What it consumed.
    pub usage: Usage,
    /// Geometric mean of its tokens' probabilities, from 0 to 1; `None`
    /// where it has no tokens.
    pub confidence: Option<f32>,
    /// From the start of the work (not of the wait for its turn), in milliseconds.
    pub duration_ms: u64,
}

impl From<Completion> for Entry {
    fn from(completion: Completion) -> Self {
        Self::ModelReply {
            model: completion.model,
            text: completion.text,
            tool_calls: completion.tool_calls,
            finish: completion.finish,
            usage: completion.usage,
            confidence: completion.confidence,
            duration_ms: completion.duration_ms,
        }
    }
}

/// The events of one call: either [`GenerateEvent::Done`] or an error comes last.
pub type Generation = mpsc::Receiver<Result<GenerateEvent, EngineError>>;

/// A device that models compute on besides the CPU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceStatus {
    /// Its name.
    pub name: String,
    /// Its memory, in bytes.
    pub memory_total_bytes: u64,
    /// What is free of it, in bytes.
    pub memory_free_bytes: u64,
}

/// How an engine fares.
#[derive(Debug, Clone, PartialEq)]
pub struct EngineStatus {
    /// The model's name.
    pub model: String,
    /// A model that comes with this program, to show what the system does
    /// before a model is chosen.
    pub demonstration: bool,
    /// Size of the model file, in bytes.
    pub size_bytes: u64,
    /// How many tokens the context holds.
    pub context_tokens: u32,
    /// How many calls wait for their turn.
    pub queued: usize,
    /// Generated tokens per second over the last calls; 0 before the first.
    pub tokens_per_second: f32,
    /// GPUs; empty where there is none.
    pub devices: Vec<DeviceStatus>,
}

impl EngineStatus {
    /// Of an engine that has no weights: it says what it is told to.
    #[must_use]
    pub fn without_weights(model: &str) -> Self {
        Self {
            model: model.to_owned(),
            demonstration: true,
            size_bytes: 0,
            context_tokens: 8192,
            queued: 0,
            tokens_per_second: 0.0,
            devices: Vec::new(),
        }
    }
}

/// Something that answers model calls.
#[async_trait]
pub trait Engine: Send + Sync + 'static {
    /// Queues a call. Its events arrive on the receiver, which has room for
    /// all of them. Dropping the receiver or cancelling ends the work within a token
    /// (or a chunk of the prompt); a cancelled call still ends with
    /// [`GenerateEvent::Done`].
    ///
    /// # Errors
    /// [`EngineError::Busy`] where the queue is full, [`EngineError::Stopped`]
    /// after a shutdown, [`EngineError::UnknownTool`] and
    /// [`EngineError::Schema`] for requests that cannot be served. Other
    /// errors arrive on the receiver.
    async fn generate(
        &self,
        request: GenerateRequest,
        cancel: CancellationToken,
    ) -> Result<Generation, EngineError>;

    /// How the engine fares now.
    fn status(&self) -> EngineStatus;

    /// Forgets the transcript of a conversation.
    async fn end_conversation(&self, key: &str);
}
