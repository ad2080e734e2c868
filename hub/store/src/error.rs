//! What can go wrong in the store.

use std::path::PathBuf;
use std::time::Duration;

use agentos_domain::{BlobHash, Classified, RelPath};

/// Why the store did not do what it was asked. It is plain data, so that one
/// failed commit can be told to everyone whose operation was in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The same key was used within 24 hours for another request.
    #[error(
        "the idempotency key was already used for another request: \
         use a new key, or send the first request again unchanged"
    )]
    IdempotencyConflict,
    /// As many tasks of the workspace wait as may.
    #[error("{limit} tasks of this workspace wait already: wait until some are done")]
    QueueFull {
        /// How many may.
        limit: u32,
    },
    /// The writer does not hold the lease (any more).
    #[error("the lease is not held by this attempt: stop it, another one may be at work")]
    Fenced,
    /// The entries do not continue the journal.
    #[error("the entries do not continue the journal: {detail}")]
    JournalConflict {
        /// What does not fit.
        detail: String,
    },
    /// A result's changes refer to content that nobody has brought.
    #[error("{} contents that the run wrote are not here: bring them, then append again", hashes.len())]
    BlobsMissing {
        /// Which.
        hashes: Vec<BlobHash>,
    },
    /// Somebody else has changed files since the run saw them.
    #[error(
        "{} files that the run changed were changed by somebody else meanwhile: \
         keep the run's under other names, then append again", paths.len()
    )]
    FilesChanged {
        /// Which.
        paths: Vec<RelPath>,
    },
    /// A run brings more content than it may.
    #[error("the run wrote more than {limit} bytes: let it write less")]
    TooMuchWritten {
        /// How many it may.
        limit: u64,
    },
    /// A proposal was decided before.
    #[error("this proposal is {status} already: a decision is taken once")]
    AlreadyDecided {
        /// Where it stands.
        status: &'static str,
    },
    /// The decision does not answer the proposal.
    #[error(
        "`{decision}` does not answer a proposal of type {kind}: \
         a tool_call is approved or rejected, an unknown_outcome is resolved as done, retry or abort"
    )]
    WrongDecision {
        /// What was decided.
        decision: &'static str,
        /// What is proposed.
        kind: &'static str,
    },
    /// What was seen is not what is proposed.
    #[error("what is proposed is not what you saw: look at it again, then decide")]
    ContentDiffers,
    /// Another schedule of the workspace has this name.
    #[error("there is a schedule `{name}` already: choose another name, or remove that one first")]
    ScheduleExists {
        /// The name.
        name: String,
    },
    /// The workspace has as many schedules as it may.
    #[error("this workspace has {limit} schedules, and may not have more: remove one first")]
    TooManySchedules {
        /// How many it may have.
        limit: u32,
    },
    /// The cursor of a list names nothing in the workspace.
    #[error("the cursor names nothing in this workspace: begin again without a cursor")]
    UnknownCursor,
    /// Nothing was reserved for the call.
    #[error("nothing was reserved for {call}: reserve it before it is made")]
    UnknownCall {
        /// Its id.
        call: String,
    },
    /// The call has ended.
    #[error("{call} was settled, or its time was over: reserve a new call")]
    CallSettled {
        /// Its id.
        call: String,
    },
    /// The installation's budget is not kept in the database.
    #[error("the budget of the installation is set in the configuration: change it there")]
    InstallationBudget,
    /// The run of a plugin was closed.
    #[error("this run was closed, as by a restart of the hub: run the plugin again")]
    RunClosed,
    /// No edge has this id.
    #[error("no edge {edge} has joined this hub: join it with a new token")]
    UnknownEdge {
        /// Its id.
        edge: String,
    },
    /// The edge was revoked.
    #[error("the edge {edge} was revoked: join it again with a new token")]
    EdgeRevoked {
        /// Its id.
        edge: String,
    },
    /// The edge's owner wants it to get no more work.
    #[error("the edge {edge} is being drained: have it resume first")]
    EdgeDraining {
        /// Its id.
        edge: String,
    },
    /// A task is claimed through a session that a newer one has replaced.
    #[error("the session of edge {edge} has been replaced: use its newer one")]
    SessionReplaced {
        /// The edge.
        edge: String,
    },
    /// The disk or the quota is full.
    #[error(
        "no space left for the database at {}: free some space; \
         nothing was lost, the request was not accepted", path.display()
    )]
    DiskFull {
        /// The database.
        path: PathBuf,
    },
    /// The disk fails for another reason than space.
    #[error("the disk under the database at {} fails ({detail}): check it", path.display())]
    DiskFailed {
        /// The database.
        path: PathBuf,
        /// SQLite's words.
        detail: String,
    },
    /// The file is damaged.
    #[error("the database at {} is damaged ({detail}): restore a backup", path.display())]
    Corrupt {
        /// The database.
        path: PathBuf,
        /// SQLite's words.
        detail: String,
    },
    /// The file is something else.
    #[error("{} is no database of this program: name another path, or move that file away", path.display())]
    NotADatabase {
        /// The file.
        path: PathBuf,
    },
    /// The file was written by a later version.
    #[error(
        "database {} was written by a newer version (schema {found}, this program knows {known}): \
         install that version or restore a backup", path.display()
    )]
    NewerSchema {
        /// The database.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// The newest schema that this program knows.
        known: i64,
    },
    /// Another process works with the database.
    #[error("the database at {} is in use by another hub: stop that one first", path.display())]
    InUse {
        /// The database.
        path: PathBuf,
    },
    /// The path lies on a network file system.
    #[error(
        "{} is on a network file system ({kind}), where a database loses data: \
         use a disk of this machine", path.display()
    )]
    NetworkFileSystem {
        /// The directory.
        path: PathBuf,
        /// Which file system.
        kind: &'static str,
    },
    /// The database cannot be opened or prepared.
    #[error("cannot open the database at {}: {detail}", path.display())]
    Open {
        /// The database.
        path: PathBuf,
        /// The system's words.
        detail: String,
    },
    /// The database did not answer in time. The work may still be done.
    #[error("the database did not answer within {} s: try again later", waited.as_secs())]
    Timeout {
        /// How long was waited.
        waited: Duration,
    },
    /// The store was closed.
    #[error("the database is closed: the hub is shutting down")]
    Closed,
    /// Something that should not happen; the words are for those who debug it.
    #[error("the database refused an operation ({detail}): report this as a bug")]
    Internal {
        /// What happened.
        detail: String,
    },
}

