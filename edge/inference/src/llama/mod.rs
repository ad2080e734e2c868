//! The engine that runs llama.cpp in this process.
//!
//! One OS thread owns the model, its context and its samplers; everything else
//! talks to it through [`shared::Shared`].

mod cache;
mod choose;
mod engine;
mod generate;
mod load;
mod shared;
mod worker;

#[cfg(test)]
mod tests;

pub use engine::{LlamaConfig, LlamaEngine};
