//! Each verb of the contract as one operation of the writer or one read.

use std::time::Duration;

use agentos_domain::{
    AgentName, AttemptId, BlobHash, EdgeId, ErrorInfo, FileEntry, KeyId, Manifest, NewTask,
    Proposal, ProposalId, ProposalStatus, ProviderName, RelPath, Schedule, ScheduleId,
    SessionEpoch, Slot, Step, Task, TaskId, Timestamp, ToolGrant, ToolName, WorkspaceId,
};
use async_trait::async_trait;

use super::open::SCHEMA_VERSION;
use super::{
    SqliteStore, audit, changes, edges, files, journal, keys, leases, proposals, provider_keys,
    queue, schedules, tasks,
};
use crate::{
    Append, Appended, AuditRecord, BlobOffer, Cancelled, Claim, Claimed, Created, EdgeRecord,
    Health, HeldLease, KeyRecord, ProposalFilter, ProviderKeyRecord, Redeemed, Resolution,
    Resolved, RunScope, SealedKey, Settle, Settled, Store, StoreError, TaskFilter, TaskLoad,
};

#[async_trait]
impl Store for SqliteStore {
    async fn create_task(
        &self,
        id: TaskId,
        new: NewTask,
        request_hash: [u8; 32],
        queue_limit: u32,
        now: Timestamp,
    ) -> Result<Created, StoreError> {
        self.write(move |tx| tasks::create(tx.conn, &id, &new, &request_hash, queue_limit, now))
            .await
    }

    async fn task(&self, ws: &WorkspaceId, id: &TaskId) -> Result<Option<Task>, StoreError> {
        let (ws, id) = (ws.clone(), id.clone());
        self.read(move |conn| tasks::by_id(conn, &ws, &id)).await
    }

    async fn tasks(&self, ws: &WorkspaceId, filter: &TaskFilter) -> Result<Vec<Task>, StoreError> {
        let (ws, filter) = (ws.clone(), filter.clone());
        self.read(move |conn| tasks::list(conn, &ws, &filter)).await
    }

    async fn steps(
        &self,
        ws: &WorkspaceId,
        id: &TaskId,
        after_seq: u64,
        limit: u32,
    ) -> Result<Vec<Step>, StoreError> {
        let (ws, id) = (ws.clone(), id.clone());
        self.read(move |conn| tasks::steps(conn, &ws, &id, after_seq, limit)).await
    }

    async fn queue_position(
        &self,
        ws: &WorkspaceId,
        id: &TaskId,
    ) -> Result<Option<u64>, StoreError> {
        let (ws, id) = (ws.clone(), id.clone());
        self.read(move |conn| queue::position(conn, &ws, &id)).await
    }

    async fn claim_next(&self, claim: Claim) -> Result<Option<Claimed>, StoreError> {
        self.write(move |tx| leases::claim_next(tx.conn, &claim)).await
    }

    async fn append(&self, append: Append) -> Result<Appended, StoreError> {
        self.write(move |tx| journal::append(tx, &append)).await
    }

    async fn renew(
        &self,
        edge: &EdgeId,
        held: &[HeldLease],
        now: Timestamp,
        ttl: Duration,
    ) -> Result<Vec<AttemptId>, StoreError> {
        let (edge, held) = (edge.clone(), held.to_vec());
        self.write(move |tx| leases::renew(tx.conn, &edge, &held, now, ttl)).await
    }

    async fn release(&self, held: &HeldLease, now: Timestamp) -> Result<Option<Task>, StoreError> {
        let held = held.clone();
        self.write(move |tx| leases::release(tx.conn, &held, now)).await
    }

    async fn release_lost(
        &self,
        edge: &EdgeId,
        kept: &[AttemptId],
        now: Timestamp,
    ) -> Result<Vec<Task>, StoreError> {
        let (edge, kept) = (edge.clone(), kept.to_vec());
        self.write(move |tx| leases::release_lost(tx.conn, &edge, &kept, now)).await
    }

    async fn expire_leases(&self, now: Timestamp) -> Result<Vec<Task>, StoreError> {
        self.write(move |tx| leases::expire(tx.conn, now)).await
    }

    async fn extend_all_leases(&self, now: Timestamp, ttl: Duration) -> Result<u64, StoreError> {
        self.write(move |tx| leases::extend_all(tx.conn, now, ttl)).await
    }

