//! The router's models, as runs of tasks ask them.

use agentos_domain::{Privacy, Tier};
use agentos_engine::{Models, RunScope};
use agentos_generation::{EngineError, GenerateRequest, Generation};
use agentos_router::{Caller, Router};
use async_trait::async_trait;

/// Whose budget pays for tasks of which nobody knows who asked for them, such
/// as those of schedules; the workspace's counts in any case.
const NOBODY: &str = "schedule";

/// The router, for executors.
pub(crate) struct RunModels(pub(crate) Router);

#[async_trait]
impl Models for RunModels {
    fn without_edges(&self, privacy: Privacy) -> Vec<Tier> {
        self.0.tiers_without_edges(privacy == Privacy::LocalOnly)
    }

    async fn generate(
        &self,
        run: RunScope,
        request: GenerateRequest,
    ) -> Result<Generation, EngineError> {
        let caller = Caller {
            workspace: run.workspace_id,
            key_id: run.key_id.unwrap_or_else(|| NOBODY.to_owned()),
            request: run.request_id,
            task: Some(run.task_id),
            local_only: run.privacy == Privacy::LocalOnly,
            // A step is made once; what others asked is no step of this run.
            cached: false,
        };
        self.0.generate(caller, run.agent.model_tier, request).await
    }
}
