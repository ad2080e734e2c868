//! The verbs of the engine, for the API.

use std::sync::Arc;
use std::time::Duration;

use agentos_domain::{
    AgentConfig, EdgeId, NewTask, OnEdgeLost, Priority, Privacy, Step, Task, TaskId, TaskStatus,
    WorkspaceId,
};
use agentos_link::{EdgeSession, Transport};
use agentos_store::{Cancelled, Lease, TaskFilter};
use sha2::{Digest, Sha256};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::engine::Shared;
use crate::error::EngineError;
use crate::handover;
use crate::types::{EdgeInfo, Invitation, LiveEvent, LiveKind, Readiness, Submission, Submitted};

/// The agent of a submission that names none.
const DEFAULT_AGENT: &str = "FileOpsAgent";
/// The most steps that one reading of a journal returns.
const STEPS_PAGE: u32 = 10_000;

/// The engine's verbs; cheap to clone.
#[derive(Clone)]
pub struct EngineHandle {
    pub(crate) shared: Arc<Shared>,
}

impl EngineHandle {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Sets the agents beside the built-in ones; one of the same name replaces
    /// a built-in. Tasks that were accepted before keep theirs.
    pub fn set_agents(&self, agents: Vec<AgentConfig>) {
        self.shared.set_agents(agents);
    }

    /// Accepts a task. When this returns, the task is durable.
    ///
    /// # Errors
    /// Where the submission is invalid, its idempotency key was used for
    /// another one, or the store cannot keep it.
    pub async fn submit(&self, submission: Submission) -> Result<Submitted, EngineError> {
        let (new, request_hash) = self.shared.prepare(submission)?;
        let now = self.shared.clock.now();
        let (id, limit) = (TaskId::generate(), self.shared.config.queue_limit);
        agentos_faults::crash_point("hub.submit.before");
        let created = self.shared.store.create_task(id, new, request_hash, limit, now).await?;
        agentos_faults::crash_point("hub.submit.durable");
        self.shared.wake.notify_one();
        Ok(Submitted { task: created.task, replayed: created.replayed })
    }

    /// The names of the agents that there are.
    #[must_use]
    pub fn agents(&self) -> Vec<String> {
        self.shared.agent_names()
    }

    /// A task.
    ///
    /// # Errors
    /// Where the workspace has no such task.
    pub async fn task(&self, workspace: &WorkspaceId, id: &TaskId) -> Result<Task, EngineError> {
        let task = self.shared.store.task(workspace, id).await?;
        task.ok_or_else(|| EngineError::NotFound(format!("task {id} in this workspace")))
    }

    /// Waits until a task ends or needs a person, at most for `limit`; returns
    /// the task as it then is.
    ///
    /// # Errors
    /// Where the workspace has no such task.
    pub async fn wait(
        &self,
        workspace: &WorkspaceId,
        id: &TaskId,
        limit: Duration,
    ) -> Result<Task, EngineError> {
        let settled = async {
            let mut events = self.shared.events.subscribe(id);
            loop {
                let task = self.task(workspace, id).await?;
                if task.status.is_final() || task.status == TaskStatus::WaitingApproval {
                    return Ok(task);
                }
                match next_status(&mut events, self.shared.config.look_again).await {
                    Ok(()) | Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => events = self.shared.events.subscribe(id),
                }
            }
        };
        match tokio::time::timeout(limit, settled).await {
            Ok(task) => task,
            Err(_) => self.task(workspace, id).await,
        }
    }