impl StoreError {
    pub(crate) fn internal(detail: impl ToString) -> Self {
        Self::Internal { detail: detail.to_string() }
    }
}

impl Classified for StoreError {
    fn code(&self) -> &'static str {
        match self {
            Self::IdempotencyConflict => "idempotency_conflict",
            Self::QueueFull { .. } => "queue_full",
            Self::Fenced => "fenced",
            Self::JournalConflict { .. } => "journal_conflict",
            Self::BlobsMissing { .. } => "blobs_missing",
            Self::FilesChanged { .. } => "files_changed",
            Self::TooMuchWritten { .. } => "too_much_written",
            Self::AlreadyDecided { .. } => "already_decided",
            Self::WrongDecision { .. } => "wrong_decision",
            Self::ContentDiffers => "content_differs",
            Self::ScheduleExists { .. } => "schedule_exists",
            Self::TooManySchedules { .. } => "too_many_schedules",
            Self::UnknownCursor => "invalid_cursor",
            Self::UnknownCall { .. } => "unknown_call",
            Self::CallSettled { .. } => "call_settled",
            Self::InstallationBudget => "installation_budget",
            Self::RunClosed => "run_closed",
            Self::UnknownEdge { .. } => "unknown_edge",
            Self::EdgeRevoked { .. } => "edge_revoked",
            Self::EdgeDraining { .. } => "edge_draining",
            Self::SessionReplaced { .. } => "session_replaced",
            Self::DiskFull { .. } => "disk_full",
            Self::DiskFailed { .. } => "disk_failed",
            Self::Corrupt { .. } => "database_corrupt",
            Self::NotADatabase { .. } => "not_a_database",
            Self::NewerSchema { .. } => "newer_schema",
            Self::InUse { .. } => "database_in_use",
            Self::NetworkFileSystem { .. } => "network_file_system",
            Self::Open { .. } => "database_unavailable",
            Self::Timeout { .. } => "store_timeout",
            Self::Closed => "store_closed",
            Self::Internal { .. } => "internal",
        }
    }

    fn is_retryable(&self) -> bool {
        matches!(
            self,
            Self::QueueFull { .. } | Self::DiskFull { .. } | Self::Timeout { .. } | Self::Closed
        )
    }
}
