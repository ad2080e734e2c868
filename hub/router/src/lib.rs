//! Models behind one door: which of them answers, what happens where one fails,
//! and what it all costs.
//!
//! ```text
//!  Router::chat ─► cache ─► failover ─► meter (reserve) ─► attempt ─► provider
//!                              │                             │
//!                              └── route, breakers ◄─────────┘
//! ```
//! `router.rs` is the door, `failover.rs` the loop, `attempt.rs` one call with
//! its limits of time, `meter.rs` the money, `route.rs` the order, `wire` and
//! `providers` who is asked and how; `runs.rs` is the door for runs of tasks.

mod answer;
mod attempt;
mod books;
mod bound;
mod breaker;
mod cache;
mod chat;
mod confidence;
mod config;
mod counts;
mod deployment;
mod embed;
mod error;
mod event;
mod failover;
mod message;
mod meter;
mod piece;
mod providers;
mod route;
mod router;
mod runs;
mod standing;
mod tiers;
mod wire;

pub use answer::Answer;
pub use chat::{
    ChatMessage, ChatRequest, Content, FunctionArguments, FunctionCall, FunctionDefinition, Part,
    ResponseFormat, Stop, StreamOptions, ToolDefinition,
};
pub use confidence::Calibrations;
pub use config::{DeploymentConfig, Fallback, Location, RouterConfig, Strategy, Timeouts};
pub use counts::{Counts, Tally};
pub use deployment::{Deployment, DeploymentStatus};
pub use error::{CallError, ErrorKind, RouterError, Verdict};
pub use event::{Answering, ChatEvent, Ending};
pub use message::{Message, MessageCall};
pub use meter::{Attempt, Bill};
pub use piece::{CallDelta, Delta, FunctionDelta, Piece, Pieces};
pub use providers::{
    Call, EdgeProvider, EmbedCall, HttpProvider, HttpProviderConfig, Provider, Shape, http_client,
};
pub use router::{Caller, ModelInfo, ProviderKeys, Router, RouterParts};
pub use tiers::{AUTO, WISHES};
