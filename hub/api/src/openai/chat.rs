//! `POST /v1/chat/completions`.

use agentos_domain::{Clock as _, RequestId, SystemClock};
use agentos_engine::Principal;
use agentos_router::{Answering, ChatRequest, Ending, Message};
use agentos_tiering::Decision;
use axum::Extension;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::Value;

use super::chunks::{Naming, Writer};
use super::failure::Failure;
use super::reply::{Shape, reply};
use super::whole::completion;
use crate::ApiState;
use crate::body::ModelBody;

/// Answers a conversation.
pub(crate) async fn complete(
    State(state): State<ApiState>,
    Extension(principal): Extension<Principal>,
    Extension(id): Extension<RequestId>,
    headers: HeaderMap,
    ModelBody(request): ModelBody<ChatRequest>,
) -> Result<Response, Failure> {
    let naming = Naming::new("chatcmpl-", &id, SystemClock.now());
    let usage = request.stream_options.as_ref().is_some_and(|options| options.include_usage);
    let completion = Completion { naming, usage, decision: None };
    reply(&state, &principal, id, &headers, request, completion).await
}

/// The shape of a chat completion.
struct Completion {
    naming: Naming,
    /// Whether a stream ends with what was consumed.
    usage: bool,
    decision: Option<Decision>,
}

impl Shape for Completion {
    type Writer = Writer;

    fn decided(self, decision: Option<Decision>) -> Self {
        Self { decision, ..self }
    }

    fn writer(self, answering: Answering) -> Writer {
        Writer::new(self.naming, answering, self.usage, self.decision)
    }

    fn whole(self, message: Message, answering: &Answering, ending: &Ending) -> Value {
        completion(message, &self.naming, answering, self.decision.as_ref(), ending)
    }
}
