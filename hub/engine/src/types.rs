//! What the engine tells those who ask it.

use std::fmt;
use std::str::FromStr;

use agentos_domain::{
    EdgeId, Fence, OnEdgeLost, Priority, Privacy, RequestId, ScheduleName, ScheduledTask,
    SessionEpoch, SessionId, Step, Task, Tier, Timestamp, ToolName, WorkspaceId,
};
use serde::Serialize;

/// The place of an event in a task's live stream. Events are ordered by it, so
/// a client that names the last one it saw gets exactly those after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct EventId {
    /// How many steps the journal held.
    pub seq: u64,
    /// The lease under which it happened.
    pub fence: Fence,
    /// The place among the attempt's live events; 0 for a step or a status.
    pub index: u64,
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.seq, self.fence, self.index)
    }
}

impl FromStr for EventId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.split('-').map(str::parse::<u64>);
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(Ok(seq)), Some(Ok(fence)), Some(Ok(index)), None) => {
                Ok(Self { seq, fence: Fence(fence), index })
            }
            _ => Err(format!("`{text}` is no event id: send back the last `id` that you received")),
        }
    }
}

/// One event of a task's live stream.
#[derive(Debug, Clone, PartialEq)]
pub struct LiveEvent {
    /// Its place.
    pub id: EventId,
    /// What happened.
    pub kind: LiveKind,
}

/// What happened to a task.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum LiveKind {
    /// The task's status changed.
    Status(Box<Task>),
    /// A step is durable. It supersedes the tokens before it.
    Step(Box<Step>),
    /// A model call began.
    ModelStarted {
        /// The model.
        model: String,
        /// Random weights that prove only that the path works.
        demonstration: bool,
    },
    /// A piece of the text that a model generates.
    Token {
        /// The piece.
        text: String,
        /// Natural logarithm of its probability.
        logprob: f32,
    },
    /// A tool began.
    ToolStarted {
        /// The call.
        call_id: String,
        /// The tool.
        name: String,
    },
    /// Files of the workspace are on their way to the executor.
    Fetching {
        /// How many bytes.
        bytes: u64,
    },
}

impl LiveKind {
    /// The word that stands for this kind of event.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Status(_) => "status",
            Self::Step(_) => "step",
            Self::ModelStarted { .. } => "model_started",
            Self::Token { .. } => "token",
            Self::ToolStarted { .. } => "tool_started",
            Self::Fetching { .. } => "fetching",
        }
    }
}

/// A task that was asked for.
#[derive(Debug, Clone)]
pub struct Submission {
    /// Whose it is.
    pub workspace_id: WorkspaceId,
    /// What the user wants.
    pub input: String,
    /// The agent's name; `None` is the default agent.
    pub agent: Option<String>,
    /// The model tier that the user asks for; `None` is the agent's own.
    pub tier: Option<Tier>,
    /// A tool that the first model call must call.
    pub first_tool: Option<ToolName>,
    /// The conversation that it belongs to.
    pub session: Option<SessionId>,
    /// The same key within a workspace and 24 hours gives the same task.
    pub idempotency_key: Option<String>,
    /// Limits each model call.
    pub max_tokens: Option<u32>,
    /// Overrides the agent's.
    pub temperature: Option<f32>,
    /// Makes sampling repeatable.
    pub seed: Option<u64>,
    /// Which of the workspace's tasks is first.
    pub priority: Priority,
    /// What becomes of it where an edge is lost; as its agent has it where
    /// absent.
    pub on_edge_lost: Option<OnEdgeLost>,
    /// Where what it says may go. It cannot allow more than its agent does.
    pub privacy: Option<Privacy>,
    /// The principal that asks; its budget pays.
    pub key_id: Option<String>,
    /// The request that asks; no part of what is asked.
    pub request_id: Option<RequestId>,
}

impl Submission {
    /// A task for the default agent, of which nothing special is asked.
    #[must_use]
    pub fn new(workspace_id: WorkspaceId, input: String) -> Self {
        Self {
            workspace_id,
            input,
            agent: None,
            tier: None,
            first_tool: None,
            session: None,
            idempotency_key: None,
            max_tokens: None,
            temperature: None,
            seed: None,
            priority: Priority::default(),
            on_edge_lost: None,
            privacy: None,
            key_id: None,
            request_id: None,
        }
    }
}

/// What became of a submission.
#[derive(Debug, Clone)]
pub struct Submitted {
    /// The task.
    pub task: Task,
    /// Whether the same request had been made before.
    pub replayed: bool,
}

