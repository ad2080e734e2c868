//! Whoever answers: one trait, and one file for each way of asking.

mod edge;
mod http;

use agentos_domain::ProviderSecret;
use async_trait::async_trait;
use serde_json::Value;

pub use edge::EdgeProvider;
pub use http::{HttpProvider, HttpProviderConfig, Shape, http_client};

use crate::chat::ChatRequest;
use crate::error::{CallError, ErrorKind};
use crate::piece::Pieces;

/// One call of a model.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// What the client asks.
    pub request: &'a ChatRequest,
    /// The model, as the provider names it.
    pub model: &'a str,
    /// Where the client says nothing of it.
    pub temperature: Option<f64>,
    /// The most tokens of the answer.
    pub max_output: u32,
    /// Whether the answer is to come in pieces.
    pub streamed: bool,
    /// Whether the tokens' probabilities are wanted.
    pub logprobs: bool,
    /// What another model has said already: the answer goes on from there.
    pub begun: Option<&'a str>,
    /// A key of the workspace's own, in place of the configured one.
    pub key: Option<&'a ProviderSecret>,
}

impl<'a> Call<'a> {
    /// A call for a whole answer.
    #[must_use]
    pub fn new(request: &'a ChatRequest, model: &'a str, max_output: u32) -> Self {
        Self {
            request,
            model,
            temperature: None,
            max_output,
            streamed: false,
            logprobs: false,
            begun: None,
            key: None,
        }
    }
}

/// A request for embeddings, as OpenAI writes it.
#[derive(Debug, Clone, Copy)]
pub struct EmbedCall<'a> {
    /// The body; its model is replaced.
    pub request: &'a Value,
    /// The model, as the provider names it.
    pub model: &'a str,
    /// A key of the workspace's own, in place of the configured one.
    pub key: Option<&'a ProviderSecret>,
}

/// Something that answers calls of models.
#[async_trait]
pub trait Provider: Send + Sync + 'static {
    /// Begins a call. Its answer comes in pieces; dropping them ends the call.
    ///
    /// # Errors
    /// What went wrong before the first piece. Later errors come as pieces.
    async fn chat(&self, call: Call<'_>) -> Result<Pieces, CallError>;

    /// Texts as vectors: the provider's answer, in OpenAI's shape.
    ///
    /// # Errors
    /// What went wrong.
    async fn embed(&self, call: EmbedCall<'_>) -> Result<Value, CallError> {
        let message = format!("{} makes no embeddings", call.model);
        Err(CallError::new(ErrorKind::Unsupported, message))
    }

    /// Whether an answer that is not streamed begins only when all of it is
    /// there.
    fn answers_whole(&self) -> bool {
        false
    }

    /// Whether it is the edges that answer.
    fn is_on_edges(&self) -> bool {
        false
    }

    /// Whether it can be asked at all at the moment.
    fn is_reachable(&self) -> bool {
        true
    }
}
