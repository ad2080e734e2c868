//! What the hub does with a request.
//!
//! The way of a task: [`EngineHandle::submit`] makes it durable; the
//! dispatcher (`dispatch`) leases it to an edge; the relay (`relay`) passes
//! the edge's live events on; the edge commits steps through the gRPC service
//! `Runs` (`service`); watchers follow by [`EngineHandle::watch`]. Schedules
//! (`schedules`) make tasks as users do. An executor that has no model of its
//! own asks for one through the service `Models` (`models`).
//!
//! ```text
//!   api ──► handle ──► store ◄── service ◄── edge (Append, Heartbeat)
//!             │          ▲           │
//!             ▼          │           ▼
//!           events ◄── dispatch ──► relay ◄── edge (Attach)
//! ```

mod active;
mod approvals;
mod config;
mod dispatch;
mod engine;
mod error;
mod events;
mod files;
mod handle;
mod handover;
mod keys;
pub mod metrics;
mod models;
mod provider_keys;
mod registry;
mod relay;
mod schedules;
mod service;
#[doc(hidden)]
pub mod testing;
#[cfg(test)]
mod tests;
mod types;
mod vault;
mod watch;

pub use agentos_store::{AuditRecord, ProposalFilter, Resolution, RunScope, TaskFilter};
pub use approvals::{Notifier, NotifyError};
pub use config::EngineConfig;
pub use engine::Engine;
pub use error::EngineError;
pub use handle::EngineHandle;
pub use keys::{Authentication, KeyDigest, KeyInfo, KeyRequest};
pub use models::Models;
pub use provider_keys::ProviderKeyInfo;
pub use types::{
    DeviceLoad, EdgeInfo, EdgeLoad, EventId, Invitation, LiveEvent, LiveKind, ModelLoad, Principal,
    Readiness, ScheduleRequest, Submission, Submitted, When,
};
pub use vault::{MasterKey, MasterKeyError, MasterKeyId, MasterKeySource};
