//! Collectors: plugins that read what a provider billed. What they have in
//! common is here; a provider is one small [`Adapter`].

mod adapter;
mod amount;
mod anthropic;
mod chunk;
mod client;
mod collector;
mod error;
mod openai;
mod plan;

pub use adapter::{Adapter, Answers, Provider, Reading, Report};
pub use anthropic::Anthropic;
pub use client::{Pause, RealPause};
pub use collector::Collector;
pub use openai::OpenAi;
pub use plan::newest_complete_day;
