//! An answer that is given as a whole, and what every answer says of itself.

use agentos_router::{Answer, Answering, CallDelta, ChatEvent, Delta, Ending};
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

/// A message as its pieces come.
#[derive(Default)]
pub(crate) struct Message {
    pub(crate) text: Option<String>,
    pub(crate) calls: Vec<Call>,
    pub(crate) extra: Map<String, Value>,
    pub(crate) logprobs: Option<Value>,
}

/// A call that the model asks for.
#[derive(Default)]
pub(crate) struct Call {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) arguments: String,
}

impl Message {
    pub(crate) fn add(&mut self, delta: Delta) {
        if let Some(text) = delta.content {
            self.text.get_or_insert_default().push_str(&text);
        }
        for call in delta.tool_calls {
            self.call(call);
        }
        for (name, value) in delta.extra {
            merge(self.extra.entry(name).or_insert(Value::Null), value);
        }
        if let Some(logprobs) = delta.logprobs {
            let whole = self.logprobs.get_or_insert_with(|| json!({}));
            for part in ["content", "refusal"] {
                if let Some(tokens) = logprobs.get(part).filter(|tokens| tokens.is_array()) {
                    merge(&mut whole[part], tokens.clone());
                }
            }
        }
    }

    fn call(&mut self, delta: CallDelta) {
        /// More calls than any model asks for at once.
        const MOST: usize = 1024;
        if delta.index >= MOST {
            return;
        }
        while self.calls.len() <= delta.index {
            self.calls.push(Call::default());
        }
        let call = &mut self.calls[delta.index];
        call.id.push_str(delta.id.as_deref().unwrap_or_default());
        call.name.push_str(delta.function.name.as_deref().unwrap_or_default());
        call.arguments.push_str(delta.function.arguments.as_deref().unwrap_or_default());
    }

    pub(crate) fn completion(
        self,
        naming: &Naming,
        answering: &Answering,
        decision: Option<&Decision>,
        ending: &Ending,
    ) -> Value {
        let mut message = Map::new();
        message.insert("role".to_owned(), json!("assistant"));
        message.insert("content".to_owned(), json!(self.text));
        message.insert("refusal".to_owned(), Value::Null);
        message.extend(self.extra);
        if !self.calls.is_empty() {
            let calls = self.calls.iter().map(|call| {
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
            "choices": [{ "index": 0, "message": message, "logprobs": self.logprobs,
                "finish_reason": ending.finish }],
            "usage": usage(ending),
            "agentos": told(answering, decision, Some(ending)),
        })
    }
}

/// Pieces of text and of lists are joined; of all else the latest counts.
fn merge(whole: &mut Value, piece: Value) {
    match (whole, piece) {
        (Value::String(whole), Value::String(piece)) => whole.push_str(&piece),
        (Value::Array(whole), Value::Array(pieces)) => whole.extend(pieces),
        (whole, piece) => *whole = piece,
    }
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
