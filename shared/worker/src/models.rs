//! A run's calls of models: of the one on this machine, or of those that the
//! hub has.

use std::time::Duration;

use agentos_domain::{Classified as _, Entry, ErrorInfo, Tier, ToolName};
use agentos_generation::{
    Completion, EngineError, GenerateEvent, GenerateRequest, Generation, ToolChoice,
};
use agentos_proto::v1::run_event::Event;
use agentos_proto::v1::{ModelStarted, TokenEvent};
use agentos_run::conversation;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::error::WorkerError;
use crate::runner::{Outcome, Runner};
use crate::spans;

/// Before a full model queue is tried again.
const BUSY_PAUSE: Duration = Duration::from_millis(250);
/// Before the hub is asked again whose models cannot answer now: at first, and
/// at most.
const AWAY_PAUSE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(10));

impl Runner {
    pub(crate) async fn call_model(
        &mut self,
        must_call: Option<&ToolName>,
    ) -> Result<Outcome, WorkerError> {
        if self.time_left().is_zero() {
            return Ok(Outcome::TimedOut);
        }
        let request = self.request(must_call);
        let span = self.span();
        agentos_faults::crash_point("edge.model.before");
        let generation = async {
            let answer = self.generate(request).await;
            agentos_faults::crash_point("edge.model.replied");
            answer.as_ref().map(spans::note_answer).ok();
            answer
        };
        let generation = generation.instrument(span);
        let step = Duration::from_secs(self.config.agent.step_timeout_seconds);
        let completion = match tokio::time::timeout(self.time_left().min(step), generation).await {
            Ok(completion) => completion?,
            Err(_) if self.time_left().is_zero() => return Ok(Outcome::TimedOut),
            Err(_) => return Ok(Outcome::Entry(step_timed_out(step))),
        };
        Ok(Outcome::Entry(match completion {
            Ok(completion) => completion.into(),
            Err(error) => Entry::Failed { error: ErrorInfo::new(error.code(), error.to_string()) },
        }))
    }

    fn request(&self, must_call: Option<&ToolName>) -> GenerateRequest {
        let tool_choice = match must_call {
            Some(tool) => ToolChoice::Required(tool.clone()),
            None if self.config.tools.is_empty() => ToolChoice::None,
            None => ToolChoice::Auto,
        };
        GenerateRequest {
            messages: conversation(self.journal.entries(), &self.config),
            tools: self.config.tools.clone(),
            tool_choice,
            sampling: self.config.agent.sampling.clone(),
            output_schema: None,
            conversation: Some(self.attempt.id.to_string()),
        }
    }

    /// Whether the model on this machine answers.
    fn is_answered_here(&self) -> bool {
        self.bench.engine.is_some() && self.config.agent.model_tier != Tier::CloudSmart
    }

    /// Of a call; where the model is known, watchers are told of it.
    fn span(&self) -> tracing::Span {
        let Some(engine) = self.bench.engine.as_ref().filter(|_| self.is_answered_here()) else {
            return spans::model_call(self.config.agent.model_tier.as_str());
        };
        let status = engine.status();
        let span = spans::model_call(&status.model);
        self.tell_of_model(status.model, status.demonstration);
        span
    }

    fn tell_of_model(&self, model: String, demonstration: bool) {
        self.attempt.events.push(Event::ModelStarted(ModelStarted { model, demonstration }));
    }

    /// One answer of a model; the outer error ends the attempt, the inner one
    /// the task.
    async fn generate(
        &self,
        request: GenerateRequest,
    ) -> Result<Result<Completion, EngineError>, WorkerError> {
        // Dropping this future (at the run's deadline) drops the receiver,
        // which stops whoever generates as well.
        let cancel = self.attempt.cancel.child_token();
        let mut away = AWAY_PAUSE.0;
        loop {
            let answer = match self.begin(&request, &cancel).await {
                Ok(events) => self.follow(events, &cancel).await?,
                Err(error) => Err(error),
            };
            let pause = match answer {
                Err(EngineError::Stopped) => return Err(self.engine_stopped()),
                Err(EngineError::Busy { .. }) => BUSY_PAUSE,
                Err(error @ EngineError::Unanswered { passes: true, .. }) => {
                    tracing::warn!(%error, "no model can answer now; trying again");
                    let pause = away;
                    away = (away * 2).min(AWAY_PAUSE.1);
                    pause
                }
                answer => return Ok(answer),
            };
            if cancel.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
                return Err(WorkerError::Cancelled);
            }
            if self.bench.draining.is_cancelled() {
                return Err(WorkerError::HandedOver);
            }
        }
    }

    async fn begin(
        &self,
        request: &GenerateRequest,
        cancel: &CancellationToken,
    ) -> Result<Generation, EngineError> {
        match self.bench.engine.as_ref().filter(|_| self.is_answered_here()) {
            Some(engine) => engine.generate(request.clone(), cancel.clone()).await,
            None => self.bench.hub.generate(&self.attempt, request).await,
        }
    }

    /// Tells watchers of an answer as it comes.
    async fn follow(
        &self,
        mut events: Generation,
        cancel: &CancellationToken,
    ) -> Result<Result<Completion, EngineError>, WorkerError> {
        while let Some(Some(event)) = cancel.run_until_cancelled(events.recv()).await {
            match event {
                Ok(GenerateEvent::Started { model }) => self.tell_of_model(model, false),
                Ok(GenerateEvent::Token { text, logprob }) => {
                    self.attempt.events.push(Event::Token(TokenEvent { text, logprob }));
                }
                Ok(GenerateEvent::Done(_)) if cancel.is_cancelled() => break,
                Ok(GenerateEvent::Done(completion)) => return Ok(Ok(completion)),
                Err(error) => return Ok(Err(error)),
            }
        }
        if cancel.is_cancelled() {
            return Err(WorkerError::Cancelled);
        }
        Ok(Err(EngineError::Stopped))
    }

    /// Without its engine the edge is of no use: it ends, and whoever started
    /// it starts it again.
    fn engine_stopped(&self) -> WorkerError {
        self.bench.fatal.cancel();
        WorkerError::EngineStopped
    }
}

fn step_timed_out(limit: Duration) -> Entry {
    let message = format!(
        "a model call took longer than {} s: ask something smaller, or raise step_timeout_seconds",
        limit.as_secs()
    );
    Entry::Failed { error: ErrorInfo::new("step_timeout", message) }
}
