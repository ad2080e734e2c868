//! What both machines mean by a task, a step, a tool, a file: types and rules
//! without any I/O, so that the hub, the edge, the state machine of a run and
//! the tests share one vocabulary.

mod agent;
mod builtin;
mod calibration;
mod changeset;
mod chat;
mod clock;
mod error;
mod files;
mod ids;
mod journal;
mod metering;
mod money;
mod proposal;
mod provider;
mod schedule;
mod shown;
mod task;
mod tool;
mod validation;

pub use agent::{AgentConfig, OnEdgeLost, Privacy};
pub use builtin::{builtin_agents, builtin_code_agent, builtin_file_agent, builtin_research_agent};
pub use calibration::{Calibration, CalibrationQuality, Judged, TooFewAnswers};
pub use changeset::{Change, Changeset, ChangesetError};
pub use chat::{FinishReason, Message, Role, Sampling, Tier, ToolCall, Usage};
pub use clock::{Clock, ManualClock, SystemClock, Timestamp};
pub use error::{Classified, ErrorInfo};
pub use files::{BlobHash, FileEntry, Manifest, PathError, RelPath};
pub use ids::{
    AgentName, AttemptId, CallId, EdgeId, Fence, IdError, KeyId, ProposalId, RequestId, ScheduleId,
    ScheduleName, SessionEpoch, SessionId, TaskId, ToolName, WorkspaceId, with_id_source,
};
pub use journal::{Entry, Journal, JournalError, Phase, Step};
pub use metering::TokenCounts;
pub use money::NanoUsd;
pub use proposal::{
    AskReason, Decision, GrantScope, Proposal, ProposalKind, ProposalStatus, ToolGrant, call_hash,
};
pub use provider::{ProviderName, ProviderNameError, ProviderSecret, ProviderSecretError};
pub use schedule::{Schedule, ScheduledTask, Slot, SlotOutcome, Timing};
pub use shown::{Shown, escaped, shown};
pub use task::{NewTask, Priority, Task, TaskStatus};
pub use tool::{
    ArgumentRole, Effect, RateLimit, RatePeriod, ToolClass, ToolError, ToolOutcome, ToolSpec,
};
pub use validation::Validation;
