//! A model that does what the user says: its request is its plan.
//!
//! A plan is letters in groups, such as `ls p`: the first reply calls `look`
//! and `send`, the second `put`, the third is the answer.

use std::sync::Arc;

use agentos_domain::{FinishReason, Role, ToolCall, Usage};
use agentos_generation::{
    Completion, Engine, EngineError, EngineStatus, GenerateEvent, GenerateRequest, Generation,
};
use async_trait::async_trait;
use serde_json::json;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::edge::TOOLS;
use crate::life::Life;
use crate::world::World;

/// What a completed task answers.
pub(crate) const ANSWER: &str = "as you wished";
/// The most time of one token, in milliseconds.
const TOKEN_MS: u64 = 120;

pub(crate) struct PlanModel {
    world: Arc<World>,
    life: Life,
}

impl PlanModel {
    pub(crate) fn new(world: &Arc<World>, life: &Life) -> Self {
        Self { world: Arc::clone(world), life: life.clone() }
    }
}

/// The calls of the reply at `index`; none: it is the answer.
pub(crate) fn calls_of(plan: &str, index: usize) -> Vec<ToolCall> {
    let letters = plan.split_whitespace().nth(index).unwrap_or_default();
    let call = |(place, letter): (usize, char)| {
        let (name, _) = TOOLS.iter().find(|(name, _)| name.starts_with(letter))?;
        let name = name.parse().ok()?;
        Some(ToolCall {
            id: format!("call_{index}_{place}"),
            name,
            arguments: json!({ "place": place }),
        })
    };
    letters.chars().enumerate().filter_map(call).collect()
}

fn answer(request: &GenerateRequest) -> Completion {
    let user = request.messages.iter().find(|message| message.role == Role::User);
    let plan = user.map(|message| message.content.as_str()).unwrap_or_default();
    let replies = request.messages.iter().filter(|message| message.role == Role::Assistant).count();
    let tool_calls = calls_of(plan, replies);
    let last = tool_calls.is_empty();
    Completion {
        model: "plan".to_owned(),
        text: if last { ANSWER } else { "next" }.to_owned(),
        tool_calls,
        finish: if last { FinishReason::Stop } else { FinishReason::ToolCalls },
        usage: Usage { input_tokens: 1, cached_tokens: 0, output_tokens: 1 },
        confidence: None,
        duration_ms: 1,
    }
}

#[async_trait]
impl Engine for PlanModel {
    async fn generate(
        &self,
        request: GenerateRequest,
        cancel: CancellationToken,
    ) -> Result<Generation, EngineError> {
        let completion = answer(&request);
        let pieces: Vec<_> = completion.text.split_inclusive(' ').map(str::to_owned).collect();
        let (sender, receiver) = mpsc::channel(pieces.len() + 1);
        let world = Arc::clone(&self.world);
        self.life.spawn(async move {
            for text in pieces {
                tokio::time::sleep(world.dice.millis(1, TOKEN_MS)).await;
                let token = GenerateEvent::Token { text, logprob: 0.0 };
                if cancel.is_cancelled() || sender.send(Ok(token)).await.is_err() {
                    break;
                }
            }
            // Whoever asked may be gone.
            let _ = sender.send(Ok(GenerateEvent::Done(completion))).await;
        });
        Ok(receiver)
    }

    fn status(&self) -> EngineStatus {
        EngineStatus::without_weights("plan")
    }

    async fn end_conversation(&self, _key: &str) {}
}
