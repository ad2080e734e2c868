//! The engine's settings.

use std::time::Duration;

use agentos_domain::{AgentConfig, OnEdgeLost, Privacy, Tier, WorkspaceId};

use crate::vault::MasterKeySource;

/// How the engine behaves.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// How long a lease lasts without a sign of life from its holder. After a
    /// start of the hub, every lease gets this long once more.
    pub lease_ttl: Duration,
    /// How long an invitation for an edge is good.
    pub invitation_ttl: Duration,
    /// The most runs that one edge holds at once.
    pub runs_per_edge: usize,
    /// The most runs that the hub itself holds at once.
    pub runs_on_hub: usize,
    /// How long there has to be no edge before the hub itself works on tasks
    /// that allow it.
    pub elsewhere_after: Duration,
    /// What becomes of tasks that do not say, nor their agents, where an edge is
    /// lost.
    pub on_edge_lost: OnEdgeLost,
    /// Where what tasks say may go that do not say, nor their agents.
    pub privacy: Privacy,
    /// Workspaces whose tasks stay in the home network, whatever they say.
    pub local_only_workspaces: Vec<WorkspaceId>,
    /// The most runs of one workspace; any number where absent.
    pub runs_per_workspace: Option<u32>,
    /// The most runs of a tier; any number for those that are absent.
    pub runs_per_tier: Vec<(Tier, u32)>,
    /// The most tasks of one workspace that wait.
    pub queue_limit: u32,
    /// The most schedules of one workspace.
    pub schedule_limit: u32,
    /// How long a person has to confirm a call; for ever where absent.
    pub approval_ttl: Option<Duration>,
    /// How often leases are looked at when nothing else happens.
    pub tick: Duration,
    /// How long watchers rely on being told before they ask the store again, and
    /// how long schedules rely on the machine's clock, which may be set and may
    /// stand still while the machine sleeps.
    pub look_again: Duration,
    /// Agents beside the built-in ones; one of the same name replaces it.
    pub agents: Vec<AgentConfig>,
    /// Where the key is from that encrypts the keys of providers; without one
    /// none can be kept.
    pub master_key: Option<MasterKeySource>,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            lease_ttl: Duration::from_secs(10),
            invitation_ttl: Duration::from_secs(600),
            runs_per_edge: 16,
            runs_on_hub: 2,
            elsewhere_after: Duration::from_secs(5),
            on_edge_lost: OnEdgeLost::Wait,
            privacy: Privacy::Any,
            local_only_workspaces: Vec::new(),
            runs_per_workspace: None,
            runs_per_tier: Vec::new(),
            queue_limit: 10_000,
            schedule_limit: 100,
            approval_ttl: None,
            tick: Duration::from_millis(500),
            look_again: Duration::from_secs(5),
            agents: Vec::new(),
            master_key: None,
        }
    }
}