    async fn cancel(
        &self,
        ws: &WorkspaceId,
        id: &TaskId,
        reason: &str,
        now: Timestamp,
    ) -> Result<Option<Cancelled>, StoreError> {
        let (ws, id, reason) = (ws.clone(), id.clone(), reason.to_owned());
        self.write(move |tx| journal::cancel(tx.conn, &ws, &id, &reason, now)).await
    }

    async fn fail(
        &self,
        id: &TaskId,
        error: ErrorInfo,
        now: Timestamp,
    ) -> Result<Option<(Task, Step)>, StoreError> {
        let id = id.clone();
        self.write(move |tx| journal::fail(tx.conn, &id, error, now)).await
    }

    async fn proposals(
        &self,
        ws: &WorkspaceId,
        filter: &ProposalFilter,
    ) -> Result<Vec<Proposal>, StoreError> {
        let (ws, filter) = (ws.clone(), filter.clone());
        self.read(move |conn| proposals::list(conn, &ws, &filter)).await
    }

    async fn proposal(
        &self,
        ws: &WorkspaceId,
        id: &ProposalId,
    ) -> Result<Option<Proposal>, StoreError> {
        let (ws, id) = (ws.clone(), id.clone());
        self.read(move |conn| proposals::by_id(conn, &ws, &id)).await
    }

    async fn resolve(
        &self,
        ws: &WorkspaceId,
        id: &ProposalId,
        resolution: Resolution,
        now: Timestamp,
    ) -> Result<Option<Resolved>, StoreError> {
        let (ws, id) = (ws.clone(), id.clone());
        self.write(move |tx| proposals::resolve(tx.conn, &ws, &id, &resolution, now)).await
    }

    async fn expire_proposals(&self, now: Timestamp) -> Result<Vec<Resolved>, StoreError> {
        self.write(move |tx| proposals::expire(tx.conn, now)).await
    }

    async fn untold_proposals(&self, limit: u32) -> Result<Vec<Proposal>, StoreError> {
        self.read(move |conn| proposals::untold(conn, limit)).await
    }

    async fn proposal_told(
        &self,
        id: &ProposalId,
        status: ProposalStatus,
    ) -> Result<(), StoreError> {
        let id = id.clone();
        self.write(move |tx| proposals::told(tx.conn, &id, status)).await
    }

    async fn tool_grants(&self, ws: &WorkspaceId) -> Result<Vec<ToolGrant>, StoreError> {
        let ws = ws.clone();
        self.read(move |conn| proposals::grants(conn, &ws)).await
    }

    async fn revoke_tool_grant(
        &self,
        ws: &WorkspaceId,
        agent: &AgentName,
        tool: &ToolName,
        by: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let (ws, agent, tool, by) = (ws.clone(), agent.clone(), tool.clone(), by.to_owned());
        self.write(move |tx| proposals::revoke_grant(tx.conn, &ws, &agent, &tool, &by, now)).await
    }

    async fn audit(
        &self,
        ws: &WorkspaceId,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        let ws = ws.clone();
        self.read(move |conn| audit::list(conn, &ws, before, limit)).await
    }

    async fn add_join_token(
        &self,
        hash: [u8; 32],
        name: Option<&str>,
        now: Timestamp,
        expires: Timestamp,
    ) -> Result<(), StoreError> {
        let name = name.map(ToOwned::to_owned);
        self.write(move |tx| edges::add_token(tx.conn, &hash, name.as_deref(), now, expires)).await
    }

    async fn redeem_join_token(
        &self,
        hash: [u8; 32],
        edge: &EdgeId,
        name: &str,
        now: Timestamp,
    ) -> Result<Redeemed, StoreError> {
        let (edge, name) = (edge.clone(), name.to_owned());
        self.write(move |tx| edges::redeem(tx.conn, &hash, &edge, &name, now)).await
    }

    async fn edges(&self) -> Result<Vec<EdgeRecord>, StoreError> {
        self.read(edges::list).await
    }

    async fn own_executor(&self, now: Timestamp) -> Result<EdgeId, StoreError> {
        self.write(move |tx| edges::own_executor(tx.conn, now)).await
    }

    async fn run_scope(
        &self,
        edge: &EdgeId,
        held: &HeldLease,
        now: Timestamp,
    ) -> Result<RunScope, StoreError> {
        let (edge, held) = (edge.clone(), held.clone());
        self.read(move |conn| leases::scope(conn, &edge, &held, now)).await
    }

    async fn edge(&self, id: &EdgeId) -> Result<Option<EdgeRecord>, StoreError> {
        let id = id.clone();
        self.read(move |conn| edges::by_id(conn, &id)).await
    }

