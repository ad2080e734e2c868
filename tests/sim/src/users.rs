//! The users: they ask for tasks, decide what waits for a person, and remember
//! everything that they were promised.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use agentos_domain::{
    Classified as _, Decision, GrantScope, Priority, Privacy, ProposalId, ProposalKind,
    ProposalStatus, TaskId, TaskStatus, WorkspaceId,
};
use agentos_engine::{EngineError, EngineHandle, ProposalFilter, Resolution, Submission};

use crate::site::{BOLD, CAREFUL, HASTY, ROAMING, Site};

/// Between two looks of a reviewer, in milliseconds.
const REVIEW_MS: (u64, u64) = (200, 3000);
/// Before a request that failed is made again, in milliseconds.
const RETRY_MS: (u64, u64) = (100, 1000);
/// How long a request may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// What users were told.
#[derive(Debug, Default)]
pub(crate) struct Promises {
    /// Tasks that were accepted, with their plans.
    pub(crate) tasks: BTreeMap<TaskId, String>,
    /// Tasks whose end by their user was confirmed.
    pub(crate) cancelled: Vec<TaskId>,
    /// Decisions that were confirmed.
    pub(crate) decided: BTreeMap<ProposalId, Decision>,
    /// How often somebody had a call made again, by its key.
    pub(crate) retries: BTreeMap<String, usize>,
}

pub(crate) struct Users {
    site: Arc<Site>,
    promises: Mutex<Promises>,
}

impl Users {
    pub(crate) fn new(site: &Arc<Site>) -> Arc<Self> {
        Arc::new(Self { site: Arc::clone(site), promises: Mutex::default() })
    }

    pub(crate) fn promises(&self) -> MutexGuard<'_, Promises> {
        self.promises.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One request to the hub that runs now. `None`: there was no answer.
    async fn ask<T, F>(&self, request: impl FnOnce(EngineHandle) -> F) -> Option<T>
    where
        F: Future<Output = T>,
    {
        let hub = self.site.hub_up().await;
        let answer = hub.life.while_alive(request(hub.engine.clone()));
        tokio::time::timeout(PATIENCE, answer).await.ok().flatten()
    }

    async fn pause(&self, (low, high): (u64, u64)) {
        tokio::time::sleep(self.site.world.dice.millis(low, high)).await;
    }

    /// Asks for one task until it is accepted; perhaps twice; and perhaps ends
    /// it.
    pub(crate) async fn work(self: Arc<Self>, number: usize) {
        let (world, dice) = (&self.site.world, &self.site.world.dice);
        tokio::time::sleep(dice.millis(0, 40_000)).await;
        let plan = plan(dice);
        let workspace = dice.pick(&["default", "other"]).parse().unwrap_or_default();
        let submission = Submission {
            agent: Some(dice.pick(&[BOLD, CAREFUL, ROAMING, CAREFUL, HASTY]).to_owned()),
            privacy: dice.chance(0.2).then_some(Privacy::LocalOnly),
            idempotency_key: Some(format!("key-{number}")),
            priority: dice.pick(&[Priority::Low, Priority::Normal, Priority::High]),
            ..Submission::new(workspace, plan.clone())
        };
        let id = self.submit(&submission).await;
        world.note(format_args!("accepted {id}: {plan}"));
        self.promises().tasks.insert(id.clone(), plan);
        if dice.chance(0.2) {
            let again = self.submit(&submission).await;
            if again != id {
                world.violated(format_args!("one key, two tasks: {id} and {again}"));
            }
        }
        if dice.chance(0.15) {
            self.pause((0, 20_000)).await;
            self.cancel(&submission.workspace_id, &id).await;
        }
    }

    async fn submit(&self, submission: &Submission) -> TaskId {
        loop {
            let request = submission.clone();
            let answer = self.ask(|hub| async move { hub.submit(request).await }).await;
            match answer {
                Some(Ok(submitted)) => return submitted.task.task_id,
                Some(Err(error)) => self.expected(&error, "submit"),
                None => {}
            }
            self.pause(RETRY_MS).await;
        }
    }

