//! An engine that says what it is told to, for tests of its users.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use agentos_domain::FinishReason;
use async_trait::async_trait;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{
    Completion, Engine, EngineError, EngineStatus, GenerateEvent, GenerateRequest, Generation,
};

/// Plays a list of answers, one per call, in order. After the last one every
/// call gets [`EngineError::Stopped`].
#[derive(Debug, Default)]
pub struct ScriptedEngine {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    script: VecDeque<Result<Completion, EngineError>>,
    requests: Vec<GenerateRequest>,
    ended: Vec<String>,
}

impl ScriptedEngine {
    /// An engine that gives these answers.
    #[must_use]
    pub fn new(completions: Vec<Completion>) -> Self {
        let script = completions.into_iter().map(Ok).collect();
        Self { state: Mutex::new(State { script, ..State::default() }) }
    }

    /// Adds an answer, or an error, to the end of the script.
    pub fn push(&self, next: Result<Completion, EngineError>) {
        self.state().script.push_back(next);
    }

    /// What it was asked so far, in order.
    #[must_use]
    pub fn requests(&self) -> Vec<GenerateRequest> {
        self.state().requests.clone()
    }

    /// The conversations that were ended, in order.
    #[must_use]
    pub fn ended_conversations(&self) -> Vec<String> {
        self.state().ended.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Pieces of at most four characters.
fn pieces(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    chars.chunks(4).map(|piece| piece.iter().collect()).collect()
}

#[async_trait]
impl Engine for ScriptedEngine {
    async fn generate(
        &self,
        request: GenerateRequest,
        cancel: CancellationToken,
    ) -> Result<Generation, EngineError> {
        let next = {
            let mut state = self.state();
            state.requests.push(request);
            state.script.pop_front()
        };
        let mut completion = next.unwrap_or(Err(EngineError::Stopped))?;
        if cancel.is_cancelled() {
            completion.finish = FinishReason::Cancelled;
            completion.text.clear();
            completion.tool_calls.clear();
        }
        let pieces = pieces(&completion.text);
        let (sender, receiver) = mpsc::channel(pieces.len() + 1);
        for text in pieces {
            // The channel has room for all of them and its receiver is here.
            let _ = sender.try_send(Ok(GenerateEvent::Token { text, logprob: -0.1 }));
        }
        let _ = sender.try_send(Ok(GenerateEvent::Done(completion)));
        Ok(receiver)
    }

    fn status(&self) -> EngineStatus {
        EngineStatus::without_weights("scripted")
    }

    async fn end_conversation(&self, key: &str) {
        self.state().ended.push(key.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use agentos_domain::{Message, Role, Sampling, Usage};

    use super::*;
    use crate::ToolChoice;

    #[tokio::test]
    async fn it_streams_its_script_and_records_what_it_was_asked() {
        let completion = Completion {
            model: "m".into(),
            text: "hello wörld".into(),
            tool_calls: vec![],
            finish: FinishReason::Stop,
            usage: Usage::default(),
            confidence: None,
            duration_ms: 1,
        };
        let engine = ScriptedEngine::new(vec![completion.clone()]);
        let request = GenerateRequest {
            messages: vec![Message::text(Role::User, "hi")],
            tools: vec![],
            tool_choice: ToolChoice::Auto,
            sampling: Sampling::default(),
            output_schema: None,
            conversation: None,
        };
        let cancel = CancellationToken::new();
        let mut events = engine.generate(request.clone(), cancel.clone()).await.unwrap();
        let mut text = String::new();
        loop {
            match events.recv().await.unwrap().unwrap() {
                GenerateEvent::Token { text: piece, .. } => text.push_str(&piece),
                GenerateEvent::Started { model } => panic!("{model} was known"),
                GenerateEvent::Done(done) => {
                    assert_eq!(done, completion);
                    break;
                }
            }
        }
        assert_eq!(text, "hello wörld");
        assert_eq!(engine.requests(), std::slice::from_ref(&request));
        assert_eq!(engine.generate(request, cancel).await.unwrap_err(), EngineError::Stopped);
    }
}