    async fn revoke_edge(
        &self,
        id: &EdgeId,
        now: Timestamp,
    ) -> Result<Option<Vec<Task>>, StoreError> {
        let id = id.clone();
        self.write(move |tx| edges::revoke(tx.conn, &id, now)).await
    }

    async fn drain_edge(
        &self,
        id: &EdgeId,
        drain: bool,
        now: Timestamp,
    ) -> Result<Option<EdgeRecord>, StoreError> {
        let id = id.clone();
        self.write(move |tx| edges::drain(tx.conn, &id, drain, now)).await
    }

    async fn open_session(
        &self,
        edge: &EdgeId,
        boot_id: &str,
        version: &str,
        now: Timestamp,
    ) -> Result<SessionEpoch, StoreError> {
        let (edge, boot_id, version) = (edge.clone(), boot_id.to_owned(), version.to_owned());
        self.write(move |tx| edges::open_session(tx.conn, &edge, &boot_id, &version, now)).await
    }

    async fn close_session(
        &self,
        edge: &EdgeId,
        epoch: SessionEpoch,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let edge = edge.clone();
        self.write(move |tx| edges::close_session(tx.conn, &edge, epoch, now)).await
    }

    async fn put_file(
        &self,
        ws: &WorkspaceId,
        path: &RelPath,
        entry: &FileEntry,
        now: Timestamp,
    ) -> Result<FileEntry, StoreError> {
        let (ws, path, entry) = (ws.clone(), path.clone(), entry.clone());
        self.write(move |tx| files::put(tx.conn, &ws, &path, &entry, now)).await
    }

    async fn delete_file(
        &self,
        ws: &WorkspaceId,
        path: &RelPath,
        _now: Timestamp,
    ) -> Result<bool, StoreError> {
        let (ws, path) = (ws.clone(), path.clone());
        self.write(move |tx| files::delete(tx.conn, &ws, &path)).await
    }

    async fn manifest(&self, ws: &WorkspaceId) -> Result<Manifest, StoreError> {
        let ws = ws.clone();
        self.read(move |conn| files::manifest(conn, &ws)).await
    }

    async fn blob_in_lease(
        &self,
        edge: &EdgeId,
        task: &TaskId,
        hash: &BlobHash,
    ) -> Result<bool, StoreError> {
        let (edge, task, hash) = (edge.clone(), task.clone(), *hash);
        self.read(move |conn| files::blob_in_lease(conn, &edge, &task, &hash)).await
    }

    async fn admit_blob(&self, offer: &BlobOffer) -> Result<(), StoreError> {
        let offer = offer.clone();
        self.read(move |conn| changes::admit(conn, &offer)).await
    }

    async fn note_blob(&self, offer: BlobOffer) -> Result<(), StoreError> {
        self.write(move |tx| changes::note(tx.conn, &offer)).await
    }

    async fn add_key(&self, key: &KeyRecord) -> Result<(), StoreError> {
        let key = key.clone();
        self.write(move |tx| keys::add(tx.conn, &key)).await
    }

    async fn key_by_hash(&self, hash: &[u8; 32]) -> Result<Option<KeyRecord>, StoreError> {
        let hash = *hash;
        self.read(move |conn| keys::by_hash(conn, &hash)).await
    }

    async fn keys(&self, ws: Option<&WorkspaceId>) -> Result<Vec<KeyRecord>, StoreError> {
        let ws = ws.cloned();
        self.read(move |conn| keys::list(conn, ws.as_ref())).await
    }

    async fn revoke_key(
        &self,
        ws: Option<&WorkspaceId>,
        id: &KeyId,
        now: Timestamp,
    ) -> Result<Option<KeyRecord>, StoreError> {
        let (ws, id) = (ws.cloned(), id.clone());
        self.write(move |tx| keys::revoke(tx.conn, ws.as_ref(), &id, now)).await
    }

    async fn key_used(&self, id: &KeyId, now: Timestamp) -> Result<(), StoreError> {
        let id = id.clone();
        self.write(move |tx| keys::used(tx.conn, &id, now)).await
    }

    async fn put_provider_key(
        &self,
        ws: &WorkspaceId,
        provider: &ProviderName,
        key: &SealedKey,
        now: Timestamp,
    ) -> Result<ProviderKeyRecord, StoreError> {
        let (ws, provider, key) = (ws.clone(), provider.clone(), key.clone());
        self.write(move |tx| provider_keys::put(tx.conn, &ws, &provider, &key, now)).await
    }

