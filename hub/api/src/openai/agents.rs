//! Agents as models: a task of the agent, and its output as the answer.

use std::convert::Infallible;
use std::time::Duration;

use agentos_domain::{Privacy, Task, TaskStatus, TokenCounts};
use agentos_engine::Submission;
use agentos_router::{Answering, Bill, Caller, ChatMessage, ChatRequest, Delta, Ending, Message};
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures::{Stream, stream};

use super::failure::Failure;
use super::stream::{Form, event_stream};
use super::whole;
use crate::ApiState;
use crate::problem::{Code, Problem};
use crate::state::{answer, answer_within};
use crate::tasks::check_task;

/// What the names of agents begin with.
pub(crate) const PREFIX: &str = "agent/";
/// How often a stream says that the task is still worked on.
const PING_EVERY: Duration = Duration::from_secs(10);
/// What the engine may take longer than it is told to wait.
const SLACK: Duration = Duration::from_secs(5);

/// The task of having an agent answer.
pub(crate) async fn submit(
    state: &ApiState,
    caller: Caller,
    agent: &str,
    request: &ChatRequest,
) -> Result<Task, Failure> {
    request.check()?;
    if !request.tools.is_empty() {
        let message = "tools: an agent has tools of its own: leave them out, or ask a model";
        return Err(Failure::field("tools", message));
    }
    if request.response_format.as_ref().is_some_and(|format| format.kind != "text") {
        let message =
            "response_format: an agent answers in free text: leave it out, or ask a model";
        return Err(Failure::field("response_format", message));
    }
    let input = input(&request.messages)?;
    #[expect(clippy::cast_possible_truncation, reason = "a temperature needs no more digits")]
    let temperature = request.temperature.map(|heat| heat as f32);
    check_task(&input, request.max_output(), temperature)?;
    let submission = Submission {
        key_id: Some(caller.key_id),
        privacy: caller.local_only.then_some(Privacy::LocalOnly),
        agent: Some(agent.to_owned()),
        max_tokens: request.max_output(),
        temperature,
        seed: request.seed.map(i64::cast_unsigned),
        request_id: caller.request,
        ..Submission::new(caller.workspace, input)
    };
    let submitted = answer(state.engine.submit(submission)).await;
    let task = submitted.map_err(Failure::from)?.task;
    tracing::info!(task = %task.task_id, agent, "an agent answers a chat");
    Ok(task)
}

/// What a task has come to, once it has ended; the client waits no longer than
/// it does for other tasks.
pub(crate) async fn ended(
    state: &ApiState,
    task: &Task,
) -> Result<(Message, Answering, Ending), Failure> {
    let limit = state.config.wait_limit;
    let waiting = state.engine.wait(&task.workspace_id, &task.task_id, limit);
    let waiting = answer_within(limit.saturating_add(SLACK), waiting);
    let task = match state.shutdown.run_until_cancelled(waiting).await {
        Some(task) => task.map_err(Failure::from)?,
        None => return Err(whole::unfinished()),
    };
    let mut message = Message::default();
    message.add(Delta::text(output(&task)?));
    Ok((message, answering(&task), ending(&task)))
}

/// A stream of what a task comes to.
pub(crate) fn watch<F: Form>(state: &ApiState, task: Task, form: F) -> Response {
    let watched = Watched { state: state.clone(), task, form, opened: false, over: false };
    event_stream(Body::from_stream(watched.stream()))
}

/// The conversation as the text of a task.
fn input(messages: &[ChatMessage]) -> Result<String, Failure> {
    let mut turns: Vec<_> = messages.iter().filter(|turn| turn.role != "tool").collect();
    let last = turns.pop().filter(|turn| turn.role == "user").map(ChatMessage::plain);
    let last = last.filter(|text| !text.trim().is_empty()).ok_or_else(|| {
        Failure::field("messages", "messages: the last one must be what the user asks")
    })?;
    if turns.is_empty() {
        return Ok(last);
    }
    let before: Vec<_> =
        turns.iter().map(|turn| format!("{}: {}", turn.role, turn.plain())).collect();
    Ok(format!("The conversation so far:\n{}\n\nNow: {last}", before.join("\n")))
}

/// A task while a client waits for it in a stream.
struct Watched<F> {
    state: ApiState,
    task: Task,
    form: F,
    opened: bool,
    over: bool,
}

impl<F: Form> Watched<F> {
    fn stream(self) -> impl Stream<Item = Result<Bytes, Infallible>> + Send {
        stream::unfold(self, |mut watched| async move {
            if watched.over {
                return None;
            }
            let mut out = Vec::new();
            if !std::mem::replace(&mut watched.opened, true) {
                watched.form.open(&mut out);
                return Some((Ok(Bytes::from(out)), watched));
            }
            watched.look(&mut out).await;
            Some((Ok(Bytes::from(out)), watched))
        })
    }

    async fn look(&mut self, out: &mut Vec<u8>) {
        let Task { workspace_id, task_id, .. } = &self.task;
        let waiting = self.state.engine.wait(workspace_id, task_id, PING_EVERY);
        let ended = match self.state.shutdown.run_until_cancelled(waiting).await {
            None => Err(whole::unfinished()),
            Some(Err(error)) => Err(Failure::from(Problem::from(error))),
            Some(Ok(task)) if is_under_way(&task) => {
                out.extend_from_slice(b": the agent works\n\n");
                return;
            }
            Some(Ok(task)) => output(&task).map(|text| (text, ending(&task))),
        };
        self.over = true;
        match ended {
            Ok((text, ending)) => {
                self.form.delta(&Delta::text(text), out);
                self.form.end(&ending, out);
            }
            Err(failure) => self.form.fail(&failure, out),
        }
    }
}

fn is_under_way(task: &Task) -> bool {
    !task.status.is_final() && task.status != TaskStatus::WaitingApproval
}

/// What an agent came to, or why to nothing.
fn output(task: &Task) -> Result<String, Failure> {
    let id = &task.task_id;
    let problem = match task.status {
        TaskStatus::Completed => return Ok(task.output.clone().unwrap_or_default()),
        TaskStatus::WaitingApproval => {
            let detail =
                format!("the agent waits for a person: approve or reject what {id} asks for");
            Problem::new(Code::Conflict, detail)
        }
        TaskStatus::Failed => {
            let why = task.error.as_ref().map_or("", |error| error.message.as_str());
            Problem::new(Code::Unavailable, format!("the agent failed: {why} ({id})"))
        }
        TaskStatus::Cancelled => Problem::new(Code::Conflict, format!("{id} was cancelled")),
        TaskStatus::Pending | TaskStatus::Running => {
            let detail = format!("{id} is still worked on: ask for it with GET /api/tasks/{id}");
            Problem::new(Code::Unavailable, detail)
        }
    };
    // Clients that asked again by themselves would begin another task.
    Err(Failure::from(problem).once())
}

/// Who answers by it.
pub(crate) fn answering(task: &Task) -> Answering {
    let agent = format!("{PREFIX}{}", task.agent_type);
    Answering {
        deployment: agent.clone(),
        group: agent.clone(),
        model: agent,
        location: "local",
        cached: false,
    }
}

fn ending(task: &Task) -> Ending {
    let tokens = TokenCounts {
        input: task.input_tokens,
        output: task.output_tokens,
        ..TokenCounts::default()
    };
    let bill = Bill { tokens, cost: task.cost, estimated: false };
    Ending { finish: "stop".to_owned(), bill, confidence: None }
}
