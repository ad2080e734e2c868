//! The shapes of answers, for the document alone. The handlers write what the
//! domain's own types say; the tests check every answer that they see against
//! these, strictly, so that the two cannot drift apart.
#![expect(dead_code, reason = "only the derived schemas are used")]

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{AskReason, Decision};

/// An error (RFC 9457).
#[derive(Serialize, ToSchema)]
pub(crate) struct Problem {
    /// A URI that names the kind of error.
    #[serde(rename = "type")]
    kind: String,
    /// The status in words.
    title: String,
    /// The status of the response.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// What is wrong and what to do about it.
    detail: String,
    /// The path of the request.
    instance: String,
    /// The kind of error, for programs.
    code: String,
    /// Names the request in the hub's log.
    request_id: String,
}

/// Where a task stands.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TaskStatus {
    Pending,
    Running,
    WaitingApproval,
    Completed,
    Failed,
    Cancelled,
}

/// Which of the waiting tasks of a workspace is first.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Priority {
    Low,
    Normal,
    High,
}

/// What becomes of a task where an edge is lost.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OnEdgeLost {
    Wait,
    Elsewhere,
    Fail,
}

/// Where what a task says may go.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Privacy {
    Any,
    LocalOnly,
}

/// Why a task or a tool failed.
#[derive(Serialize, ToSchema)]
pub(crate) struct ErrorInfo {
    /// A stable word for programs.
    code: String,
    /// What happened and what to do about it.
    message: String,
}

/// Tokens of all model calls of a task.
#[derive(Serialize, ToSchema)]
pub(crate) struct Tokens {
    /// Of all prompts.
    input: u64,
    /// Of all answers.
    output: u64,
}

/// A task: one request of a user, and what became of it.
#[derive(Serialize, ToSchema)]
pub(crate) struct Task {
    /// Its id.
    #[schema(pattern = "^task_[0-9a-f]{32}$")]
    task_id: String,
    /// Whose it is.
    workspace_id: String,
    /// What the user wants.
    user_input: String,
    /// Where it stands.
    status: TaskStatus,
    /// The agent that works on it.
    agent_type: String,
    /// The model that answered last.
    #[schema(required)]
    model_used: Option<String>,
    /// The answer.
    #[schema(required)]
    output: Option<String>,
    /// Why it failed.
    #[schema(required)]
    error: Option<ErrorInfo>,
    /// Tokens of all its prompts.
    input_tokens: u64,
    /// Tokens of all its answers.
    output_tokens: u64,
    /// The same, in one place.
    tokens: Tokens,
    /// From the first start to the end, in milliseconds.
    #[schema(required)]
    execution_time_ms: Option<u64>,
    /// How many tool calls have a result.
    tool_calls: u32,
    /// The files that it drew on.
    context_sources: Vec<String>,
    /// When it was accepted.
    #[schema(format = DateTime)]
    created_at: String,
    /// When an executor first took it.
    #[schema(format = DateTime, required)]
    started_at: Option<String>,
    /// When it ended.
    #[schema(format = DateTime, required)]
    completed_at: Option<String>,
    /// What its model calls cost, in billionths of a US dollar.
    cost: i64,
    /// The key under which it was asked for.
    #[schema(required)]
    idempotency_key: Option<String>,
    /// The conversation that it belongs to.
    #[schema(required)]
    session: Option<String>,
    /// Which of its workspace's waiting tasks is first.
    priority: Priority,
    /// What becomes of it where an edge is lost.
    on_edge_lost: OnEdgeLost,
    /// Where what it says may go.
    privacy: Privacy,
    /// How many steps its journal holds.
    steps: u64,
    /// How many of the workspace's waiting tasks come before this one, itself
    /// included.
    #[serde(skip_serializing_if = "Option::is_none")]
    queue_position: Option<u64>,
}

/// A page of tasks, newest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct TaskPage {
    /// The tasks.
    items: Vec<Task>,
    /// What to send as `cursor` for the page after this one; null on the last.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// A call that a model asks for.
#[derive(Serialize, ToSchema)]
pub(crate) struct ToolCall {
    /// Unique within its task.
    id: String,
    /// The tool.
    name: String,
    /// What it is called with.
    #[schema(value_type = Object)]
    arguments: BTreeMap<String, Value>,
}

/// Tokens that a model call consumed.
#[derive(Serialize, ToSchema)]
pub(crate) struct Usage {
    /// All tokens of the prompt.
    input_tokens: u64,
    /// Those of them that were already in the model's cache.
    cached_tokens: u64,
    /// Generated tokens.
    output_tokens: u64,
}

/// Why generation ended.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FinishReason {
    Stop,
    Length,
    ToolCalls,
    Cancelled,
}

/// What repeating a call does to the world.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ToolClass {
    Read,
    Idempotent,
    Once,
}

/// What a tool call came to.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ToolOutcome {
    /// The tool's answer.
    Ok(Value),
    /// The tool's failure.
    Err(ErrorInfo),
}

