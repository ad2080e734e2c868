//! The approval queue: what waits for a person, who decides, who is told.

use std::sync::Arc;
use std::time::Duration;

use agentos_domain::{AgentName, Proposal, ProposalId, ToolGrant, ToolName, WorkspaceId};
use agentos_store::{AuditRecord, ProposalFilter, Resolution, Resolved, StoreError};
use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use crate::engine::Shared;
use crate::error::EngineError;
use crate::handle::EngineHandle;

/// How many proposals are told at a time.
const TOLD_AT_ONCE: u32 = 20;
/// How long one telling may take.
const TELL_DEADLINE: Duration = Duration::from_secs(10);
/// Before telling is tried again after it failed.
const TELL_PAUSE: Duration = Duration::from_secs(30);

/// Tells people that a proposal waits for them, or that it has expired. What
/// users, models and files say is no part of that: it leaves the house.
#[async_trait]
pub trait Notifier: Send + Sync + 'static {
    /// Tells of one proposal. The same one may be told twice after a crash.
    ///
    /// # Errors
    /// Where nobody could be reached; it is tried again.
    async fn tell(&self, proposal: &Proposal) -> Result<(), NotifyError>;
}

/// Why nobody could be told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotifyError(pub String);

impl EngineHandle {
    /// A page of proposals, newest first.
    ///
    /// # Errors
    /// Where `before` is no proposal of the workspace.
    pub async fn proposals(
        &self,
        workspace: &WorkspaceId,
        filter: &ProposalFilter,
    ) -> Result<Vec<Proposal>, EngineError> {
        Ok(self.shared.store.proposals(workspace, filter).await?)
    }

    /// A proposal.
    ///
    /// # Errors
    /// Where the workspace has no such proposal.
    pub async fn proposal(
        &self,
        workspace: &WorkspaceId,
        id: &ProposalId,
    ) -> Result<Proposal, EngineError> {
        let proposal = self.shared.store.proposal(workspace, id).await?;
        proposal.ok_or_else(|| missing(id))
    }

    /// Decides a proposal. When this returns, the decision is durable and its
    /// task goes on or has ended; of several decisions one is taken, and the
    /// others are told so.
    ///
    /// # Errors
    /// Where there is no such proposal, it was decided before, the decision
    /// does not answer it, or it is not what the reviewer saw.
    pub async fn resolve(
        &self,
        workspace: &WorkspaceId,
        id: &ProposalId,
        resolution: Resolution,
    ) -> Result<Proposal, EngineError> {
        let shared = Arc::clone(&self.shared);
        let (workspace, proposal) = (workspace.clone(), id.clone());
        let work = async move {
            let now = shared.clock.now();
            agentos_faults::crash_point("hub.resolve.before");
            let resolved = shared.store.resolve(&workspace, &proposal, resolution, now).await?;
            agentos_faults::crash_point("hub.resolve.durable");
            if let Some(resolved) = &resolved {
                shared.publish_resolved(resolved);
            }
            Ok(resolved)
        };
        let resolved = self.shared.to_the_end(work).await?;
        resolved.map(|resolved| resolved.proposal).ok_or_else(|| missing(id))
    }

    /// What agents of a workspace may call without being asked for.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn tool_grants(
        &self,
        workspace: &WorkspaceId,
    ) -> Result<Vec<ToolGrant>, EngineError> {
        Ok(self.shared.store.tool_grants(workspace).await?)
    }

    /// Takes such a grant back.
    ///
    /// # Errors
    /// Where there is none.
    pub async fn revoke_tool_grant(
        &self,
        workspace: &WorkspaceId,
        agent: &AgentName,
        tool: &ToolName,
        by: &str,
    ) -> Result<(), EngineError> {
        let now = self.shared.clock.now();
        if self.shared.store.revoke_tool_grant(workspace, agent, tool, by, now).await? {
            return Ok(());
        }
        Err(EngineError::NotFound(format!("grant of {tool} to {agent}")))
    }

    /// A page of the audit, newest first: lines before `before`.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn audit(
        &self,
        workspace: &WorkspaceId,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Vec<AuditRecord>, EngineError> {
        Ok(self.shared.store.audit(workspace, before, limit).await?)
    }
}

fn missing(id: &ProposalId) -> EngineError {
    EngineError::NotFound(format!("proposal {id} in this workspace"))
}

impl Shared {
    fn publish_resolved(&self, resolved: &Resolved) {
        self.metrics.observe(&resolved.task, std::slice::from_ref(&resolved.step));
        self.events.publish_steps(std::slice::from_ref(&resolved.step));
        self.events.publish_status(&resolved.task);
        self.wake.notify_one();
    }

    /// Denies what nobody decided in time.
    pub(crate) async fn expire_proposals(&self) -> Result<(), StoreError> {
        let expired = self.store.expire_proposals(self.clock.now()).await?;
        for resolved in &expired {
            let proposal = &resolved.proposal;
            tracing::info!(proposal = %proposal.proposal_id, task = %proposal.task_id,
                "nobody decided in time; the call is denied");
            self.publish_resolved(resolved);
        }
        if !expired.is_empty() {
            self.to_tell.notify_one();
        }
        Ok(())
    }
}

/// Tells of proposals until `cancel`.
pub(crate) async fn tell_of_proposals(
    shared: &Shared,
    notifier: &dyn Notifier,
    cancel: &CancellationToken,
) {
    loop {
        let pause = match tell_all(shared, notifier).await {
            Ok(()) => Duration::MAX,
            Err(error) => {
                tracing::warn!(%error, "could not tell of a proposal; trying again");
                TELL_PAUSE
            }
        };
        tokio::select! {
            () = cancel.cancelled() => return,
            () = shared.to_tell.notified() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

async fn tell_all(shared: &Shared, notifier: &dyn Notifier) -> Result<(), NotifyError> {
    let store = |error: StoreError| NotifyError(error.to_string());
    loop {
        let untold = shared.store.untold_proposals(TOLD_AT_ONCE).await.map_err(store)?;
        if untold.is_empty() {
            return Ok(());
        }
        let mut failed = None;
        for proposal in untold {
            let telling = tokio::time::timeout(TELL_DEADLINE, notifier.tell(&proposal)).await;
            match telling.unwrap_or_else(|_| Err(NotifyError("no answer within 10 s".to_owned()))) {
                Ok(()) => {
                    let told = shared.store.proposal_told(&proposal.proposal_id, proposal.status);
                    told.await.map_err(store)?;
                }
                // The others are told all the same.
                Err(error) => failed = Some(error),
            }
        }
        if let Some(error) = failed {
            return Err(error);
        }
    }
}
