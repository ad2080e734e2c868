//! Models that run in this process: llama.cpp behind a small trait, with chat
//! templates, tool calls that always parse, streaming and a fair queue.
//!
//! ```text
//! Engine::generate ──> FairQueue ──> one OS thread: model, context, samplers
//!        ▲                               │ template ─> tokens ─> decode ─> choose
//!        └───── bounded event channel ◄──┘
//! ```

mod grammar;
mod llama;
pub mod pocket;
mod queue;
mod template;
mod text;
pub mod tiny;
mod whole_file;

pub use llama::{LlamaConfig, LlamaEngine};
