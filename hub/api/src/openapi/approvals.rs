//! The shapes of answers about approvals; see `schemas`.
#![expect(dead_code, reason = "only the derived schemas are used")]

use serde::Serialize;
use utoipa::ToSchema;

use super::schemas::{ToolCall, ToolClass};

/// What is proposed.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ProposalType {
    ToolCall,
    UnknownOutcome,
}

/// Where a proposal stands.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ProposalStatus {
    Pending,
    Approved,
    Rejected,
    Applied,
    Expired,
}

/// How far an approval reaches.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum GrantScope {
    Once,
    Task,
    Agent,
}

/// What was decided.
#[derive(Serialize, ToSchema)]
#[serde(tag = "decision", rename_all = "snake_case")]
pub(crate) enum Decision {
    /// The call may be made.
    Approve {
        /// How far that reaches.
        scope: GrantScope,
    },
    /// The call may not be made.
    Reject {
        /// Why.
        reason: String,
    },
    /// Nobody decided in time.
    Expire,
    /// The lost call did have its effect.
    Done {
        /// What is known of it.
        #[schema(required)]
        note: Option<String>,
    },
    /// The lost call is to be made again.
    Retry,
    /// The task ends.
    Abort,
}

/// Why a person is asked to confirm a call.
#[derive(Serialize, ToSchema)]
pub(crate) struct AskReason {
    /// The rule that asks.
    #[schema(pattern = "^[a-z][a-z0-9_]*$")]
    code: String,
    /// The argument that it is about; absent: the whole call.
    #[serde(skip_serializing_if = "Option::is_none")]
    argument: Option<String>,
    /// What stands there, whole: it may be anybody's text.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    /// The reason in words.
    message: String,
}

/// Something that a person has to decide, or decided.
#[derive(Serialize, ToSchema)]
pub(crate) struct Proposal {
    /// Its id.
    #[schema(pattern = "^prop_[0-9a-f]{32}$")]
    proposal_id: String,
    /// Whose it is.
    workspace_id: String,
    /// What is proposed.
    #[serde(rename = "type")]
    kind: ProposalType,
    /// Where it stands.
    status: ProposalStatus,
    /// It in a few words.
    title: String,
    /// What the model said, or what is known of a lost call.
    rationale: String,
    /// Why the policy wants it confirmed; absent where the agent or the tool
    /// always asks, or where a result was lost.
    #[serde(skip_serializing_if = "Option::is_none")]
    reasons: Option<Vec<AskReason>>,
    /// The task that waits for it.
    #[schema(pattern = "^task_[0-9a-f]{32}$")]
    task_id: String,
    /// The agent that works on the task.
    agent: String,
    /// The call, exactly as it is made.
    call: ToolCall,
    /// What repeating it would do.
    class: ToolClass,
    /// Of the tool's name and the exact arguments.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    content_hash: String,
    /// The key that the lost call was given.
    #[schema(required)]
    idempotency_key: Option<String>,
    /// When the lost call was announced last.
    #[schema(format = DateTime, required)]
    called_at: Option<String>,
    /// What was decided.
    #[schema(required)]
    decision: Option<Decision>,
    /// Who decided.
    #[schema(required)]
    reviewer: Option<String>,
    /// What they wrote.
    #[schema(required)]
    reviewer_notes: Option<String>,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it was decided.
    #[schema(format = DateTime, required)]
    reviewed_at: Option<String>,
    /// When it came about.
    #[schema(format = DateTime, required)]
    applied_at: Option<String>,
    /// When it is denied unless somebody has decided.
    #[schema(format = DateTime, required)]
    expires_at: Option<String>,
}

/// What waits for a person.
#[derive(Serialize, ToSchema)]
pub(crate) struct PendingPage {
    /// The proposals, newest first.
    pending: Vec<Proposal>,
    /// What to send as `cursor` for the page after this one; null on the last.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// A page of proposals, newest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct ProposalPage {
    /// The proposals.
    items: Vec<Proposal>,
    /// What to send as `cursor` for the page after this one; null on the last.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// A tool that an agent may call without being asked for.
#[derive(Serialize, ToSchema)]
pub(crate) struct Grant {
    /// The agent.
    agent: String,
    /// The tool.
    tool: String,
    /// The proposal that it comes from.
    proposal_id: String,
    /// Who granted it.
    granted_by: String,
    /// When.
    #[schema(format = DateTime)]
    granted_at: String,
}

/// All such grants.
#[derive(Serialize, ToSchema)]
pub(crate) struct GrantPage {
    /// The grants, by agent and tool.
    items: Vec<Grant>,
    /// Null: all are in one page.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// A line of the audit.
#[derive(Serialize, ToSchema)]
pub(crate) struct AuditLine {
    /// Its place in the audit of all workspaces.
    seq: u64,
    /// When.
    #[schema(format = DateTime)]
    at: String,
    /// Who.
    actor: String,
    /// What they did.
    action: String,
    /// To what.
    subject: String,
    /// Why, in their words.
    #[schema(required)]
    detail: Option<String>,
}

/// A page of the audit, newest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct AuditPage {
    /// Its lines.
    items: Vec<AuditLine>,
    /// What to send as `cursor` for the page after this one; null on the last.
    #[schema(required)]
    next_cursor: Option<String>,
}
