//! The spans of a run: what its log lines and traces carry.

use agentos_domain::{Classified as _, RequestId, ToolCall, ToolOutcome};
use agentos_generation::{Completion, EngineError};
use agentos_run::RunConfig;
use agentos_telemetry::{join_trace, names};
use tracing::field::{Empty, debug};
use tracing::{Span, info_span};

use crate::attempts::Attempt;

/// From the hand-over of a run to its end here.
pub(crate) fn run(attempt: &Attempt, config: &RunConfig, request: Option<&RequestId>) -> Span {
    let span = info_span!(
        "invoke_agent",
        { names::REQUEST_ID } = request.map(display),
        { names::TASK } = display(&attempt.task),
        { names::ATTEMPT } = display(&attempt.id),
        { names::OPERATION } = "invoke_agent",
        { names::AGENT } = display(&config.agent.name),
    );
    if let Some(request) = request {
        join_trace(&span, request);
    }
    span
}

/// One call of the model.
pub(crate) fn model_call(model: &str) -> Span {
    info_span!(
        "chat",
        { names::OPERATION } = "chat",
        { names::REQUEST_MODEL } = model,
        { names::RESPONSE_MODEL } = Empty,
        { names::INPUT_TOKENS } = Empty,
        { names::OUTPUT_TOKENS } = Empty,
        { names::FINISH_REASONS } = Empty,
        { names::ERROR_TYPE } = Empty,
    )
}

/// Writes into the current span what became of a call of the model.
pub(crate) fn note_answer(answer: &Result<Completion, EngineError>) {
    let span = Span::current();
    match answer {
        Ok(completion) => {
            span.record(names::RESPONSE_MODEL, completion.model.as_str());
            span.record(names::INPUT_TOKENS, completion.usage.input_tokens);
            span.record(names::OUTPUT_TOKENS, completion.usage.output_tokens);
            span.record(names::FINISH_REASONS, debug([completion.finish]));
            let (milliseconds, calls) = (completion.duration_ms, completion.tool_calls.len());
            tracing::info!(milliseconds, calls, "the model answered");
        }
        Err(error) => {
            span.record(names::ERROR_TYPE, error.code());
            tracing::warn!(%error, "the model did not answer");
        }
    }
}

/// One call of a tool.
pub(crate) fn tool_call(call: &ToolCall) -> Span {
    info_span!(
        "execute_tool",
        { names::OPERATION } = "execute_tool",
        { names::TOOL } = display(&call.name),
        { names::TOOL_CALL_ID } = call.id.as_str(),
        { names::ERROR_TYPE } = Empty,
    )
}

/// Writes into the current span what a tool gave. Its message may quote files,
/// so only the code is told.
pub(crate) fn note_result(outcome: &ToolOutcome, milliseconds: u64) {
    match outcome {
        ToolOutcome::Ok(_) => tracing::info!(milliseconds, "the tool answered"),
        ToolOutcome::Err(error) => {
            Span::current().record(names::ERROR_TYPE, error.code.as_str());
            tracing::info!(milliseconds, "the tool failed");
        }
    }
}
