//! The contract of the store.

use std::time::Duration;

use agentos_domain::{
    AgentName, AttemptId, BlobHash, EdgeId, ErrorInfo, FileEntry, KeyId, Manifest, NewTask,
    Proposal, ProposalId, ProposalStatus, ProviderName, RelPath, Schedule, ScheduleId,
    SessionEpoch, Slot, Step, Task, TaskId, Timestamp, ToolGrant, ToolName, WorkspaceId,
};
use async_trait::async_trait;

use crate::{
    Append, Appended, AuditRecord, BlobOffer, Cancelled, Claim, Claimed, Created, EdgeRecord,
    Health, HeldLease, KeyRecord, ProposalFilter, ProviderKeyRecord, Redeemed, Resolution,
    Resolved, RunScope, SealedKey, Settle, Settled, StoreError, TaskFilter, TaskLoad,
};

/// Everything that the hub keeps. Each verb is one transaction: when it
/// returns `Ok`, its effect survives a power cut; when it returns `Err`, it had
/// none (but see [`StoreError::Timeout`]). Verbs that read a user's data take
/// the workspace and see nothing outside it.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Accepts a task. The same idempotency key in the same workspace gives
    /// the same task for 24 hours if `request_hash` is the same.
    ///
    /// # Errors
    /// [`StoreError::IdempotencyConflict`] where the hash differs,
    /// [`StoreError::QueueFull`] where `queue_limit` tasks of the workspace wait.
    async fn create_task(
        &self,
        id: TaskId,
        new: NewTask,
        request_hash: [u8; 32],
        queue_limit: u32,
        now: Timestamp,
    ) -> Result<Created, StoreError>;

    /// One task.
    async fn task(&self, ws: &WorkspaceId, id: &TaskId) -> Result<Option<Task>, StoreError>;

    /// A page of tasks, newest first.
    ///
    /// # Errors
    /// [`StoreError::UnknownCursor`] where `before` is no task of the workspace.
    async fn tasks(&self, ws: &WorkspaceId, filter: &TaskFilter) -> Result<Vec<Task>, StoreError>;

    /// The steps of a task after `after_seq`, in order, at most `limit`.
    async fn steps(
        &self,
        ws: &WorkspaceId,
        id: &TaskId,
        after_seq: u64,
        limit: u32,
    ) -> Result<Vec<Step>, StoreError>;

    /// The place of a pending task among those of its workspace: 1 is claimed
    /// next when it is the workspace's turn.
    async fn queue_position(
        &self,
        ws: &WorkspaceId,
        id: &TaskId,
    ) -> Result<Option<u64>, StoreError>;

    /// Gives a pending task to an executor, with a lease whose number is greater
    /// than all before: of the workspace with the fewest runs, or that has waited
    /// longest for its turn, the first by priority and age. The first claim pins the files of the
    /// workspace to the task; later ones get the same snapshot.
    ///
    /// # Errors
    /// [`StoreError::EdgeRevoked`], [`StoreError::EdgeDraining`],
    /// [`StoreError::SessionReplaced`].
    async fn claim_next(&self, claim: Claim) -> Result<Option<Claimed>, StoreError>;

    /// Adds entries to a journal and extends the lease; an entry that ends the
    /// run, and one that waits for a person, end the lease. Entries that are
    /// there already with the same content are accepted again, for writers
    /// whose reply was lost; without a lease only those that ended it. What a
    /// result changed of files is changed in the workspace and in what later
    /// claims of the task get.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] without a lease that matches and has not expired;
    /// [`StoreError::JournalConflict`] where the entries do not continue the
    /// journal. Neither is ever worth a retry.
    /// [`StoreError::BlobsMissing`] where a result's changes refer to content that
    /// nobody has brought; [`StoreError::FilesChanged`] where somebody else has
    /// changed the same files of the workspace since the run saw them.
    async fn append(&self, append: Append) -> Result<Appended, StoreError>;

    /// Extends leases of an edge and notes that it lives. Returns the attempts
    /// whose lease it does not hold (any more).
    async fn renew(
        &self,
        edge: &EdgeId,
        held: &[HeldLease],
        now: Timestamp,
        ttl: Duration,
    ) -> Result<Vec<AttemptId>, StoreError>;

    /// Gives a running task back to the queue, at its old place. `None` if the
    /// lease was not held.
    async fn release(&self, held: &HeldLease, now: Timestamp) -> Result<Option<Task>, StoreError>;

    /// A new session of an edge: ends its leases but those in `kept`, and
    /// returns their tasks. They are pending again, or have failed where their
    /// agent is not to wait.
    async fn release_lost(
        &self,
        edge: &EdgeId,
        kept: &[AttemptId],
        now: Timestamp,
    ) -> Result<Vec<Task>, StoreError>;

    /// Ends the leases whose time is over and returns their tasks, as
    /// [`Store::release_lost`] does.
    async fn expire_leases(&self, now: Timestamp) -> Result<Vec<Task>, StoreError>;

    /// At the hub's start: every lease, expired or not, lasts for `ttl` from
    /// now. Returns how many there are.
    async fn extend_all_leases(&self, now: Timestamp, ttl: Duration) -> Result<u64, StoreError>;

    /// Ends a task for its user. A task that has ended is returned unchanged;
    /// `None` where there is no such task.
    async fn cancel(
        &self,
        ws: &WorkspaceId,
        id: &TaskId,
        reason: &str,
        now: Timestamp,
    ) -> Result<Option<Cancelled>, StoreError>;

    /// Ends a task with an error of the hub's own, such as a deadline. `None`
    /// where there is no such task or it has ended.
    async fn fail(
        &self,
        id: &TaskId,
        error: ErrorInfo,
        now: Timestamp,
    ) -> Result<Option<(Task, Step)>, StoreError>;

    /// A page of proposals, newest first.
    ///
    /// # Errors
    /// [`StoreError::UnknownCursor`] where `before` is no proposal of the workspace.
    async fn proposals(
        &self,
        ws: &WorkspaceId,
        filter: &ProposalFilter,
    ) -> Result<Vec<Proposal>, StoreError>;

    /// One proposal.
    async fn proposal(
        &self,
        ws: &WorkspaceId,
        id: &ProposalId,
    ) -> Result<Option<Proposal>, StoreError>;

    /// Decides a proposal, once: writes the decision into the journal of its
    /// task and into the audit, and queues the task again or ends it. `None`
    /// where there is no such proposal.
    ///
    /// # Errors
    /// [`StoreError::AlreadyDecided`], [`StoreError::WrongDecision`],
    /// [`StoreError::ContentDiffers`].
    async fn resolve(
        &self,
        ws: &WorkspaceId,
        id: &ProposalId,
        resolution: Resolution,
        now: Timestamp,
    ) -> Result<Option<Resolved>, StoreError>;

    /// Denies the proposals whose time to be decided is over.
    async fn expire_proposals(&self, now: Timestamp) -> Result<Vec<Resolved>, StoreError>;

    /// Proposals, of all workspaces, that are new or have expired and whose
    /// state was not told; oldest first, at most `limit`.
    async fn untold_proposals(&self, limit: u32) -> Result<Vec<Proposal>, StoreError>;

    /// Notes that a proposal was told to stand at `status`.
    async fn proposal_told(
        &self,
        id: &ProposalId,
        status: ProposalStatus,
    ) -> Result<(), StoreError>;

    /// What agents of a workspace may call without being asked for.
    async fn tool_grants(&self, ws: &WorkspaceId) -> Result<Vec<ToolGrant>, StoreError>;

    /// Takes such a grant back, for calls that have not begun in a run that is
    /// handed out later. False if there was none.
    async fn revoke_tool_grant(
        &self,
        ws: &WorkspaceId,
        agent: &AgentName,
        tool: &ToolName,
        by: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// A page of the audit, newest first: lines before `before`.
    async fn audit(
        &self,
        ws: &WorkspaceId,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Vec<AuditRecord>, StoreError>;

    /// Makes a token with which one edge can join until `expires`.
    async fn add_join_token(
        &self,
        hash: [u8; 32],
        name: Option<&str>,
        now: Timestamp,
        expires: Timestamp,
    ) -> Result<(), StoreError>;

    /// Uses up a token. On [`Redeemed::Joined`] the edge is known, under the
    /// token's name or else under `name`.
    async fn redeem_join_token(
        &self,
        hash: [u8; 32],
        edge: &EdgeId,
        name: &str,
        now: Timestamp,
    ) -> Result<Redeemed, StoreError>;

    /// All edges, also revoked ones, in the order in which they joined.
    async fn edges(&self) -> Result<Vec<EdgeRecord>, StoreError>;

    /// The id under which the hub's own executor holds leases; made at the
    /// first question. It is none of [`Store::edges`].
    async fn own_executor(&self, now: Timestamp) -> Result<EdgeId, StoreError>;

    /// What a model that is called for a run may do.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] where `edge` does not hold this lease.
    async fn run_scope(
        &self,
        edge: &EdgeId,
        held: &HeldLease,
        now: Timestamp,
    ) -> Result<RunScope, StoreError>;

    /// One edge.
    async fn edge(&self, id: &EdgeId) -> Result<Option<EdgeRecord>, StoreError>;

    /// Shuts an edge out: its session and its leases end. Returns the tasks
    /// that are pending again, or `None` if the edge is unknown or was revoked
    /// before.
    async fn revoke_edge(
        &self,
        id: &EdgeId,
        now: Timestamp,
    ) -> Result<Option<Vec<Task>>, StoreError>;

    /// Has an edge get no more work, or again; what it works on is not touched.
    /// `None` if the edge is unknown or revoked.
    ///
    /// Returns the edge as it now is.
    async fn drain_edge(
        &self,
        id: &EdgeId,
        drain: bool,
        now: Timestamp,
    ) -> Result<Option<EdgeRecord>, StoreError>;

    /// Opens a session; it replaces the edge's older one. The number is
    /// greater than that of every session of every edge before.
    ///
    /// # Errors
    /// [`StoreError::UnknownEdge`], [`StoreError::EdgeRevoked`].
    async fn open_session(
        &self,
        edge: &EdgeId,
        boot_id: &str,
        version: &str,
        now: Timestamp,
    ) -> Result<SessionEpoch, StoreError>;

    /// Closes a session, unless a newer one has replaced it.
    async fn close_session(
        &self,
        edge: &EdgeId,
        epoch: SessionEpoch,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Adds or replaces a file of a workspace; returns the entry as it is
    /// kept. Where its time is unknown it gets `now`, or keeps the time that it
    /// had where the content is the same.
    async fn put_file(
        &self,
        ws: &WorkspaceId,
        path: &RelPath,
        entry: &FileEntry,
        now: Timestamp,
    ) -> Result<FileEntry, StoreError>;

    /// Removes a file of a workspace. False if it had none of that name.
    async fn delete_file(
        &self,
        ws: &WorkspaceId,
        path: &RelPath,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// The files of a workspace as they are now.
    async fn manifest(&self, ws: &WorkspaceId) -> Result<Manifest, StoreError>;

    /// Whether `edge` holds the lease of a task whose snapshot, or what its
    /// steps wrote, holds this content.
    async fn blob_in_lease(
        &self,
        edge: &EdgeId,
        task: &TaskId,
        hash: &BlobHash,
    ) -> Result<bool, StoreError>;

    /// Whether the holder of a lease may bring this content for what its run
    /// writes.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] without a lease that matches and has not expired;
    /// [`StoreError::TooMuchWritten`] beyond the offer's limit.
    async fn admit_blob(&self, offer: &BlobOffer) -> Result<(), StoreError>;

    /// Notes that the content is kept: an append may refer to it.
    ///
    /// # Errors
    /// As of [`Store::admit_blob`].
    async fn note_blob(&self, offer: BlobOffer) -> Result<(), StoreError>;

    /// Adds an API key.
    async fn add_key(&self, key: &KeyRecord) -> Result<(), StoreError>;

    /// The API key with this hash, also if it has expired or was revoked.
    async fn key_by_hash(&self, hash: &[u8; 32]) -> Result<Option<KeyRecord>, StoreError>;

    /// The API keys of a workspace, or of all where none is named, also those
    /// that no longer work; oldest first.
    async fn keys(&self, ws: Option<&WorkspaceId>) -> Result<Vec<KeyRecord>, StoreError>;

    /// Ends an API key of a workspace, or of any where none is named. One that
    /// was revoked before is returned unchanged; `None` where there is no such
    /// key.
    async fn revoke_key(
        &self,
        ws: Option<&WorkspaceId>,
        id: &KeyId,
        now: Timestamp,
    ) -> Result<Option<KeyRecord>, StoreError>;

    /// Notes that an API key is in use. A time before the one that is noted
    /// changes nothing.
    async fn key_used(&self, id: &KeyId, now: Timestamp) -> Result<(), StoreError>;

    /// Keeps a workspace's key of a provider; replaces the one before, and the
    /// time at which that one was first set stays.
    async fn put_provider_key(
        &self,
        ws: &WorkspaceId,
        provider: &ProviderName,
        key: &SealedKey,
        now: Timestamp,
    ) -> Result<ProviderKeyRecord, StoreError>;

    /// A workspace's key of a provider.
    async fn provider_key(
        &self,
        ws: &WorkspaceId,
        provider: &ProviderName,
    ) -> Result<Option<ProviderKeyRecord>, StoreError>;

    /// The provider keys of a workspace, by name.
    async fn provider_keys(&self, ws: &WorkspaceId) -> Result<Vec<ProviderKeyRecord>, StoreError>;

    /// Removes a workspace's key of a provider. False if it had none.
    async fn delete_provider_key(
        &self,
        ws: &WorkspaceId,
        provider: &ProviderName,
    ) -> Result<bool, StoreError>;

    /// The ids of the master keys in use, each with how many provider keys, of
    /// all workspaces, are encrypted under it.
    async fn master_keys(&self) -> Result<Vec<([u8; 8], u64)>, StoreError>;

    /// Keeps a new schedule.
    ///
    /// # Errors
    /// [`StoreError::ScheduleExists`] where the workspace has one of this name,
    /// [`StoreError::TooManySchedules`] where it has `limit`.
    async fn create_schedule(&self, schedule: &Schedule, limit: u32) -> Result<(), StoreError>;

    /// One schedule.
    async fn schedule(
        &self,
        ws: &WorkspaceId,
        id: &ScheduleId,
    ) -> Result<Option<Schedule>, StoreError>;

    /// A page of schedules, newest first: those made before `before`.
    ///
    /// # Errors
    /// [`StoreError::UnknownCursor`] where `before` is no schedule of the workspace.
    async fn schedules(
        &self,
        ws: &WorkspaceId,
        before: Option<&ScheduleId>,
        limit: u32,
    ) -> Result<Vec<Schedule>, StoreError>;

    /// Ends a schedule; from now on it is as if it had never been. Its tasks
    /// stay. False if there was none.
    async fn delete_schedule(&self, ws: &WorkspaceId, id: &ScheduleId) -> Result<bool, StoreError>;

    /// Removes the slots of schedules that were deleted, at most `limit`. True
    /// if there may be more.
    async fn purge_schedules(&self, limit: u32) -> Result<bool, StoreError>;

    /// Pauses a schedule whose next slot is still `expected`. False where it is
    /// another one, where it is paused, and where there is no such schedule.
    async fn pause_schedule(
        &self,
        ws: &WorkspaceId,
        id: &ScheduleId,
        expected: Option<Timestamp>,
    ) -> Result<bool, StoreError>;

    /// Lets a paused schedule go on with the slot `next`. False where it is not
    /// paused and where there is none.
    async fn resume_schedule(
        &self,
        ws: &WorkspaceId,
        id: &ScheduleId,
        next: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Schedules of all workspaces that are to be looked at: their next slot is
    /// due or, where it was held up, is to be tried again. At most `limit`, those
    /// first that have waited longest.
    async fn due_schedules(&self, now: Timestamp, limit: u32) -> Result<Vec<Schedule>, StoreError>;

    /// When the next schedule is to be looked at.
    async fn next_due(&self) -> Result<Option<Timestamp>, StoreError>;

    /// Records slots that are due, makes the task of the newest, and moves the
    /// schedule's next slot on: all of it or, where that slot is another one by
    /// now, nothing. Where the queue is full the newest becomes the next slot,
    /// is held up, and fails when it is recorded as too late. A slot that has a
    /// row keeps it and gets no task.
    async fn settle_slots(&self, settle: Settle) -> Result<Settled, StoreError>;

    /// A page of a schedule's slots, newest first: those before `before`.
    async fn slots(
        &self,
        ws: &WorkspaceId,
        id: &ScheduleId,
        before: Option<Timestamp>,
        limit: u32,
    ) -> Result<Vec<Slot>, StoreError>;

    /// How many tasks wait and run, in all workspaces.
    async fn task_load(&self) -> Result<TaskLoad, StoreError>;

    /// That the store answers and its writer runs.
    async fn check(&self) -> Result<Health, StoreError>;
}