/// What happened in a step.
#[derive(Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Entry {
    /// A model answered, or asked for tools.
    ModelReply {
        /// The model that spoke.
        model: String,
        /// Its text.
        text: String,
        /// The tools that it asks for, in order.
        tool_calls: Vec<ToolCall>,
        /// Why it stopped.
        finish: FinishReason,
        /// Tokens used.
        usage: Usage,
        /// Geometric mean of the probabilities of its tokens, 0 to 1.
        #[schema(required)]
        confidence: Option<f32>,
        /// How long it took, in milliseconds.
        duration_ms: u64,
    },
    /// A tool is about to be called.
    ToolIntent {
        /// The call.
        call: ToolCall,
        /// What repeating it would do.
        class: ToolClass,
        /// Handed to the tool.
        idempotency_key: String,
    },
    /// A call whose result was lost is about to be made again.
    ToolRetry {
        /// The call.
        call_id: String,
    },
    /// A call came to its end.
    ToolResult {
        /// The call.
        call_id: String,
        /// What it came to.
        outcome: ToolOutcome,
        /// How long it took, in milliseconds.
        duration_ms: u64,
        /// What it changed of the files; absent: nothing.
        #[serde(skip_serializing_if = "Option::is_none")]
        changes: Option<Changeset>,
    },
    /// A call that was not made.
    ToolRefused {
        /// The call.
        call_id: String,
        /// Why.
        error: ErrorInfo,
    },
    /// It is not known whether a call had its effect: a person decides.
    ToolUnknown {
        /// The call.
        call_id: String,
    },
    /// A call that a person has to confirm before it is made.
    ApprovalAsked {
        /// The call.
        call: ToolCall,
        /// What repeating it would do.
        class: ToolClass,
        /// What the policy found; absent: the agent or the tool always asks.
        #[serde(skip_serializing_if = "Option::is_none")]
        reasons: Option<Vec<AskReason>>,
    },
    /// What waited for a person was settled.
    Decided {
        /// The call.
        call_id: String,
        /// How.
        decision: Decision,
        /// Who decided.
        by: String,
    },
    /// An answer was held against what the agent's configuration asks for.
    AnswerChecked {
        /// What is wrong with it; nothing where it passed.
        problems: Vec<String>,
    },
    /// The run ended with an answer.
    Finished {
        /// The answer.
        output: String,
        /// Whether the model was cut off by its limit of tokens.
        truncated: bool,
    },
    /// The run ended with an error.
    Failed {
        /// What happened.
        error: ErrorInfo,
    },
    /// The run was ended by its user.
    Cancelled {
        /// Who or what ended it.
        reason: String,
    },
}

/// What a call changed of the files.
#[derive(Serialize, ToSchema)]
pub(crate) struct Changeset {
    /// The changes by path.
    files: BTreeMap<String, Change>,
    /// Files that somebody else had changed meanwhile, and under which name the
    /// run's content was kept; null: a deletion that was given up.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(required = false)]
    conflicts: BTreeMap<String, Option<String>>,
}

/// A change of one file.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Change {
    /// The file has this content now.
    Put {
        /// BLAKE3 of the content.
        #[schema(pattern = "^[0-9a-f]{64}$")]
        hash: String,
        /// Bytes.
        size: u64,
        /// When it was last changed.
        #[schema(format = DateTime)]
        modified: String,
        /// BLAKE3 of what the run saw before; absent: there was no such file.
        #[schema(pattern = "^[0-9a-f]{64}$")]
        #[serde(skip_serializing_if = "Option::is_none")]
        base: Option<String>,
    },
    /// The file is gone.
    Delete {
        /// BLAKE3 of what the run saw before.
        #[schema(pattern = "^[0-9a-f]{64}$")]
        base: String,
    },
}

/// One durable step of a task.
#[derive(Serialize, ToSchema)]
pub(crate) struct Step {
    /// The task.
    task_id: String,
    /// Its place in the journal; the first is 1.
    seq: u64,
    /// The lease under which it was written.
    fence: u64,
    /// When the hub committed it.
    #[schema(format = DateTime)]
    recorded_at: String,
    /// What happened.
    #[serde(flatten)]
    entry: Entry,
}

/// The journal of a task.
#[derive(Serialize, ToSchema)]
pub(crate) struct StepPage {
    /// The steps, in order.
    items: Vec<Step>,
    /// Null: all steps are in one page.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// A file of the workspace.
#[derive(Serialize, ToSchema)]
pub(crate) struct File {
    /// Its path.
    path: String,
    /// Bytes.
    size: u64,
    /// BLAKE3 of its content.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    hash: String,
    /// When its content was last changed, as its owner's machine said.
    #[schema(format = DateTime)]
    modified: String,
}

/// The files of the workspace.
#[derive(Serialize, ToSchema)]
pub(crate) struct FilePage {
    /// The files, by path.
    items: Vec<File>,
    /// Null: all files are in one page.
    #[schema(required)]
    next_cursor: Option<String>,
}
