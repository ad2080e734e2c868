//! The edge's configuration, typed; the fields have the names of the table of
//! settings.

use std::path::PathBuf;

use serde::Deserialize;

use crate::hub::{Logging, Telemetry};
use crate::toolbox::{Sandbox, Web};

/// Everything that `agent_os_edge.yaml` says.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EdgeConfig {
    /// How the edge reaches its hub.
    pub hub: HubAddress,
    /// Where the edge keeps what it holds.
    pub storage: EdgeStorage,
    /// The model that it runs.
    pub model: LocalModel,
    /// What confines the programs that agents run.
    pub sandbox: Sandbox,
    /// What agents may reach of the web.
    pub web: Web,
    /// Log lines.
    pub logging: Logging,
    /// Traces.
    pub telemetry: Telemetry,
}

/// How the edge reaches its hub.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HubAddress {
    /// `host:port`; the hub that was joined where absent.
    pub address: Option<String>,
    /// Over what.
    pub transport: Transport,
}

/// Over what the edge reaches its hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    /// QUIC, and TCP where UDP does not pass.
    Auto,
    /// QUIC alone.
    Quic,
    /// TCP alone.
    Tcp,
}

/// Where the edge keeps what it holds.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EdgeStorage {
    /// Folder for identity, models and caches; the usual place where absent.
    pub data: Option<PathBuf>,
}

/// The model that the edge runs.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LocalModel {
    /// A GGUF file; the built-in pocket model where absent.
    pub path: Option<PathBuf>,
    /// Tokens of context.
    pub context_tokens: u32,
    /// Threads; all cores but one where absent.
    pub threads: Option<u32>,
    /// Layers that go to the GPU.
    pub gpu_layers: u32,
}