    /// How many pending tasks come before this one, itself included.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn queue_position(
        &self,
        workspace: &WorkspaceId,
        id: &TaskId,
    ) -> Result<Option<u64>, EngineError> {
        Ok(self.shared.store.queue_position(workspace, id).await?)
    }

    /// Tasks of a workspace, newest first.
    ///
    /// # Errors
    /// Where the cursor is unknown or the store fails.
    pub async fn tasks(
        &self,
        workspace: &WorkspaceId,
        filter: &TaskFilter,
    ) -> Result<Vec<Task>, EngineError> {
        Ok(self.shared.store.tasks(workspace, filter).await?)
    }

    /// The journal of a task after `after_seq`.
    ///
    /// # Errors
    /// Where the workspace has no such task.
    pub async fn steps(
        &self,
        workspace: &WorkspaceId,
        id: &TaskId,
        after_seq: u64,
    ) -> Result<Vec<Step>, EngineError> {
        self.task(workspace, id).await?;
        Ok(self.shared.store.steps(workspace, id, after_seq, STEPS_PAGE).await?)
    }

    /// Ends a task. The end is durable at once; the edge is told to stop the
    /// model and the tool, and can write nothing more whether it hears or not.
    ///
    /// # Errors
    /// Where the workspace has no such task.
    pub async fn cancel(
        &self,
        workspace: &WorkspaceId,
        id: &TaskId,
        reason: &str,
    ) -> Result<Task, EngineError> {
        let now = self.shared.clock.now();
        let shared = Arc::clone(&self.shared);
        let (in_workspace, task, reason) = (workspace.clone(), id.clone(), reason.to_owned());
        let work = async move {
            let cancelled = shared.store.cancel(&in_workspace, &task, &reason, now).await?;
            agentos_faults::crash_point("hub.cancel.durable");
            if let Some(Cancelled { task, step: Some(step), .. }) = &cancelled {
                shared.events.publish_steps(std::slice::from_ref(step));
                shared.events.publish_status(task);
                shared.metrics.observe(task, std::slice::from_ref(step));
            }
            Ok(cancelled)
        };
        let cancelled = self.shared.to_the_end(work).await?;
        let cancelled = cancelled
            .ok_or_else(|| EngineError::NotFound(format!("task {id} in this workspace")))?;
        if let Some(lease) = cancelled.lease {
            self.stop_attempt(&lease).await;
            agentos_faults::crash_point("hub.cancel.passed_on");
        }
        Ok(cancelled.task)
    }

    async fn stop_attempt(&self, lease: &Lease) {
        let Some(session) = self.session(&lease.edge) else { return };
        if let Err(status) = handover::cancel(&session, &lease.attempt).await {
            // The edge learns from its next heartbeat that the lease is gone.
            tracing::warn!(edge = %lease.edge, message = status.message(),
                "the edge did not take a cancellation");
        }
    }

    fn session(&self, edge: &EdgeId) -> Option<EdgeSession> {
        self.shared.link.get().and_then(|link| link.session(edge))
    }

    /// All edges that ever joined.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn edges(&self) -> Result<Vec<EdgeInfo>, EngineError> {
        let records = self.shared.store.edges().await?;
        Ok(records.into_iter().map(|record| self.edge_info(record)).collect())
    }

    fn edge_info(&self, record: agentos_store::EdgeRecord) -> EdgeInfo {
        let session = self.session(&record.edge_id);
        let load = self.shared.loads().get(&record.edge_id).cloned();
        EdgeInfo {
            connected: session.is_some(),
            transport: session.as_ref().map(|session| transport_name(session.transport)),
            session_epoch: session.as_ref().map(|session| session.epoch),
            load: load.filter(|_| session.is_some()),
            edge_id: record.edge_id,
            name: record.name,
            version: record.version,
            joined_at: record.joined_at,
            last_seen_at: record.last_seen_at,
            revoked_at: record.revoked_at,
            draining_since: record.draining_since,
        }
    }

    /// Has an edge get no more work (`drain`), or again; what it works on goes
    /// on to its end there.
    ///
    /// # Errors
    /// Where there is no such edge, or it was revoked.
    pub async fn drain(&self, edge: &EdgeId, drain: bool) -> Result<EdgeInfo, EngineError> {
        let now = self.shared.clock.now();
        let record = self.shared.store.drain_edge(edge, drain, now).await?;
        let record = record.ok_or_else(|| EngineError::NotFound(format!("edge {edge}")))?;
        tracing::info!(%edge, drain, "an edge is drained, or works again");
        self.shared.wake.notify_one();
        Ok(self.edge_info(record))
    }

    /// Makes a one-time token by which an edge joins.
    ///
    /// # Errors
    /// Where the link is not up or the store fails.
    pub async fn invite(&self, name: Option<&str>) -> Result<Invitation, EngineError> {
        let link = self.shared.link.get().ok_or(EngineError::Stopping)?;
        let (token, hash) = link.new_join_token();
        let now = self.shared.clock.now();
        let expires_at = now.plus(self.shared.config.invitation_ttl);
        self.shared.store.add_join_token(hash, name, now, expires_at).await?;
        let link_port = link.local_addr().port();
        Ok(Invitation { token: token.to_string(), expires_at, link_port })
    }

    /// Shuts an edge out for good and cuts its link; returns whether there was
    /// such an edge.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn revoke(&self, edge: &EdgeId) -> Result<bool, EngineError> {
        let (shared, edge) = (Arc::clone(&self.shared), edge.clone());
        let work = async move {
            let tasks = shared.store.revoke_edge(&edge, shared.clock.now()).await?;
            // Also where it had been revoked before: to be sure costs nothing.
            if let Some(link) = shared.link.get() {
                link.disconnect(&edge, "revoked");
            }
            shared.publish_requeued(tasks.as_deref().unwrap_or_default());
            Ok(tasks.is_some())
        };
        Ok(self.shared.to_the_end(work).await?)
    }

    /// Whether tasks can run now.
    pub async fn readiness(&self) -> Readiness {
        let database = self.shared.store.check().await.is_ok();
        let edges_connected = self.shared.edges_in_session().len();
        let models = self.shared.loads().values().map(|load| load.models.len()).sum();
        let ready = database && edges_connected > 0 && models > 0;
        Readiness { ready, database, edges_connected, models }
    }
}

