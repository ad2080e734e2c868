//! What the verbs of the store take and give.

use std::time::Duration;

use agentos_domain::{
    AgentConfig, AgentName, AttemptId, BlobHash, Decision, EdgeId, Entry, Fence, KeyId, Manifest,
    NewTask, Privacy, Proposal, ProposalId, ProposalStatus, ProviderName, RequestId, ScheduleId,
    SessionEpoch, Step, Task, TaskId, TaskStatus, Tier, Timestamp, ToolName, WorkspaceId,
};
use serde::Serialize;

/// What became of a request for a task.
#[derive(Debug, Clone, PartialEq)]
pub struct Created {
    /// The task, new or from before.
    pub task: Task,
    /// Whether it was there already, under the same idempotency key.
    pub replayed: bool,
}

/// Which tasks of a workspace are wanted, newest first.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskFilter {
    /// Only those with this status.
    pub status: Option<TaskStatus>,
    /// Only those of this agent.
    pub agent: Option<AgentName>,
    /// Only those older than this one: the last task of the page before.
    pub before: Option<TaskId>,
    /// The most tasks to return.
    pub limit: u32,
}

impl Default for TaskFilter {
    fn default() -> Self {
        Self { status: None, agent: None, before: None, limit: 50 }
    }
}

/// An executor asks for work.
#[derive(Debug, Clone)]
pub struct Claim {
    /// Who asks.
    pub edge: EdgeId,
    /// The session through which the executor is reached; it must be the
    /// edge's newest.
    pub epoch: SessionEpoch,
    /// The attempt that begins if there is work.
    pub attempt: AttemptId,
    /// The hub's time.
    pub now: Timestamp,
    /// How long the lease lasts unless it is extended.
    pub ttl: Duration,
    /// What may be claimed.
    pub limits: ClaimLimits,
    /// Where it is to be worked on.
    pub placement: Placement,
}

/// Where a task is worked on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Placement {
    /// On an edge.
    #[default]
    Edge,
    /// On the hub, for want of an edge: only tasks that allow it.
    Hub {
        /// The tiers for which a model answers all the same.
        any: Vec<Tier>,
        /// Those for which a model in the home network does.
        local_only: Vec<Tier>,
    },
}

/// What a model that is called for a run may do.
#[derive(Debug, Clone, PartialEq)]
pub struct RunScope {
    /// The task.
    pub task_id: TaskId,
    /// Whose it is.
    pub workspace_id: WorkspaceId,
    /// The principal whose budget pays, where it is known.
    pub key_id: Option<String>,
    /// The request that asked for the task.
    pub request_id: Option<RequestId>,
    /// The agent as it was when the task was accepted.
    pub agent: AgentConfig,
    /// Where the run's prompts may go.
    pub privacy: Privacy,
}

/// What may be claimed beside what runs already.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClaimLimits {
    /// The most runs of one workspace; any number where absent.
    pub runs_per_workspace: Option<u32>,
    /// The most runs of a tier; any number of those that are absent.
    pub runs_per_tier: Vec<(Tier, u32)>,
}

/// Work with its lease: everything that an executor needs to carry on.
#[derive(Debug, Clone, PartialEq)]
pub struct Claimed {
    /// The task, now running.
    pub task: Task,
    /// The agent as it was when the task was accepted.
    pub agent: AgentConfig,
    /// A tool that the first model call must call.
    pub first_tool: Option<ToolName>,
    /// The request that asked for the task.
    pub request_id: Option<RequestId>,
    /// Tools that a person granted the agent for good.
    pub granted: Vec<ToolName>,
    /// How long it may still be worked on.
    pub time_left: Duration,
    /// What happened in earlier attempts.
    pub journal: Vec<Entry>,
    /// The files as they were when the first attempt began.
    pub manifest: Manifest,
    /// Who holds the lease.
    pub edge: EdgeId,
    /// The attempt.
    pub attempt: AttemptId,
    /// The number of its lease.
    pub fence: Fence,
}

/// Entries that a lease's holder adds to a journal.
#[derive(Debug, Clone)]
pub struct Append {
    /// Who writes.
    pub edge: EdgeId,
    /// The task.
    pub task_id: TaskId,
    /// The attempt that writes.
    pub attempt: AttemptId,
    /// The number of its lease.
    pub fence: Fence,
    /// The place of the first entry, from 1.
    pub first_seq: u64,
    /// The entries; none only checks and extends the lease.
    pub entries: Vec<Entry>,
    /// The hub's time.
    pub now: Timestamp,
    /// How long the lease lasts from now on.
    pub ttl: Duration,
    /// How long a person has to confirm a call that an entry asks for; for ever
    /// where absent.
    pub approval_ttl: Option<Duration>,
}

/// Content that the holder of a lease brings for what its run writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobOffer {
    /// Who brings it.
    pub edge: EdgeId,
    /// The lease.
    pub held: HeldLease,
    /// Hash of the content.
    pub hash: BlobHash,
    /// Its size in bytes.
    pub size: u64,
    /// How many bytes the run may bring, all its steps together.
    pub limit: u64,
    /// The hub's time.
    pub now: Timestamp,
}

/// What an append came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Appended {
    /// The last seq of the journal that is durable.
    pub durable_seq: u64,
    /// The steps that are new; none where all were there before.
    pub steps: Vec<Step>,
    /// The task as it is now.
    pub task: Task,
    /// What a person has to decide from now on.
    pub proposal: Option<Proposal>,
}

