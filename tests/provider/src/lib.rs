//! A mock of model providers, for tests and benchmarks of what stands before
//! them. It answers in the shapes of OpenAI and Anthropic, on a port of its own,
//! what a [`Script`] says: words that are numbered, so that text that is lost or
//! repeated shows; tool calls; usage of every kind; and a [`Fault`] at any place
//! of the answer. It keeps what it was asked and how each connection ended.
//!
//! | route | shape | streamed |
//! |---|---|---|
//! | `POST /v1/chat/completions` | OpenAI | if asked |
//! | `POST /v1/responses` | OpenAI | if asked |
//! | `POST /v1/embeddings` | OpenAI | never |
//! | `GET /v1/models` | OpenAI | never |
//! | `POST /v1/messages` | Anthropic | if asked |
//! | `GET /mock/requests` | what was asked and how each answer ended | never |
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! use agentos_mock_provider::{Fault, FaultKind, MockProvider, Script};
//!
//! let fault = Fault::at_chunk(25, FaultKind::Close).for_first(1);
//! let provider = MockProvider::start(Script::words(50).with_fault(fault)).await?;
//! let url = format!("{}/v1/chat/completions", provider.base_url());
//! // … the code under test asks `url`, loses the answer and asks again …
//! assert_eq!(provider.count(), 2);
//! # let _ = url;
//! # Ok(())
//! # }
//! ```
//!
//! It is cheap, for benchmarks measure what stands before it: the events of a
//! script are rendered once and then written, one write for each.

mod active;
mod asked;
mod embeddings;
mod fault;
mod feed;
mod recorded;
mod refusal;
mod render;
mod routes;
mod script;
mod server;
mod wire;

#[cfg(test)]
mod tests;

pub use fault::{Fault, FaultAt, FaultKind, FaultParseError};
pub use recorded::{Ending, Recorded};
pub use refusal::Refusal;
pub use script::{Finish, Script, ToolCall};
pub use server::MockProvider;