/// A schedule that is asked for.
#[derive(Debug, Clone)]
pub struct ScheduleRequest {
    /// Whose it is.
    pub workspace_id: WorkspaceId,
    /// Its name; no other schedule of the workspace may have it.
    pub name: ScheduleName,
    /// When its slots are.
    pub when: When,
    /// The IANA name of the time zone by whose clocks they are.
    pub timezone: String,
    /// What it asks for at each of them.
    pub task: ScheduledTask,
    /// Who asks.
    pub created_by: String,
}

/// When the slots of a schedule are, as people write it.
#[derive(Debug, Clone)]
pub enum When {
    /// A cron expression of five fields.
    Cron(String),
    /// One time: an instant with its offset, or a time by the clocks of the
    /// time zone.
    At(String),
}

/// Who makes a request.
#[derive(Debug, Clone)]
pub struct Principal {
    /// What tells it from all others: the id of its key.
    pub id: String,
    /// The name of the key.
    pub name: String,
    /// The workspace that it acts in.
    pub workspace_id: WorkspaceId,
    /// What it may do: `read`, `run`, `approve`, `admin`.
    pub scopes: Vec<String>,
    /// When its key or token ceases to work, if it does by itself.
    pub expires_at: Option<Timestamp>,
}

impl Principal {
    /// Whether the principal has `scope`; `admin` has all.
    #[must_use]
    pub fn has(&self, scope: &str) -> bool {
        self.scopes.iter().any(|held| held == scope || held == "admin")
    }
}

/// An invitation for an edge.
#[derive(Debug, Clone, Serialize)]
pub struct Invitation {
    /// The one-time token.
    pub token: String,
    /// When it ends.
    pub expires_at: Timestamp,
    /// Where the edge dials, `host:port`, as far as the hub knows.
    pub link_port: u16,
}

/// What the hub knows of an edge.
#[derive(Debug, Clone, Serialize)]
pub struct EdgeInfo {
    /// Its id.
    pub edge_id: EdgeId,
    /// What it calls itself.
    pub name: String,
    /// Whether it has a session now.
    pub connected: bool,
    /// `quic` or `tcp`, while connected.
    pub transport: Option<&'static str>,
    /// Its session, while connected.
    pub session_epoch: Option<SessionEpoch>,
    /// Its version, as last told.
    pub version: Option<String>,
    /// When it joined.
    pub joined_at: Timestamp,
    /// When it was last seen.
    pub last_seen_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// Since when it gets no more work, by its owner's wish.
    pub draining_since: Option<Timestamp>,
    /// How busy it is, as last told.
    pub load: Option<EdgeLoad>,
}

/// How busy an edge is.
#[derive(Debug, Clone, Default, Serialize)]
pub struct EdgeLoad {
    /// 0 to 100, over all cores.
    pub cpu_percent: f32,
    /// Bytes of memory in use on the machine.
    pub memory_used_bytes: u64,
    /// Bytes of memory of the machine.
    pub memory_total_bytes: u64,
    /// Model calls that wait for their turn.
    pub queued_model_calls: u32,
    /// Attempts that run.
    pub running_attempts: u32,
    /// Devices of the GPU back-end.
    pub devices: Vec<DeviceLoad>,
    /// Loaded models.
    pub models: Vec<ModelLoad>,
}

/// A device of an edge's GPU back-end.
#[derive(Debug, Clone, Serialize)]
pub struct DeviceLoad {
    /// Its name.
    pub name: String,
    /// Bytes of its memory.
    pub memory_total_bytes: u64,
    /// Bytes of its memory that are free.
    pub memory_free_bytes: u64,
}

/// A model that an edge has loaded.
#[derive(Debug, Clone, Serialize)]
pub struct ModelLoad {
    /// Its name.
    pub name: String,
    /// Size of its weights in bytes.
    pub size_bytes: u64,
    /// Random weights that prove only that the path works.
    pub demonstration: bool,
    /// Over the last calls; 0 before the first.
    pub tokens_per_second: f32,
}

/// Whether the hub can work.
#[derive(Debug, Clone, Serialize)]
pub struct Readiness {
    /// Whether tasks can run now.
    pub ready: bool,
    /// Whether the database answers.
    pub database: bool,
    /// Edges with a session.
    pub edges_connected: usize,
    /// Models that those edges have loaded.
    pub models: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_ids_round_trip_and_sort_by_time() {
        let id: EventId = "12-3-45".parse().unwrap();
        assert_eq!(id.to_string(), "12-3-45");
        assert!("12-3-44".parse::<EventId>().unwrap() < id);
        assert!(id < "13-3-0".parse().unwrap());
        assert!("12-3".parse::<EventId>().is_err());
    }
}
