//! The wire formats of providers.

pub(crate) mod anthropic;
pub(crate) mod failure;
pub(crate) mod openai;
pub(crate) mod sse;
