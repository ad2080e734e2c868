//! Tasks: requests of users and what became of them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{
    AgentConfig, AgentName, ErrorInfo, NanoUsd, OnEdgeLost, Privacy, RequestId, SessionId, TaskId,
    Timestamp, ToolName, WorkspaceId,
};

/// Where a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskStatus {
    /// Accepted and durable; no executor has it.
    Pending,
    /// An executor holds its lease.
    Running,
    /// A person has to decide something.
    WaitingApproval,
    /// Ended with an output.
    Completed,
    /// Ended with an error.
    Failed,
    /// Ended by its user.
    Cancelled,
}

impl TaskStatus {
    /// All of them, in order of life.
    pub const ALL: [Self; 6] = [
        Self::Pending,
        Self::Running,
        Self::WaitingApproval,
        Self::Completed,
        Self::Failed,
        Self::Cancelled,
    ];

    /// Whether nothing can happen to the task any more.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }

    /// The word that stands for it in the API and the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::WaitingApproval => "waiting_approval",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

impl fmt::Display for TaskStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for TaskStatus {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|status| status.as_str() == text).ok_or_else(|| {
            let known = Self::ALL.map(Self::as_str).join(", ");
            format!("`{text}` is no status of a task: use one of {known}")
        })
    }
}

/// Which of the waiting tasks of a workspace is first. Other workspaces' tasks
/// are not overtaken by it.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// When nothing else waits.
    Low,
    /// As usual.
    #[default]
    Normal,
    /// Before all others.
    High,
}

impl Priority {
    /// A greater number is earlier.
    #[must_use]
    pub fn rank(self) -> i64 {
        match self {
            Self::Low => -1,
            Self::Normal => 0,
            Self::High => 1,
        }
    }

    /// The way back; what lies beyond the ends is the end.
    #[must_use]
    pub fn of_rank(rank: i64) -> Self {
        match rank {
            ..0 => Self::Low,
            0 => Self::Normal,
            1.. => Self::High,
        }
    }
}

impl FromStr for Priority {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "low" => Ok(Self::Low),
            "normal" => Ok(Self::Normal),
            "high" => Ok(Self::High),
            _ => Err(format!("`{text}` is no priority: use low, normal or high")),
        }
    }
}

/// A task as it is asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NewTask {
    /// Whose it is.
    pub workspace_id: WorkspaceId,
    /// What the user wants.
    pub user_input: String,
    /// The agent, frozen as configured when the task was accepted.
    pub agent: AgentConfig,
    /// A tool that the first model call must call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_tool: Option<ToolName>,
    /// The conversation that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    /// The same key within a workspace gives the same task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// Which of its workspace's tasks is first.
    #[serde(default)]
    pub priority: Priority,
    /// The request that asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<RequestId>,
    /// The principal that asked for it; its budget pays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
    /// What becomes of it where an edge is lost.
    #[serde(default)]
    pub on_edge_lost: OnEdgeLost,
    /// Where what it says may go.
    #[serde(default)]
    pub privacy: Privacy,
}

impl NewTask {
    /// A task of which nothing special is asked.
    #[must_use]
    pub fn new(workspace_id: WorkspaceId, user_input: String, agent: AgentConfig) -> Self {
        Self {
            workspace_id,
            user_input,
            agent,
            first_tool: None,
            session: None,
            idempotency_key: None,
            priority: Priority::default(),
            request_id: None,
            key_id: None,
            on_edge_lost: OnEdgeLost::default(),
            privacy: Privacy::default(),
        }
    }
}

/// A task with everything that is known of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// Its id.
    pub task_id: TaskId,
    /// Whose it is.
    pub workspace_id: WorkspaceId,
    /// What the user wants.
    pub user_input: String,
    /// Where it stands.
    pub status: TaskStatus,
    /// The agent that works on it.
    pub agent_type: AgentName,
    /// The model that answered last.
    pub model_used: Option<String>,
    /// The answer.
    pub output: Option<String>,
    /// Why it failed.
    pub error: Option<ErrorInfo>,
    /// Tokens of all its prompts.
    pub input_tokens: u64,
    /// Tokens of all its answers.
    pub output_tokens: u64,
    /// From the first start to the end, in milliseconds.
    pub execution_time_ms: Option<u64>,
    /// How many tool calls have a result.
    pub tool_calls: u32,
    /// The files that it drew on.
    pub context_sources: Vec<String>,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When an executor first took it.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
    /// What its model calls cost.
    pub cost: NanoUsd,
    /// The key under which it was asked for.
    pub idempotency_key: Option<String>,
    /// The conversation that it belongs to.
    pub session: Option<SessionId>,
    /// Which of its workspace's waiting tasks is first.
    #[serde(default)]
    pub priority: Priority,
    /// What becomes of it where an edge is lost.
    #[serde(default)]
    pub on_edge_lost: OnEdgeLost,
    /// Where what it says may go.
    #[serde(default)]
    pub privacy: Privacy,
    /// How many steps its journal holds.
    pub steps: u64,
}
