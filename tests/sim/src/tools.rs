//! Tools whose effects the world counts.

use std::sync::Arc;

use agentos_domain::{ToolClass, ToolError, ToolSpec};
use agentos_tools::{Tool, ToolContext};
use anyhow::Result;
use async_trait::async_trait;
use serde_json::{Value, json};

use crate::life::Life;
use crate::world::World;

/// The most time before an effect, and after it, in milliseconds.
const WORK_MS: u64 = 800;
/// That a call takes much longer.
const SLOW: f64 = 0.05;
const SLOW_MS: u64 = 20_000;

pub(crate) struct CountedTool {
    world: Arc<World>,
    life: Life,
    spec: ToolSpec,
}

impl CountedTool {
    pub(crate) fn new(
        world: &Arc<World>,
        life: &Life,
        name: &str,
        class: ToolClass,
    ) -> Result<Self> {
        let spec = ToolSpec::new(
            name.parse()?,
            class,
            "Has an effect that is counted",
            json!({ "type": "object" }),
        )
        // What the policy says is tried elsewhere.
        .with_effect(agentos_domain::Effect::None);
        Ok(Self { world: Arc::clone(world), life: life.clone(), spec })
    }

    async fn pause(&self) {
        let most = if self.world.dice.chance(SLOW) { SLOW_MS } else { WORK_MS };
        self.life.or_never(tokio::time::sleep(self.world.dice.millis(0, most))).await;
    }
}

#[async_trait]
impl Tool for CountedTool {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    async fn call(&self, _arguments: Value, context: &ToolContext) -> Result<Value, ToolError> {
        let key = &context.idempotency_key;
        self.pause().await;
        if context.cancel.is_cancelled() {
            return Err(ToolError::new("cancelled", "cancelled before its effect"));
        }
        self.world.effect(key, self.spec.class);
        self.world.note(format_args!("effect of {} {key}", self.spec.name));
        self.pause().await;
        Ok(json!({ "key": key }))
    }
}
