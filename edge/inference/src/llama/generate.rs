//! One call, from its prompt to its completion.

use agentos_domain::{FinishReason, Message, Role, ToolCall, Usage};
use agentos_generation::{
    CALL_OPENS, Completion, EngineError, GenerateEvent, GenerateRequest, ToolChoice,
};
use llama_cpp_2::token::LlamaToken;
use rand::RngExt;

use super::cache::Conversation;
use super::choose::Chooser;
use super::shared::Job;
use super::worker::Worker;
use crate::grammar::{CallGrammar, FormGrammar, parse_call};
use crate::text::AnswerText;

/// An answer as it grows.
struct Answer<'m> {
    chooser: Chooser<'m>,
    text: AnswerText,
    tokens: u32,
    logprobs: f64,
}

impl<'m> Worker<'m> {
    /// Serves one call.
    pub(super) fn serve(&mut self, job: &Job) {
        if job.events.is_closed() {
            return;
        }
        let mut conversation = self.cache.check_out(job.request.conversation.as_deref());
        match self.answer(job, &mut conversation) {
            Ok(completion) => {
                self.cache.check_in(conversation);
                job.send(Ok(GenerateEvent::Done(completion)));
            }
            Err(error) => {
                tracing::warn!(%error, "a model call failed");
                self.cache.discard(conversation);
                job.send(Err(error));
            }
        }
    }

    fn answer(
        &mut self,
        job: &Job,
        conversation: &mut Conversation,
    ) -> Result<Completion, EngineError> {
        let started = self.clock.monotonic();
        let prompt = self.prompt(conversation, &job.request)?;
        let (length, size) = (prompt.len(), self.cache.size());
        if length >= size {
            return Err(EngineError::ContextFull { needed: length, size });
        }
        let cached = self.cache.begin(conversation, prompt);
        conversation.messages.clone_from(&job.request.messages);
        conversation.tools.clone_from(&job.request.tools);
        conversation.reply = None;

        let mut answer = self.start_answer(&job.request)?;
        let read = self.read_prompt(job, conversation)?;
        let reading_ended = self.clock.monotonic();
        let finish = if read {
            self.write(job, conversation, &mut answer)?
        } else {
            FinishReason::Cancelled
        };
        let now = self.clock.monotonic();
        if answer.tokens > 0 {
            self.shared.record_speed(answer.tokens, now.saturating_sub(reading_ended));
        }
        let (text, tool_calls) = answer.result(finish)?;
        if finish != FinishReason::Cancelled {
            let reply = Message::text(Role::Assistant, text.clone());
            conversation.reply = Some(Message { tool_calls: tool_calls.clone(), ..reply });
        }
        Ok(Completion {
            model: self.info.name.clone(),
            text,
            tool_calls,
            finish,
            usage: Usage {
                input_tokens: length as u64,
                cached_tokens: cached as u64,
                output_tokens: u64::from(answer.tokens),
            },
            confidence: answer.confidence(),
            duration_ms: u64::try_from(now.saturating_sub(started).as_millis()).unwrap_or(u64::MAX),
        })
    }

    /// The tokens of the whole prompt. Where the request only adds to the
    /// transcript, the transcript as it is and the tokens of what is new.
    fn prompt(
        &self,
        conversation: &Conversation,
        request: &GenerateRequest,
    ) -> Result<Vec<LlamaToken>, EngineError> {
        if let Some(new) = self.continuation(conversation, request) {
            let mut tokens = conversation.tokens.clone();
            tokens.extend(self.model.vocab().tokenize(new.as_bytes(), false, true));
            return Ok(tokens);
        }
        let text = self.template.render(&request.messages, &request.tools)?;
        let has_bos = text.starts_with(self.vocabulary.bos_text.as_str());
        let mut tokens: Vec<_> = self.vocabulary.bos.into_iter().filter(|_| !has_bos).collect();
        tokens.extend(self.model.vocab().tokenize(text.as_bytes(), false, true));
        if tokens.is_empty() {
            return Err(EngineError::Template { reason: "it renders to nothing".to_owned() });
        }
        Ok(tokens)
    }

    /// What follows the last answer, where the request continues from it.
    fn continuation(
        &self,
        conversation: &Conversation,
        request: &GenerateRequest,
    ) -> Option<String> {
        let reply = conversation.reply.as_ref()?;
        let at = conversation.messages.len();
        let extends = request.messages.len() > at + 1
            && request.messages[..at] == conversation.messages
            && request.messages[at] == *reply
            && request.tools == conversation.tools;
        if !extends {
            return None;
        }
        self.template.render_after(&request.messages, at, &request.tools)
    }

