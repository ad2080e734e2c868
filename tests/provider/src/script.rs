//! What the mock answers.

use std::time::Duration;

use agentos_domain::TokenCounts;
use serde_json::Value;

use crate::fault::Fault;

/// Tokens of the prompt, if the script does not say.
const PROMPT_TOKENS: u64 = 10;
/// The logarithm of a token's probability, if the script does not say.
const LOGPROB: f64 = -0.1;
/// Numbers in an embedding, if neither the script nor the request says.
const DIMENSIONS: usize = 64;

/// What the mock answers to every request until it is given another script.
#[derive(Debug, Clone)]
pub struct Script {
    /// The text of the answer, as it is streamed.
    pub chunks: Vec<String>,
    /// The calls that follow the text.
    pub tool_calls: Vec<ToolCall>,
    /// The answer to requests that give a JSON schema; without one they get the
    /// text.
    pub json: Option<Value>,
    /// Why the answer ends. If none is given: for its tool calls, or because
    /// all is said.
    pub finish: Option<Finish>,
    /// What is reported as consumed.
    pub usage: TokenCounts,
    /// What is reported as billed (`usage.cost`), by `POST /v1/chat/completions`.
    /// Any value, for some upstreams report nonsense.
    pub cost: Option<Value>,
    /// The model that is said to have answered; if none is given, the one that
    /// was asked.
    pub model: Option<String>,
    /// The key that clients have to show; without one any will do.
    pub api_key: Option<String>,
    /// From the request to the first byte of the answer.
    pub delay: Duration,
    /// Between two chunks of a stream.
    pub gap: Duration,
    /// The natural logarithms of the chunks' probabilities; the chunks take
    /// turns. If there are none, the provider does not tell them.
    pub logprobs: Vec<f64>,
    /// Numbers in an embedding, where the request does not say.
    pub dimensions: usize,
    /// What goes wrong.
    pub fault: Option<Fault>,
}

/// A call that the model asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolCall {
    /// By which the client names its result.
    pub id: String,
    /// The tool.
    pub name: String,
    /// Its arguments, an object.
    pub arguments: Value,
}

/// Why an answer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// All is said.
    Stop,
    /// The limit of tokens was reached.
    Length,
    /// The client has to make the calls.
    ToolCalls,
    /// The provider objects to the content.
    Filtered,
}

impl Script {
    /// The words `w0 `, `w1 ` and so on, `count` of them, one in each chunk.
    #[must_use]
    pub fn words(count: usize) -> Self {
        Self::text((0..count).map(|number| format!("w{number} ")))
    }

    /// These chunks. Each counts as one token.
    #[must_use]
    pub fn text<T: Into<String>>(chunks: impl IntoIterator<Item = T>) -> Self {
        let chunks: Vec<String> = chunks.into_iter().map(Into::into).collect();
        let output = u64::try_from(chunks.len()).unwrap_or(u64::MAX);
        Self {
            chunks,
            tool_calls: Vec::new(),
            json: None,
            finish: None,
            usage: TokenCounts { input: PROMPT_TOKENS, output, ..TokenCounts::default() },
            cost: None,
            model: None,
            api_key: None,
            delay: Duration::ZERO,
            gap: Duration::ZERO,
            logprobs: vec![LOGPROB],
            dimensions: DIMENSIONS,
            fault: None,
        }
    }

    /// The same with a call after the text and the calls before.
    #[must_use]
    pub fn with_tool_call(mut self, id: &str, name: &str, arguments: Value) -> Self {
        self.tool_calls.push(ToolCall { id: id.to_owned(), name: name.to_owned(), arguments });
        self
    }

    /// The same with a fault.
    #[must_use]
    pub fn with_fault(mut self, fault: Fault) -> Self {
        self.fault = Some(fault);
        self
    }

    /// The whole text.
    #[must_use]
    pub fn whole_text(&self) -> String {
        self.chunks.concat()
    }

    /// Why the answer ends.
    pub(crate) fn finish(&self) -> Finish {
        let natural = if self.tool_calls.is_empty() { Finish::Stop } else { Finish::ToolCalls };
        self.finish.unwrap_or(natural)
    }
}
