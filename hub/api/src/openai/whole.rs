//! An answer that is given as a whole, and what every answer says of itself.

use agentos_router::{Answer, Answering, ChatEvent, Ending, Message};
use agentos_tiering::Decision;
use serde_json::{Map, Value, json};

use super::chunks::Naming;
use super::failure::Failure;
use crate::problem::{Code, Problem};

/// For an answer that ends without saying how.
pub(crate) fn unfinished() -> Failure {
    Problem::new(Code::Unavailable, "the hub is stopping: try again in a moment").into()
}

/// Waits for the whole of an answer.
pub(crate) async fn collect(
    mut answer: Answer,
    mut answering: Answering,
) -> Result<(Message, Answering, Ending), Failure> {
    let mut message = Message::default();
    while let Some(event) = answer.next().await {
        match event {
            ChatEvent::Begin(other) => answering = other,
            ChatEvent::Delta(delta) => message.add(delta),
            ChatEvent::Failed(error) => return Err(error.into()),
            ChatEvent::End(ending) => return Ok((message, answering, ending)),
        }
    }
    Err(unfinished())
}

/// An answer as a `chat.completion`.
pub(crate) fn completion(
    said: Message,
    naming: &Naming,
    answering: &Answering,
    decision: Option<&Decision>,
    ending: &Ending,
) -> Value {
    let mut message = Map::new();
    message.insert("role".to_owned(), json!("assistant"));
    message.insert("content".to_owned(), json!(said.text));
    message.insert("refusal".to_owned(), Value::Null);
    message.extend(said.extra);
    if !said.calls.is_empty() {
        let calls = said.calls.iter().map(|call| {
            json!({ "id": call.id, "type": "function",
                "function": { "name": call.name, "arguments": call.arguments } })
        });
        message.insert("tool_calls".to_owned(), calls.collect());
    }
    json!({
        "id": naming.id,
        "object": "chat.completion",
        "created": naming.created,
        "model": answering.model,
        "choices": [{ "index": 0, "message": message, "logprobs": said.logprobs,
            "finish_reason": ending.finish }],
        "usage": usage(ending),
        "agentos": told(answering, decision, Some(ending)),
    })
}

/// What an answer consumed, in OpenAI's shape.
pub(crate) fn usage(ending: &Ending) -> Value {
    let tokens = &ending.bill.tokens;
    let prompt = tokens.prompt();
    json!({
        "prompt_tokens": prompt,
        "completion_tokens": tokens.output,
        "total_tokens": prompt.saturating_add(tokens.output),
        "prompt_tokens_details": { "cached_tokens": tokens.cache_read },
        "completion_tokens_details": { "reasoning_tokens": tokens.reasoning },
    })
}

/// Who answered, how their tier was decided, and at the end what it cost: what
/// OpenAI has no place for.
pub(crate) fn told(
    answering: &Answering,
    decision: Option<&Decision>,
    ending: Option<&Ending>,
) -> Value {
    let mut told = json!({
        "deployment": answering.deployment,
        "tier": answering.group,
        "location": answering.location,
        "cached": answering.cached,
    });
    if let Some(decision) = decision {
        told["decision"] = json!(decision);
    }
    if let Some(ending) = ending {
        told["cost_usd"] = json!(ending.bill.cost.to_string());
        told["estimated"] = json!(ending.bill.estimated);
        told["confidence"] = json!(ending.confidence);
    }
    told
}
