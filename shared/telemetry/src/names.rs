//! The names of spans and of their fields: in traces and in log lines alike.
//!
//! Those of models, agents and tools are the ones of the semantic conventions
//! for generative AI of OpenTelemetry (<https://opentelemetry.io/docs/specs/semconv/gen-ai/>).
//!
//! | span | begins and ends with | fields |
//! |---|---|---|
//! | `request` | a request to the API | [`REQUEST_ID`], method, route |
//! | `run` | a run, as the hub sees it | [`REQUEST_ID`], [`TASK`], [`ATTEMPT`] |
//! | `invoke_agent` | a run, on its executor | those of `run`, [`OPERATION`], [`AGENT`] |
//! | `chat` | a call of a model | [`OPERATION`], [`REQUEST_MODEL`], [`RESPONSE_MODEL`], [`INPUT_TOKENS`], [`OUTPUT_TOKENS`], [`FINISH_REASONS`], [`ERROR_TYPE`] |
//! | `execute_tool` | a call of a tool | [`OPERATION`], [`TOOL`], [`TOOL_CALL_ID`], [`ERROR_TYPE`] |

/// The request that set it off.
pub const REQUEST_ID: &str = "request_id";
/// The task.
pub const TASK: &str = "task";
/// The attempt at the task.
pub const ATTEMPT: &str = "attempt";

/// `invoke_agent`, `chat` or `execute_tool`; also the name of the span.
pub const OPERATION: &str = "gen_ai.operation.name";
/// The agent's name.
pub const AGENT: &str = "gen_ai.agent.name";
/// The model that was asked for.
pub const REQUEST_MODEL: &str = "gen_ai.request.model";
/// The model that answered.
pub const RESPONSE_MODEL: &str = "gen_ai.response.model";
/// Tokens of the prompt.
pub const INPUT_TOKENS: &str = "gen_ai.usage.input_tokens";
/// Tokens of the answer.
pub const OUTPUT_TOKENS: &str = "gen_ai.usage.output_tokens";
/// Why the model stopped.
pub const FINISH_REASONS: &str = "gen_ai.response.finish_reasons";
/// The tool's name.
pub const TOOL: &str = "gen_ai.tool.name";
/// The model's id of the call.
pub const TOOL_CALL_ID: &str = "gen_ai.tool.call.id";
/// The code of the error that a span ended with.
pub const ERROR_TYPE: &str = "error.type";