    async fn cancel(&self, workspace: &WorkspaceId, id: &TaskId) {
        loop {
            let (ws, task) = (workspace.clone(), id.clone());
            let answer = self.ask(|hub| async move { hub.cancel(&ws, &task, "enough").await });
            match answer.await {
                Some(Ok(task)) => {
                    self.site.world.note(format_args!("cancelled {id}: {}", task.status));
                    if task.status == TaskStatus::Cancelled {
                        self.promises().cancelled.push(id.clone());
                    }
                    return;
                }
                Some(Err(error)) => self.expected(&error, "cancel"),
                None => {}
            }
            self.pause(RETRY_MS).await;
        }
    }

    /// A failing disk may refuse; anything else is wrong.
    fn expected(&self, error: &EngineError, what: &str) {
        if !error.is_retryable() && !matches!(error.code(), "disk_full" | "disk_failed") {
            self.site.world.violated(format_args!("{what}: {}: {error}", error.code()));
        }
    }

    /// Decides what waits, for ever.
    pub(crate) async fn review(self: Arc<Self>) {
        loop {
            self.pause(REVIEW_MS).await;
            for workspace in ["default", "other"] {
                let workspace: WorkspaceId = workspace.parse().unwrap_or_default();
                self.review_in(&workspace).await;
            }
        }
    }

    async fn review_in(&self, workspace: &WorkspaceId) {
        let status = Some(ProposalStatus::Pending);
        let filter = ProposalFilter { status, before: None, limit: 10 };
        let ws = workspace.clone();
        let answer = self.ask(|hub| async move { hub.proposals(&ws, &filter).await }).await;
        let Some(Ok(pending)) = answer else { return };
        for proposal in pending {
            let key = proposal.idempotency_key.clone().unwrap_or_default();
            let decision = self.decide(proposal.kind, &key);
            let resolution = Resolution {
                decision: decision.clone(),
                reviewer: "sim".to_owned(),
                notes: None,
                content_hash: Some(proposal.content_hash),
            };
            if decision == Decision::Retry {
                // Counted before it is known to be taken: it may be.
                *self.promises().retries.entry(key).or_default() += 1;
            }
            let (ws, id) = (workspace.clone(), proposal.proposal_id.clone());
            let answer = self.ask(|hub| async move { hub.resolve(&ws, &id, resolution).await });
            if let Some(Ok(_)) = answer.await {
                let id = proposal.proposal_id;
                self.site.world.note(format_args!("decided {id}: {}", decision.as_str()));
                if let Some(before) = self.promises().decided.insert(id.clone(), decision) {
                    let before = before.as_str();
                    self.site.world.violated(format_args!("{id} was decided twice: {before}"));
                }
            }
        }
    }

    /// A person looks at the world before they say what became of a call.
    fn decide(&self, kind: ProposalKind, key: &str) -> Decision {
        let (world, dice) = (&self.site.world, &self.site.world.dice);
        match kind {
            ProposalKind::ToolCall if dice.chance(0.2) => {
                Decision::Reject { reason: "no".to_owned() }
            }
            ProposalKind::ToolCall => {
                Decision::Approve { scope: dice.pick(&[GrantScope::Once, GrantScope::Task]) }
            }
            ProposalKind::UnknownOutcome if world.happened(key) > 0 => {
                Decision::Done { note: None }
            }
            ProposalKind::UnknownOutcome => Decision::Retry,
        }
    }
}

/// What one task does.
fn plan(dice: &crate::dice::Dice) -> String {
    let replies = dice.number(0, 4);
    let group = |_| {
        let calls = dice.number(1, 3);
        (0..calls).map(|_| dice.pick(&['l', 'p', 's'])).collect::<String>()
    };
    (0..replies).map(group).collect::<Vec<_>>().join(" ")
}
