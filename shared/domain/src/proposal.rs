//! Proposals: what waits for a person, and what the person decided.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{AgentName, BlobHash, ProposalId, TaskId, Timestamp, ToolCall, ToolClass, WorkspaceId};

/// What is proposed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProposalKind {
    /// A call of a tool that a person has to confirm.
    ToolCall,
    /// A call that began and whose result was lost: it may have had its effect.
    UnknownOutcome,
}

/// Where a proposal stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProposalStatus {
    /// Nobody has decided.
    Pending,
    /// Confirmed; it has not come about yet.
    Approved,
    /// Refused.
    Rejected,
    /// Confirmed, and it came about.
    Applied,
    /// It was not decided in time, or its task ended first.
    Expired,
}

macro_rules! words {
    ($type:ident, $what:literal, $($variant:ident => $word:literal),+) => {
        impl $type {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word that stands for it in the API and the database.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word),+
                }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl FromStr for $type {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                Self::ALL.iter().copied().find(|known| known.as_str() == text).ok_or_else(|| {
                    let known = Self::ALL.iter().map(|one| one.as_str()).collect::<Vec<_>>();
                    format!("`{text}` is no {}: use one of {}", $what, known.join(", "))
                })
            }
        }
    };
}

words!(ProposalKind, "type of proposal",
    ToolCall => "tool_call", UnknownOutcome => "unknown_outcome");
words!(ProposalStatus, "status of a proposal",
    Pending => "pending", Approved => "approved", Rejected => "rejected", Applied => "applied",
    Expired => "expired");
words!(GrantScope, "scope of an approval", Once => "once", Task => "task", Agent => "agent");

/// How far an approval reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantScope {
    /// This call.
    Once,
    /// This tool, for the rest of the task.
    Task,
    /// This tool, whenever this agent of this workspace calls it.
    Agent,
}

/// What was decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "decision", rename_all = "snake_case")]
pub enum Decision {
    /// The call may be made.
    Approve {
        /// How far that reaches.
        scope: GrantScope,
    },
    /// The call may not be made; the model is told why.
    Reject {
        /// Why.
        reason: String,
    },
    /// Nobody decided in time: as rejected.
    Expire,
    /// The lost call did have its effect; the model is told.
    Done {
        /// What the person knows of it.
        note: Option<String>,
    },
    /// The lost call is to be made again.
    Retry,
    /// The task is to end here.
    Abort,
}

impl Decision {
    /// The word that stands for it.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Approve { .. } => "approve",
            Self::Reject { .. } => "reject",
            Self::Expire => "expire",
            Self::Done { .. } => "done",
            Self::Retry => "retry",
            Self::Abort => "abort",
        }
    }

    /// Whether it answers a proposal of this kind.
    #[must_use]
    pub fn answers(&self, kind: ProposalKind) -> bool {
        match kind {
            ProposalKind::ToolCall => {
                matches!(self, Self::Approve { .. } | Self::Reject { .. } | Self::Expire)
            }
            ProposalKind::UnknownOutcome => {
                matches!(self, Self::Done { .. } | Self::Retry | Self::Abort)
            }
        }
    }

    /// Where the proposal stands right after it.
    #[must_use]
    pub fn status(&self) -> ProposalStatus {
        match self {
            Self::Approve { .. } | Self::Retry => ProposalStatus::Approved,
            Self::Reject { .. } => ProposalStatus::Rejected,
            Self::Expire => ProposalStatus::Expired,
            Self::Done { .. } | Self::Abort => ProposalStatus::Applied,
        }
    }
}

/// Why a person is asked to confirm a call: what a rule of the policy found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskReason {
    /// The rule, a stable word in `snake_case`: `unknown_destination` …
    pub code: String,
    /// The argument that it is about; of the whole call where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub argument: Option<String>,
    /// What stands there, literally and whole. It may be anybody's text: escape
    /// it before it is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// The reason, for the person who decides; it holds no text of others.
    pub message: String,
}

/// Something that a person has to decide, or decided.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Proposal {
    /// Its id.
    pub proposal_id: ProposalId,
    /// Whose it is.
    pub workspace_id: WorkspaceId,
    /// What is proposed.
    #[serde(rename = "type")]
    pub kind: ProposalKind,
    /// Where it stands.
    pub status: ProposalStatus,
    /// It in a few words, without any text of users or models.
    pub title: String,
    /// What the model said when it asked for the call, or what is known of a
    /// call whose result was lost.
    pub rationale: String,
    /// Why the policy wants it confirmed; empty where the agent or the tool
    /// always asks, or where a result was lost.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<AskReason>,
    /// The task that waits for it.
    pub task_id: TaskId,
    /// The agent that works on the task.
    pub agent: AgentName,
    /// The call, exactly as it is made.
    pub call: ToolCall,
    /// What repeating it would do.
    pub class: ToolClass,
    /// Of the tool's name and the exact arguments: see [`call_hash`].
    pub content_hash: BlobHash,
    /// The key that the lost call was given.
    pub idempotency_key: Option<String>,
    /// When the lost call was announced last.
    pub called_at: Option<Timestamp>,
    /// What was decided.
    pub decision: Option<Decision>,
    /// Who decided.
    pub reviewer: Option<String>,
    /// What they wrote.
    pub reviewer_notes: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was decided.
    pub reviewed_at: Option<Timestamp>,
    /// When it came about.
    pub applied_at: Option<Timestamp>,
    /// When it is denied unless somebody has decided; never where absent.
    pub expires_at: Option<Timestamp>,
}

/// What an approval is bound to: BLAKE3 of the tool's name, a line break and
/// the arguments as they stand in the journal.
#[must_use]
pub fn call_hash(call: &ToolCall) -> BlobHash {
    BlobHash::of(format!("{}\n{}", call.name, call.arguments).as_bytes())
}

/// What a tool may do without being asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolGrant {
    /// The agent that may call it.
    pub agent: AgentName,
    /// The tool.
    pub tool: crate::ToolName,
    /// The proposal that it comes from.
    pub proposal_id: ProposalId,
    /// Who granted it.
    pub granted_by: String,
    /// When.
    pub granted_at: Timestamp,
}