    fn start_answer(&self, request: &GenerateRequest) -> Result<Answer<'m>, EngineError> {
        let sampling = &request.sampling;
        let temperature = if sampling.temperature.is_finite() { sampling.temperature } else { 0.0 };
        let chooser = Chooser::free(self.model, self.vocabulary, temperature, sampling.seed);
        let mut stops = sampling.stop.clone();
        let chooser = match &request.tool_choice {
            _ if request.tools.is_empty() => match &request.output_schema {
                Some(schema) => {
                    stops.clear();
                    chooser.with_form(&FormGrammar::new(schema)?)?
                }
                None => chooser,
            },
            ToolChoice::None => {
                stops.push(CALL_OPENS.to_owned());
                chooser
            }
            ToolChoice::Auto => {
                let tools: Vec<_> = request.tools.iter().collect();
                chooser.with_calls(CallGrammar::new(&tools)?, false)?
            }
            ToolChoice::Any => {
                stops.clear();
                let tools: Vec<_> = request.tools.iter().collect();
                chooser.with_calls(CallGrammar::new(&tools)?, true)?
            }
            ToolChoice::Required(name) => {
                let tool = request.tools.iter().find(|tool| tool.name == *name);
                let tool = tool.ok_or_else(|| EngineError::UnknownTool { name: name.clone() })?;
                stops.clear();
                chooser.with_calls(CallGrammar::new(&[tool])?, true)?
            }
        };
        Ok(Answer { chooser, text: AnswerText::new(stops), tokens: 0, logprobs: 0.0 })
    }

    /// Decodes the prompt. Returns false where the call was cancelled.
    fn read_prompt(
        &mut self,
        job: &Job,
        conversation: &mut Conversation,
    ) -> Result<bool, EngineError> {
        loop {
            if self.shared.is_stopped() {
                return Err(EngineError::Stopped);
            }
            if job.is_cancelled() {
                return Ok(false);
            }
            if self.cache.decode(conversation)? {
                return Ok(true);
            }
        }
    }

    /// Generates until there is a reason to end.
    fn write(
        &mut self,
        job: &Job,
        conversation: &mut Conversation,
        answer: &mut Answer<'_>,
    ) -> Result<FinishReason, EngineError> {
        let most = job.request.sampling.max_tokens;
        let mut logprob = 0.0;
        let finish = loop {
            if self.shared.is_stopped() {
                return Err(EngineError::Stopped);
            }
            if job.is_cancelled() {
                break FinishReason::Cancelled;
            }
            if answer.tokens >= most || conversation.tokens.len() > self.cache.size() {
                break FinishReason::Length;
            }
            self.cache.decode_rest(conversation)?;
            let Some(chosen) = answer.chooser.choose(self.cache.logits())? else {
                break FinishReason::Stop;
            };
            logprob = chosen.logprob;
            conversation.tokens.push(chosen.token);
            answer.tokens += 1;
            answer.logprobs += f64::from(logprob);
            if answer.chooser.call().is_some() {
                answer.text.ignore_stops();
            }
            let shown = answer.text.push(&chosen.piece);
            send_text(job, shown.text, logprob);
            if shown.stopped {
                return Ok(FinishReason::Stop);
            }
            if answer.chooser.call_is_complete() {
                break FinishReason::ToolCalls;
            }
        };
        let rest = answer.text.finish();
        send_text(job, rest.text, logprob);
        Ok(finish)
    }
}

fn send_text(job: &Job, text: String, logprob: f32) {
    if !text.is_empty() {
        job.send(Ok(GenerateEvent::Token { text, logprob }));
    }
}

impl Answer<'_> {
    fn result(&self, finish: FinishReason) -> Result<(String, Vec<ToolCall>), EngineError> {
        let shown = self.text.shown();
        let Some(call) = self.chooser.call() else {
            return Ok((shown.to_owned(), Vec::new()));
        };
        let text = shown.split_once(CALL_OPENS).map_or("", |(text, _)| text).trim_end().to_owned();
        if finish != FinishReason::ToolCalls {
            return Ok((text, Vec::new()));
        }
        let (name, arguments) =
            parse_call(&String::from_utf8_lossy(call)).ok_or_else(|| EngineError::Generation {
                reason: "a tool call under the grammar does not parse".to_owned(),
            })?;
        let id = format!("call_{:016x}", rand::rng().random::<u64>());
        Ok((text, vec![ToolCall { id, name, arguments }]))
    }

    #[expect(clippy::cast_possible_truncation, reason = "a probability needs no more digits")]
    fn confidence(&self) -> Option<f32> {
        let mean = self.logprobs / f64::from(self.tokens);
        (self.tokens > 0).then(|| mean.exp() as f32)
    }
}