impl Shared {
    /// What a submission comes to, and what makes two of them the same.
    ///
    /// # Errors
    /// [`EngineError::Invalid`] where there is no such agent, or it has no such
    /// tool.
    pub(crate) fn prepare(
        &self,
        submission: Submission,
    ) -> Result<(NewTask, [u8; 32]), EngineError> {
        let request_hash = request_hash(&submission);
        let agent = self.agent_for(&submission)?;
        if let Some(tool) = &submission.first_tool
            && !agent.tools.contains(tool)
        {
            let known: Vec<_> = agent.tools.iter().map(ToString::to_string).collect();
            let known = known.join(", ");
            let message = format!("{} has no tool `{tool}`: use one of {known}", agent.name);
            return Err(EngineError::Invalid(message));
        }
        let (on_edge_lost, privacy) = self.placement(&submission, &agent);
        let new = NewTask {
            workspace_id: submission.workspace_id,
            user_input: submission.input,
            on_edge_lost,
            privacy,
            key_id: submission.key_id,
            agent,
            first_tool: submission.first_tool,
            session: submission.session,
            idempotency_key: submission.idempotency_key,
            request_id: submission.request_id,
            priority: submission.priority,
        };
        Ok((new, request_hash))
    }

    /// Where a task may be worked on, and where what it says may go. For the
    /// first the task's own word counts most; the second is as strict as the
    /// strictest says.
    fn placement(&self, submission: &Submission, agent: &AgentConfig) -> (OnEdgeLost, Privacy) {
        let config = &self.config;
        let on_edge_lost =
            submission.on_edge_lost.or(agent.on_edge_lost).unwrap_or(config.on_edge_lost);
        let workspace = match config.local_only_workspaces.contains(&submission.workspace_id) {
            true => Some(Privacy::LocalOnly),
            false => None,
        };
        let said = [submission.privacy, agent.privacy, workspace];
        let privacy = said.into_iter().flatten().max().unwrap_or_default().max(config.privacy);
        (on_edge_lost, privacy)
    }

    fn agent_for(&self, submission: &Submission) -> Result<AgentConfig, EngineError> {
        let name = submission.agent.as_deref().unwrap_or(DEFAULT_AGENT);
        let mut agent = self.agent(name).map_err(|known| {
            let known = known.join(", ");
            EngineError::Invalid(format!("there is no agent `{name}`: use one of {known}"))
        })?;
        if let Some(max_tokens) = submission.max_tokens {
            agent.sampling.max_tokens = max_tokens;
        }
        if let Some(temperature) = submission.temperature {
            agent.sampling.temperature = temperature;
        }
        agent.model_tier = submission.tier.unwrap_or(agent.model_tier);
        agent.sampling.seed = submission.seed.or(agent.sampling.seed);
        Ok(agent)
    }
}

/// Returns at the next status, or after `limit` all the same: whoever waits
/// looks at the store again.
async fn next_status(
    events: &mut broadcast::Receiver<LiveEvent>,
    limit: Duration,
) -> Result<(), RecvError> {
    let status = async {
        loop {
            if matches!(events.recv().await?.kind, LiveKind::Status(_)) {
                return Ok(());
            }
        }
    };
    tokio::time::timeout(limit, status).await.unwrap_or(Ok(()))
}

fn transport_name(transport: Transport) -> &'static str {
    match transport {
        Transport::Quic => "quic",
        Transport::Tcp => "tcp",
        Transport::Memory => "memory",
    }
}

/// What makes two submissions the same request.
fn request_hash(submission: &Submission) -> [u8; 32] {
    let mut same = serde_json::json!({
        "input": submission.input,
        "agent": submission.agent,
        "tier": submission.tier,
        "first_tool": submission.first_tool,
        "session": submission.session,
        "max_tokens": submission.max_tokens,
        "temperature": submission.temperature,
        "seed": submission.seed,
    });
    // Left out where it is as usual, as in requests from before there was one.
    if submission.priority != Priority::default() {
        same["priority"] = serde_json::json!(submission.priority);
    }
    if let Some(on_edge_lost) = submission.on_edge_lost {
        same["on_edge_lost"] = serde_json::json!(on_edge_lost);
    }
    if let Some(privacy) = submission.privacy {
        same["privacy"] = serde_json::json!(privacy);
    }
    Sha256::digest(same.to_string().as_bytes()).into()
}
