//! The shapes of answers about edges, keys and the hub itself; see `schemas`.
#![expect(dead_code, reason = "only the derived schemas are used")]

use serde::Serialize;
use utoipa::ToSchema;

/// A device of an edge's GPU back-end.
#[derive(Serialize, ToSchema)]
pub(crate) struct Device {
    /// Its name.
    name: String,
    /// Bytes of its memory.
    memory_total_bytes: u64,
    /// Bytes of its memory that are free.
    memory_free_bytes: u64,
}

/// A model that an edge has loaded.
#[derive(Serialize, ToSchema)]
pub(crate) struct Model {
    /// Its name.
    name: String,
    /// Bytes of its weights.
    size_bytes: u64,
    /// Random weights that prove only that the path works.
    demonstration: bool,
    /// Over the last calls; 0 before the first.
    tokens_per_second: f32,
}

/// How busy an edge is.
#[derive(Serialize, ToSchema)]
pub(crate) struct EdgeLoad {
    /// 0 to 100, over all cores.
    cpu_percent: f32,
    /// Bytes of memory in use on the machine.
    memory_used_bytes: u64,
    /// Bytes of memory of the machine.
    memory_total_bytes: u64,
    /// Model calls that wait for their turn.
    queued_model_calls: u32,
    /// Attempts that run.
    running_attempts: u32,
    /// Devices of the GPU back-end.
    devices: Vec<Device>,
    /// Loaded models.
    models: Vec<Model>,
}

/// A machine that runs tasks for the hub.
#[derive(Serialize, ToSchema)]
pub(crate) struct Edge {
    /// Its id.
    #[schema(pattern = "^edge_[0-9a-f]{32}$")]
    edge_id: String,
    /// What it calls itself.
    name: String,
    /// Whether it has a session now.
    connected: bool,
    /// `quic` or `tcp`, while connected.
    #[schema(required)]
    transport: Option<String>,
    /// Its session, while connected.
    #[schema(required)]
    session_epoch: Option<u64>,
    /// Its version, as last told.
    #[schema(required)]
    version: Option<String>,
    /// When it joined.
    #[schema(format = DateTime)]
    joined_at: String,
    /// When it was last seen.
    #[schema(format = DateTime, required)]
    last_seen_at: Option<String>,
    /// When it was revoked.
    #[schema(format = DateTime, required)]
    revoked_at: Option<String>,
    /// Since when it gets no more work, by its owner's wish.
    #[schema(format = DateTime, required)]
    draining_since: Option<String>,
    /// How busy it is, as last told.
    #[schema(required)]
    load: Option<EdgeLoad>,
}

/// The edges that ever joined.
#[derive(Serialize, ToSchema)]
pub(crate) struct EdgePage {
    /// The edges, in the order in which they joined.
    items: Vec<Edge>,
    /// Null: all edges are in one page.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// A one-time token for an edge.
#[derive(Serialize, ToSchema)]
pub(crate) struct Invitation {
    /// The token.
    token: String,
    /// When it ends.
    #[schema(format = DateTime)]
    expires_at: String,
    /// What to run on the edge.
    command: String,
}

/// An edge that was shut out.
#[derive(Serialize, ToSchema)]
pub(crate) struct RevokedEdge {
    /// The edge.
    edge_id: String,
    /// Always true.
    revoked: bool,
}

/// What a key may do.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Scope {
    Read,
    Run,
    Approve,
    Admin,
}

/// An API key, without the key itself.
#[derive(Serialize, ToSchema)]
pub(crate) struct Key {
    /// Its id.
    #[schema(pattern = "^key_[0-9a-f]{32}$")]
    key_id: String,
    /// Its name for people.
    name: String,
    /// How the key begins.
    prefix: String,
    /// Whose data it opens.
    workspace_id: String,
    /// What it allows.
    scopes: Vec<Scope>,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it was last used, to the minute.
    #[schema(format = DateTime, required)]
    last_used_at: Option<String>,
    /// When it ceases to work.
    #[schema(format = DateTime, required)]
    expires_at: Option<String>,
    /// When it was revoked.
    #[schema(format = DateTime, required)]
    revoked_at: Option<String>,
}

/// Who one is.
#[derive(Serialize, ToSchema)]
pub(crate) struct Session {
    /// The name of the key.
    user_id: String,
    /// The workspace that it opens.
    workspace_id: String,
    /// What it allows.
    scopes: Vec<Scope>,
    /// When the session ends, or without a session the key.
    #[schema(format = DateTime, required)]
    expires_at: Option<String>,
}

/// A key that was made just now.
#[derive(Serialize, ToSchema)]
pub(crate) struct NewKey {
    /// The key itself. It is shown this once.
    key: String,
    /// What is known of it.
    #[serde(flatten)]
    info: Key,
}

/// The keys of a workspace.
#[derive(Serialize, ToSchema)]
pub(crate) struct KeyPage {
    /// The keys, oldest first.
    items: Vec<Key>,
    /// Null: all keys are in one page.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// A workspace's key of a provider, without the key itself.
#[derive(Serialize, ToSchema)]
pub(crate) struct ProviderKey {
    /// Whose API it opens.
    #[schema(pattern = "^[a-z0-9_-]{1,40}$")]
    provider: String,
    /// Its last four characters, where it has at least twelve.
    #[schema(required)]
    hint: Option<String>,
    /// When a key of this provider was first set.
    #[schema(format = DateTime)]
    created_at: String,
    /// When this key was set.
    #[schema(format = DateTime)]
    updated_at: String,
    /// Whether it can be used. If not, it was stored under another master key:
    /// restore the hub's key file, or set the key again.
    readable: bool,
}

/// The provider keys of a workspace.
#[derive(Serialize, ToSchema)]
pub(crate) struct ProviderKeyPage {
    /// The keys, by the provider's name.
    items: Vec<ProviderKey>,
    /// Null: all keys are in one page.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// What the hub runs with.
#[derive(Serialize, ToSchema)]
pub(crate) struct Environment {
    /// Whether there is a database.
    database_configured: bool,
    /// Edges with a session.
    edges: u64,
    /// The API's port.
    port: u16,
}

/// Who asks; nulls where there is no valid key.
#[derive(Serialize, ToSchema)]
pub(crate) struct TenantContext {
    /// The name of the key.
    #[schema(required)]
    user_id: Option<String>,
    /// The workspace that it opens.
    #[schema(required)]
    workspace_id: Option<String>,
}

/// That the hub lives.
#[derive(Serialize, ToSchema)]
pub(crate) struct Health {
    /// Always `ok`.
    status: String,
    /// The hub's version.
    version: String,
    /// What the hub runs with.
    environment: Environment,
    /// Who asks.
    tenant_context: TenantContext,
}

/// Whether tasks can run now.
#[derive(Serialize, ToSchema)]
pub(crate) struct Readiness {
    /// Whether they can.
    ready: bool,
    /// Whether the database answers.
    database: bool,
    /// Edges with a session.
    edges_connected: u64,
    /// Models that those edges have loaded.
    models: u64,
}
