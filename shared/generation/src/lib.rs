//! What a model is asked and what it answers.
//!
//! [`Engine`] is asked in this process; [`wire`] has the same questions and
//! answers as messages of the link, for the edge that serves a model to its hub
//! and for the hub that serves models to the executors of runs.

mod engine;
mod error;
mod scripted;
mod visible;
pub mod wire;

pub use engine::{
    Completion, DeviceStatus, Engine, EngineStatus, GenerateEvent, GenerateRequest, Generation,
    ToolChoice,
};
pub use error::EngineError;
pub use scripted::ScriptedEngine;
pub use visible::{CALL_OPENS, Visible};