    async fn provider_key(
        &self,
        ws: &WorkspaceId,
        provider: &ProviderName,
    ) -> Result<Option<ProviderKeyRecord>, StoreError> {
        let (ws, provider) = (ws.clone(), provider.clone());
        self.read(move |conn| provider_keys::by_name(conn, &ws, &provider)).await
    }

    async fn provider_keys(&self, ws: &WorkspaceId) -> Result<Vec<ProviderKeyRecord>, StoreError> {
        let ws = ws.clone();
        self.read(move |conn| provider_keys::list(conn, &ws)).await
    }

    async fn delete_provider_key(
        &self,
        ws: &WorkspaceId,
        provider: &ProviderName,
    ) -> Result<bool, StoreError> {
        let (ws, provider) = (ws.clone(), provider.clone());
        self.write(move |tx| provider_keys::delete(tx.conn, &ws, &provider)).await
    }

    async fn master_keys(&self) -> Result<Vec<([u8; 8], u64)>, StoreError> {
        self.read(provider_keys::master_keys).await
    }

    async fn create_schedule(&self, schedule: &Schedule, limit: u32) -> Result<(), StoreError> {
        let schedule = schedule.clone();
        self.write(move |tx| schedules::create(tx.conn, &schedule, limit)).await
    }

    async fn schedule(
        &self,
        ws: &WorkspaceId,
        id: &ScheduleId,
    ) -> Result<Option<Schedule>, StoreError> {
        let (ws, id) = (ws.clone(), id.clone());
        self.read(move |conn| schedules::by_id(conn, &ws, &id)).await
    }

    async fn schedules(
        &self,
        ws: &WorkspaceId,
        before: Option<&ScheduleId>,
        limit: u32,
    ) -> Result<Vec<Schedule>, StoreError> {
        let (ws, before) = (ws.clone(), before.cloned());
        self.read(move |conn| schedules::list(conn, &ws, before.as_ref(), limit)).await
    }

    async fn delete_schedule(&self, ws: &WorkspaceId, id: &ScheduleId) -> Result<bool, StoreError> {
        let (ws, id) = (ws.clone(), id.clone());
        self.write(move |tx| schedules::delete(tx.conn, &ws, &id)).await
    }

    async fn purge_schedules(&self, limit: u32) -> Result<bool, StoreError> {
        // Asked often, and seldom there is anything: that costs no transaction.
        if !self.read(schedules::any_deleted).await? {
            return Ok(false);
        }
        self.write(move |tx| schedules::purge(tx.conn, limit)).await
    }

    async fn pause_schedule(
        &self,
        ws: &WorkspaceId,
        id: &ScheduleId,
        expected: Option<Timestamp>,
    ) -> Result<bool, StoreError> {
        let (ws, id) = (ws.clone(), id.clone());
        self.write(move |tx| schedules::pause(tx.conn, &ws, &id, expected)).await
    }

    async fn resume_schedule(
        &self,
        ws: &WorkspaceId,
        id: &ScheduleId,
        next: Timestamp,
    ) -> Result<bool, StoreError> {
        let (ws, id) = (ws.clone(), id.clone());
        self.write(move |tx| schedules::resume(tx.conn, &ws, &id, next)).await
    }

    async fn due_schedules(&self, now: Timestamp, limit: u32) -> Result<Vec<Schedule>, StoreError> {
        self.read(move |conn| schedules::due(conn, now, limit)).await
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        self.read(schedules::next_due).await
    }

    async fn settle_slots(&self, settle: Settle) -> Result<Settled, StoreError> {
        self.write(move |tx| schedules::settle(tx.conn, &settle)).await
    }

    async fn slots(
        &self,
        ws: &WorkspaceId,
        id: &ScheduleId,
        before: Option<Timestamp>,
        limit: u32,
    ) -> Result<Vec<Slot>, StoreError> {
        let (ws, id) = (ws.clone(), id.clone());
        self.read(move |conn| schedules::slots(conn, &ws, &id, before, limit)).await
    }

    async fn task_load(&self) -> Result<TaskLoad, StoreError> {
        self.read(tasks::load).await
    }

    async fn check(&self) -> Result<Health, StoreError> {
        if !self.is_writing() {
            return Err(StoreError::Closed);
        }
        let tasks = self.read(tasks::count).await?;
        Ok(Health { schema_version: SCHEMA_VERSION, tasks })
    }
}
