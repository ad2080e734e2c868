//! A model that follows its task's plan. It knows nothing but the conversation,
//! so a run that is taken up elsewhere goes on as it would have.

use std::time::Duration;

use agentos_domain::{FinishReason, Role, ToolCall, Usage};
use agentos_generation::{
    Completion, Engine, EngineError, EngineStatus, GenerateEvent, GenerateRequest, Generation,
};
use async_trait::async_trait;
use serde_json::json;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::plan::Plan;

/// The pieces of an answer, and how long each takes.
const PIECES: usize = 4;
const PIECE_PAUSE: Duration = Duration::from_millis(8);

/// The model.
#[derive(Debug, Default)]
pub struct PlannedEngine {
    answers: TaskTracker,
}

/// The answer to a conversation.
fn answer(request: &GenerateRequest) -> Completion {
    let said = |role| request.messages.iter().filter(move |message| message.role == role);
    let plan = said(Role::User).next().and_then(|message| Plan::from_input(&message.content));
    let turn = said(Role::Assistant).count();
    let calls = plan.and_then(|plan| plan.answers.into_iter().nth(turn)).unwrap_or_default();
    let call = |(place, call): (usize, super::plan::PlannedCall)| {
        Some(ToolCall {
            id: format!("call_{turn}_{place}"),
            name: call.tool.parse().ok()?,
            arguments: json!({ "item": call.item }),
        })
    };
    let tool_calls: Vec<_> = calls.into_iter().enumerate().filter_map(call).collect();
    let done = tool_calls.is_empty();
    Completion {
        model: "planned".to_owned(),
        text: if done { format!("done after {turn} answers") } else { "as planned".to_owned() },
        finish: if done { FinishReason::Stop } else { FinishReason::ToolCalls },
        tool_calls,
        usage: Usage { input_tokens: 10, cached_tokens: 0, output_tokens: PIECES as u64 },
        confidence: Some(1.0),
        duration_ms: 1,
    }
}

#[async_trait]
impl Engine for PlannedEngine {
    async fn generate(
        &self,
        request: GenerateRequest,
        cancel: CancellationToken,
    ) -> Result<Generation, EngineError> {
        let mut completion = answer(&request);
        let (sender, receiver) = mpsc::channel(PIECES + 1);
        self.answers.spawn(async move {
            for piece in 0..PIECES {
                tokio::time::sleep(PIECE_PAUSE).await;
                if cancel.is_cancelled() {
                    completion.finish = FinishReason::Cancelled;
                    break;
                }
                let token = GenerateEvent::Token { text: format!("{piece} "), logprob: -0.1 };
                // Whoever does not listen any more needs no answer either.
                let _ = sender.send(Ok(token)).await;
            }
            let _ = sender.send(Ok(GenerateEvent::Done(completion))).await;
        });
        Ok(receiver)
    }

    fn status(&self) -> EngineStatus {
        EngineStatus::without_weights("planned")
    }

    async fn end_conversation(&self, _key: &str) {}
}

#[cfg(test)]
mod tests {
    use agentos_domain::{Message, Sampling};
    use agentos_generation::ToolChoice;

    use super::*;

    #[tokio::test]
    async fn it_follows_the_plan_wherever_the_conversation_stands() {
        let plan = Plan::of(1, 4);
        let mut request = GenerateRequest {
            messages: vec![Message::text(Role::User, plan.to_input())],
            tools: vec![],
            tool_choice: ToolChoice::Auto,
            sampling: Sampling::default(),
            output_schema: None,
            conversation: None,
        };
        for turn in 0..=plan.answers.len() {
            let engine = PlannedEngine::default();
            let mut events =
                engine.generate(request.clone(), CancellationToken::new()).await.unwrap();
            let done = loop {
                if let GenerateEvent::Done(done) = events.recv().await.unwrap().unwrap() {
                    break done;
                }
            };
            let items: Vec<_> =
                done.tool_calls.iter().map(|call| call.arguments["item"].clone()).collect();
            let planned = plan.answers.get(turn).cloned().unwrap_or_default();
            let planned: Vec<_> = planned.iter().map(|call| json!(call.item)).collect();
            assert_eq!(items, planned);
            request.messages.push(Message::text(Role::Assistant, done.text));
        }
    }
}
