//! What an executor does next.

use agentos_domain::{
    AgentConfig, AskReason, Decision, Entry, ErrorInfo, FinishReason, GrantScope, Journal, Phase,
    TaskId, ToolCall, ToolClass, ToolError, ToolName, ToolSpec,
};
use agentos_policy::{Grounds, Verdict};

/// What a run is about; fixed for its whole life.
#[derive(Debug, Clone, PartialEq)]
pub struct RunConfig {
    /// The task.
    pub task_id: TaskId,
    /// What the user wants.
    pub user_input: String,
    /// The agent.
    pub agent: AgentConfig,
    /// The tools that it is granted, as the executor declares them.
    pub tools: Vec<ToolSpec>,
    /// A tool that the first model call must call.
    pub first_tool: Option<ToolName>,
    /// Tools that a person granted this agent for good: their calls are not
    /// asked for again.
    pub granted: Vec<ToolName>,
}

/// What the executor does next, and with which entry it reports it.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Ask the model; report a `ModelReply`.
    CallModel {
        /// A tool that this call must call.
        must_call: Option<ToolName>,
    },
    /// Report this entry, then make the call it announces and report a
    /// `ToolResult`. The entry must be durable before the call is made.
    CallTool {
        /// A `ToolIntent`, or a `ToolRetry` after a crash.
        announce: Entry,
        /// The call.
        call: ToolCall,
        /// The key for the tool.
        idempotency_key: String,
    },
    /// A person has to confirm this call: report an `ApprovalAsked`.
    Ask {
        /// The call.
        call: ToolCall,
        /// What repeating it would do.
        class: ToolClass,
        /// What the policy found; empty where the agent or the tool always asks.
        reasons: Vec<AskReason>,
    },
    /// Hold the answer against what the agent's configuration asks for; report
    /// an `AnswerChecked`.
    CheckAnswer {
        /// The answer.
        answer: String,
    },
    /// Report this entry and ask again: nothing happens in the world.
    Record(Entry),
    /// A person must decide first: give the run back.
    Suspend,
    /// The run has ended.
    Done,
}

/// The next action of a run.
#[must_use]
pub fn next(journal: &Journal, config: &RunConfig) -> Action {
    match journal.phase() {
        Phase::Model => call_model(journal, config),
        Phase::Call(call) => match spec_of(config, call) {
            Ok(spec) => begin_call(journal, config, call, spec),
            Err(error) => refuse(call, error),
        },
        Phase::Approved { call, idempotency_key } => {
            make_call(journal, config, call, spec_of(config, call), idempotency_key.clone())
        }
        Phase::Effect { call, class: ToolClass::Once, .. } => {
            Action::Record(Entry::ToolUnknown { call_id: call.id.clone() })
        }
        Phase::Effect { call, idempotency_key, .. } => Action::CallTool {
            announce: Entry::ToolRetry { call_id: call.id.clone() },
            call: call.clone(),
            idempotency_key: idempotency_key.clone(),
        },
        Phase::Unknown { .. } | Phase::Waiting(_) => Action::Suspend,
        Phase::Answered => match finish(journal, config) {
            // What was cut off cannot be judged.
            Entry::Finished { output, truncated: false }
                if config.agent.validation.asks_for_checks() =>
            {
                Action::CheckAnswer { answer: output }
            }
            end => Action::Record(end),
        },
        Phase::Checked if may_correct(journal) => call_model(journal, config),
        Phase::Checked => Action::Record(finish(journal, config)),
        Phase::Ended => Action::Done,
    }
}

fn call_model(journal: &Journal, config: &RunConfig) -> Action {
    let is_reply = |entry: &&Entry| matches!(entry, Entry::ModelReply { .. });
    let replies = journal.entries().iter().filter(is_reply).count();
    // A correction begins to count anew; there is one at most.
    let corrected = journal.entries().iter().rposition(is_failed_check).unwrap_or(0);
    let since = journal.entries().iter().skip(corrected).filter(is_reply).count();
    if since as u64 >= u64::from(config.agent.max_iterations) {
        let message = format!(
            "{} gave no answer within {} model calls: ask something narrower, or raise max_iterations",
            config.agent.name, config.agent.max_iterations
        );
        return Action::Record(Entry::Failed { error: ErrorInfo::new("max_iterations", message) });
    }
    let must_call = if replies == 0 { config.first_tool.clone() } else { None };
    Action::CallModel { must_call }
}

fn is_failed_check(entry: &Entry) -> bool {
    matches!(entry, Entry::AnswerChecked { problems } if !problems.is_empty())
}

