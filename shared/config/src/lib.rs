//! Configuration of the hub and the edge.
//!
//! One table of settings ([`settings`](self), in `src/settings/`) says what
//! there is: key, kind, range, default, names in the environment, meaning.
//! From it come parsing, validation, [`example`], [`schema`] and [`show`].
//!
//! ```text
//! file ─► yaml ─► interpolate ─┐
//!                              ├─► resolve (with the table) ─► typed structs
//! environment, .env ─► overlay ┘            └─► all errors at once
//! ```
//!
//! The environment wins over the file, the file over the defaults. Errors
//! name a place, a key and what is allowed, and never a value: it may be a
//! secret.

mod agents;
mod check;
mod describe;
mod dotenv;
mod edge;
mod environment;
mod error;
mod find;
mod format;
mod hub;
mod interpolate;
mod kind;
mod litellm;
mod load;
mod models;
mod nearest;
mod overlay;
mod providers;
mod read;
mod resolve;
mod scalar;
mod secret;
mod settings;
mod toolbox;
mod watch;
mod workflow;
mod yaml;

pub use agents::{AgentSet, LoadedAgent};
pub use describe::{example, schema, show};
pub use edge::{EdgeConfig, EdgeStorage, HubAddress, LocalModel, Transport};
pub use environment::{Environment, MapEnvironment, ProcessEnvironment};
pub use error::{ConfigError, ConfigErrors, Origin};
pub use hub::{
    Agents, Auth, Collector, ControlPlane, Database, Engine, Export, ExportFormat, HubConfig, Jwks,
    Limits, Link, Logging, Memory, Notifications, Providers, Rotation, RunsPerTier, Schedule,
    Security, SelfImprovement, Server, Storage, Tls, TlsMode, Tools,
};
pub use load::{Configuration, Effective, Loaded, Machine, Request, load};
pub use models::{
    BudgetManager, Condition, Fallback, LitellmParams, Model, ModelInfo, ModelLocation,
    ModelTimeouts, Models, OnBudgetLimit, Router, RoutingStrategy,
};
pub use providers::{Dialect, KnownProvider, PROVIDERS, known_provider};
pub use secret::Secret;
pub use toolbox::{Confined, Sandbox, Search, SearchEngineKind, Web};
pub use watch::{AgentUpdate, Watch};
pub use workflow::{Workflow, WorkflowKind, WorkflowPlugin};

#[cfg(test)]
mod tests;