/// Which proposals a list has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProposalFilter {
    /// Only those that stand there.
    pub status: Option<ProposalStatus>,
    /// Only those that were made before this one.
    pub before: Option<ProposalId>,
    /// At most so many.
    pub limit: u32,
}

/// How a proposal is decided.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolution {
    /// What was decided.
    pub decision: Decision,
    /// Who decided.
    pub reviewer: String,
    /// What they wrote.
    pub notes: Option<String>,
    /// What they saw: refused where it is not what is proposed.
    pub content_hash: Option<BlobHash>,
}

/// A proposal that was decided.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolved {
    /// It, as it is now.
    pub proposal: Proposal,
    /// Its task, pending again or ended.
    pub task: Task,
    /// The step that the decision is in the task's journal.
    pub step: Step,
}

/// What becomes of the slots of a schedule that are due.
#[derive(Debug, Clone)]
pub struct Settle {
    /// The schedule.
    pub schedule_id: ScheduleId,
    /// Its next slot, as it was read: the first of those that are due. Nothing
    /// happens where it is another one now.
    pub expected: Timestamp,
    /// Slots for which it is too late, oldest first.
    pub missed: Vec<Timestamp>,
    /// The newest slot that is due, where it is its turn.
    pub newest: Option<(Timestamp, SlotAction)>,
    /// The slot after all these; none where they were the last.
    pub next: Option<Timestamp>,
    /// The hub's time.
    pub now: Timestamp,
}

/// What is done at a slot.
#[derive(Debug, Clone)]
pub enum SlotAction {
    /// Its task is made.
    Run(Box<SlotRun>),
    /// No task can be made.
    Fail {
        /// Why, and what to do about it.
        reason: String,
    },
}

/// The task of a slot.
#[derive(Debug, Clone)]
pub struct SlotRun {
    /// The id that it gets.
    pub task_id: TaskId,
    /// The task.
    pub task: NewTask,
    /// What makes two requests the same, as for other tasks.
    pub request_hash: [u8; 32],
    /// The most tasks of the workspace that wait.
    pub queue_limit: u32,
    /// When to try again where as many wait.
    pub retry_at: Timestamp,
}

/// What became of slots that were due.
#[derive(Debug, Clone, PartialEq)]
pub enum Settled {
    /// Nothing: the schedule has another next slot by now, or none.
    Moved,
    /// They are recorded.
    Recorded,
    /// They are recorded, and the newest one has its task.
    Ran(Box<Task>),
    /// The older ones are recorded; the newest has to wait.
    HeldUp {
        /// Why.
        reason: String,
    },
}

/// A line of the audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditRecord {
    /// Its place; the first is 1.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// What they did.
    pub action: String,
    /// To what.
    pub subject: String,
    /// Why, in their words.
    pub detail: Option<String>,
}

/// A lease as its holder names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldLease {
    /// The task.
    pub task_id: TaskId,
    /// The attempt.
    pub attempt: AttemptId,
    /// The number of the lease.
    pub fence: Fence,
}

/// A lease as the hub knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Who holds it.
    pub edge: EdgeId,
    /// The attempt.
    pub attempt: AttemptId,
    /// Its number.
    pub fence: Fence,
}

/// What a cancellation came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Cancelled {
    /// The task; unchanged if it had ended before.
    pub task: Task,
    /// The lease that ended with it: its holder has to be told to stop.
    pub lease: Option<Lease>,
    /// The step that was written; none if the task had ended before.
    pub step: Option<Step>,
}

/// What became of a join token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Redeemed {
    /// It was good; the edge is known from now on.
    Joined,
    /// There is no such token.
    Unknown,
    /// An edge has joined with it before.
    Used,
    /// Its time is over.
    Expired,
}

/// A machine that joined the hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdgeRecord {
    /// Its id.
    pub edge_id: EdgeId,
    /// Its name for people.
    pub name: String,
    /// When it joined.
    pub joined_at: Timestamp,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// Since when it gets no more work.
    pub draining_since: Option<Timestamp>,
    /// When it last opened, used or closed a session.
    pub last_seen_at: Option<Timestamp>,
    /// The version that it last reported.
    pub version: Option<String>,
    /// Its open session.
    pub session_epoch: Option<SessionEpoch>,
}

/// An API key; the key itself is never stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRecord {
    /// Its id.
    pub key_id: KeyId,
    /// Its name for people.
    pub name: String,
    /// The beginning of the key, by which people recognise it.
    pub prefix: String,
    /// A hash of the whole key.
    pub hash: [u8; 32],
    /// Whose data it opens.
    pub workspace_id: WorkspaceId,
    /// What it allows.
    pub scopes: Vec<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last used, as far as that was noted.
    pub last_used_at: Option<Timestamp>,
    /// When it ceases to work.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// A provider's key, encrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedKey {
    /// The id of the master key that opens it.
    pub master_key: [u8; 8],
    /// The key, encrypted.
    pub sealed: Vec<u8>,
    /// The last characters of the key, where it is long enough to tell them.
    pub hint: Option<String>,
}

/// A workspace's key of a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderKeyRecord {
    /// Whose API it opens.
    pub provider: ProviderName,
    /// The key, encrypted.
    pub key: SealedKey,
    /// When a key of this provider was first set.
    pub created_at: Timestamp,
    /// When this key was set.
    pub updated_at: Timestamp,
}

/// How much there is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TaskLoad {
    /// Tasks that wait for an executor.
    pub pending: u64,
    /// Tasks that an executor works on.
    pub running: u64,
}

/// That the store answers, and what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Health {
    /// The version of the schema.
    pub schema_version: u32,
    /// How many tasks there are.
    pub tasks: u64,
}
