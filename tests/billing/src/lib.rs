//! Fakes of the administration APIs of OpenAI and Anthropic: usage and cost by
//! the day, in pages. They are strict about headers, parameters and page tokens,
//! and do a [`Fault`] where a test asks for one.
//!
//! | route | API |
//! |---|---|
//! | `GET /v1/organization/costs` | OpenAI |
//! | `GET /v1/organization/usage/{completions,embeddings,moderations}` | OpenAI |
//! | `GET /v1/organizations/cost_report` | Anthropic |
//! | `GET /v1/organizations/usage_report/messages` | Anthropic |
//!
//! Amounts are written digit for digit as a test gives them: in dollars as
//! numbers for OpenAI, in cents as texts for Anthropic.

mod anthropic;
mod asked;
mod fault;
mod openai;
mod server;
mod world;

pub use asked::Asked;
pub use fault::{Fault, FaultKind};
pub use server::FakeBilling;
pub use world::{Api, FakeDay};