/// Whether the model is told what is wrong with its answer: the first time.
fn may_correct(journal: &Journal) -> bool {
    let mut failed = journal.entries().iter().filter(|entry| is_failed_check(entry));
    failed.next().is_some()
        && failed.next().is_none()
        && journal.entries().last().is_some_and(is_failed_check)
}

/// The declaration of the tool that a call names; the error is for the model.
fn spec_of<'a>(config: &'a RunConfig, call: &ToolCall) -> Result<&'a ToolSpec, ToolError> {
    config.tools.iter().find(|tool| tool.name == call.name).ok_or_else(|| {
        let known: Vec<_> = config.tools.iter().map(|tool| tool.name.as_str()).collect();
        let message = format!("there is no tool {}; use one of: {}", call.name, known.join(", "));
        ToolError::new("not_granted", message)
    })
}

/// A call that comes next: made, asked about or refused. The policy decides from
/// the journal alone; the agent and the tool can only add to what is asked.
fn begin_call(journal: &Journal, config: &RunConfig, call: &ToolCall, spec: &ToolSpec) -> Action {
    let grounds = Grounds {
        user: &config.user_input,
        configuration: vec![&config.agent.system_prompt],
        tools: &config.tools,
    };
    let reasons = match agentos_policy::decide(journal.entries(), &grounds, call) {
        Verdict::Allow => Vec::new(),
        Verdict::Ask(reasons) => reasons,
        Verdict::Refuse(error) => return refuse(call, error),
    };
    let always =
        spec.dangerous || (config.agent.approval_required && spec.class != ToolClass::Read);
    if (always || !reasons.is_empty()) && !is_granted(journal, config, spec) {
        return Action::Ask { call: call.clone(), class: spec.class, reasons };
    }
    make_call(journal, config, call, Ok(spec), None)
}

fn refuse(call: &ToolCall, error: ToolError) -> Action {
    Action::Record(Entry::ToolRefused { call_id: call.id.clone(), error })
}

/// Whether somebody has granted the tool, for this task or for good.
fn is_granted(journal: &Journal, config: &RunConfig, spec: &ToolSpec) -> bool {
    config.granted.contains(&spec.name) || granted_for_task(journal, &spec.name)
}

/// A decision follows right after what it decides.
fn granted_for_task(journal: &Journal, tool: &ToolName) -> bool {
    journal.entries().windows(2).any(|pair| match pair {
        [
            Entry::ApprovalAsked { call, .. },
            Entry::Decided { decision: Decision::Approve { scope }, .. },
        ] => call.name == *tool && matches!(scope, GrantScope::Task | GrantScope::Agent),
        _ => false,
    })
}

fn make_call(
    journal: &Journal,
    config: &RunConfig,
    call: &ToolCall,
    spec: Result<&ToolSpec, ToolError>,
    earlier_key: Option<String>,
) -> Action {
    let spec = match spec {
        Ok(spec) => spec,
        Err(error) => return refuse(call, error),
    };
    let idempotency_key =
        earlier_key.unwrap_or_else(|| idempotency_key(&config.task_id, journal.len() + 1));
    let announce = Entry::ToolIntent {
        call: call.clone(),
        class: spec.class,
        idempotency_key: idempotency_key.clone(),
    };
    Action::CallTool { announce, call: call.clone(), idempotency_key }
}

/// Stable across attempts: it names the intent's place in the journal.
fn idempotency_key(task: &TaskId, seq: u64) -> String {
    let hash = blake3::hash(format!("{task}/{seq}").as_bytes());
    hash.to_hex().as_str().chars().take(32).collect()
}

fn finish(journal: &Journal, config: &RunConfig) -> Entry {
    let last = journal.entries().iter().rev().find_map(|entry| match entry {
        Entry::ModelReply { text, finish, .. } => Some((text.clone(), *finish)),
        _ => None,
    });
    let (output, finish) = last.unwrap_or((String::new(), FinishReason::Stop));
    let truncated = finish == FinishReason::Length;
    if truncated && output.trim().is_empty() {
        let message = format!(
            "the model reached its limit of {} tokens before it answered or finished a tool call: raise max_tokens",
            config.agent.sampling.max_tokens
        );
        return Entry::Failed { error: ErrorInfo::new("no_answer", message) };
    }
    match journal.entries().last() {
        Some(Entry::AnswerChecked { problems }) if !problems.is_empty() => {
            Entry::Finished { output: with_problems(&output, problems), truncated }
        }
        _ => Entry::Finished { output, truncated },
    }
}

/// An answer whose correction failed too says so itself, wherever it is read.
fn with_problems(output: &str, problems: &[String]) -> String {
    format!("{output}\n\nThis answer did not pass its checks:\n- {}", problems.join("\n- "))
}
