//! Tasks: asking for one, looking, cancelling.

use std::fmt;
use std::time::Duration;

use agentos_domain::{
    AgentName, OnEdgeLost, Priority, Privacy, RequestId, SessionId, Task, TaskStatus, Tier,
    ToolName,
};
use agentos_engine::{Principal, Submission, TaskFilter};
use axum::extract::{Query, State};
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Schema, Type};

use crate::body::{JsonBody, OptionalJsonBody, TaskPath};
use crate::problem::{Code, Problem};
use crate::state::{answer, answer_within};
use crate::{ApiState, openapi};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
const PREFER: HeaderName = HeaderName::from_static("prefer");

const MAX_INPUT_CHARS: usize = 100_000;
const MAX_KEY_BYTES: usize = 255;
const MAX_REASON_CHARS: usize = 1000;
const MAX_WAIT_SECONDS: u64 = 120;
const MAX_PAGE: u32 = 100;
const DEFAULT_PAGE: u32 = 20;

/// A task that is asked for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TaskRequest)]
pub(crate) struct SubmitBody {
    /// What is to be done.
    #[schema(min_length = 1, max_length = 100_000)]
    input: String,
    /// Who is to do it; the default agent if left out.
    #[schema(value_type = Option<String>, pattern = "^[A-Za-z0-9._-]{1,64}$")]
    agent: Option<AgentName>,
    /// Which kind of model; the agent's own if left out.
    tier: Option<WantedTier>,
    /// The conversation that the task belongs to.
    #[schema(value_type = Option<String>, pattern = "^ses_[0-9a-f]{32}$")]
    session: Option<SessionId>,
    /// Seconds to wait for the end of the task, or false; 120 if left out.
    #[schema(schema_with = wait_schema)]
    wait: Option<Wait>,
    /// A tool that the first model call must call.
    #[schema(value_type = Option<String>, pattern = "^[A-Za-z0-9._-]{1,64}$")]
    tool_choice: Option<ToolName>,
    /// The most tokens of each answer of the model.
    #[schema(minimum = 1, maximum = 32_768)]
    max_tokens: Option<u32>,
    /// 0 is predictable, 2 is wild.
    #[schema(minimum = 0, maximum = 2)]
    temperature: Option<f32>,
    /// Makes sampling repeatable.
    seed: Option<u64>,
    /// Which of the workspace's waiting tasks is first; `normal` if left out.
    #[schema(value_type = Option<openapi::Priority>)]
    priority: Option<Priority>,
    /// What becomes of it where an edge is lost; as its agent has it if left
    /// out. `elsewhere`: the hub works on it with the models that it has.
    #[schema(value_type = Option<openapi::OnEdgeLost>)]
    on_edge_lost: Option<OnEdgeLost>,
    /// Where what it says may go; `local_only` wherever its agent says so.
    #[schema(value_type = Option<openapi::Privacy>)]
    privacy: Option<Privacy>,
}

/// What `Wait` reads.
fn wait_schema() -> RefOr<Schema> {
    let seconds = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(0))
        .maximum(Some(MAX_WAIT_SECONDS));
    let never = ObjectBuilder::new().schema_type(Type::Boolean).enum_values(Some([false]));
    let nothing = ObjectBuilder::new().schema_type(Type::Null);
    OneOfBuilder::new()
        .item(seconds)
        .item(never)
        .item(nothing)
        .description(Some("Seconds to wait for the end of the task, or false; 120 if left out."))
        .into()
}

/// A kind of model.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WantedTier {
    Fast,
    Smart,
}

impl WantedTier {
    pub(crate) fn resolve(self) -> Tier {
        match self {
            Self::Fast => Tier::LocalFast,
            Self::Smart => Tier::LocalSmart,
        }
    }

    /// The way back, for those that can be asked for.
    pub(crate) fn of(tier: Tier) -> Option<Self> {
        [Self::Fast, Self::Smart].into_iter().find(|wanted| wanted.resolve() == tier)
    }
}

/// How long the client wants to wait.
#[derive(Clone, Copy)]
struct Wait(Duration);

impl<'de> Deserialize<'de> for Wait {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Wait;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "whole seconds from 0 to {MAX_WAIT_SECONDS}, or false")
            }

            fn visit_bool<E: de::Error>(self, wait: bool) -> Result<Wait, E> {
                if wait {
                    return Err(E::invalid_value(de::Unexpected::Bool(true), &self));
                }
                Ok(Wait(Duration::ZERO))
            }

            fn visit_u64<E: de::Error>(self, seconds: u64) -> Result<Wait, E> {
                if seconds > MAX_WAIT_SECONDS {
                    return Err(E::invalid_value(de::Unexpected::Unsigned(seconds), &self));
                }
                Ok(Wait(Duration::from_secs(seconds)))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl SubmitBody {
    fn into_submission(
        self,
        principal: Principal,
        idempotency_key: Option<String>,
        request_id: RequestId,
    ) -> Result<Submission, Problem> {
        check_task(&self.input, self.max_tokens, self.temperature)?;
        Ok(Submission {
            workspace_id: principal.workspace_id,
            key_id: Some(principal.id),
            input: self.input,
            agent: self.agent.map(String::from),
            tier: self.tier.map(WantedTier::resolve),
            first_tool: self.tool_choice,
            session: self.session,
            idempotency_key,
            max_tokens: self.max_tokens,
            temperature: self.temperature,
            seed: self.seed,
            request_id: Some(request_id),
            priority: self.priority.unwrap_or_default(),
            on_edge_lost: self.on_edge_lost,
            privacy: self.privacy,
        })
    }
}

/// Refuses what no task may have.
pub(crate) fn check_task(
    input: &str,
    max_tokens: Option<u32>,
    temperature: Option<f32>,
) -> Result<(), Problem> {
    let chars = input.chars().count();
    if chars == 0 || chars > MAX_INPUT_CHARS {
        let detail = format!("{chars} characters: use 1 to {MAX_INPUT_CHARS}");
        return Err(Problem::field("input", detail));
    }
    if let Some(tokens) = max_tokens.filter(|tokens| !(1..=32_768).contains(tokens)) {
        let detail = format!("{tokens} is out of range: use 1 to 32768");
        return Err(Problem::field("max_tokens", detail));
    }
    if let Some(value) = temperature.filter(|value| !(0.0..=2.0).contains(value)) {
        return Err(Problem::field("temperature", format!("{value} is out of range: use 0 to 2")));
    }
    Ok(())
}

/// Ask for a task
///
/// Waits for its end, at most for `wait`. From the answer on, the task is
/// durable: nothing but its cancellation keeps it from being worked on.
#[utoipa::path(post, path = "/api/tasks", tag = "tasks", operation_id = "create_task",
    params(
        ("Idempotency-Key" = Option<String>, Header,
            description = "The same key gives the same task for 24 hours",
            max_length = 255, pattern = "^(?=.*[!-~])[ -~]+$"),
        ("Prefer" = Option<String>, Header, description = "`respond-async`: do not wait"),
    ),
    request_body = SubmitBody,
    responses(
        (status = 200, description = "The task has ended", body = openapi::Task),
        (status = 202, description = "The task goes on", body = openapi::Task),
    ))]
pub(crate) async fn submit(
    State(state): State<ApiState>,
    Extension(principal): Extension<Principal>,
    Extension(request_id): Extension<RequestId>,
    headers: HeaderMap,
    JsonBody(body): JsonBody<SubmitBody>,
) -> Result<Response, Problem> {
    let prefers_async = prefers_async(&headers);
    let limit = if prefers_async {
        Duration::ZERO
    } else {
        body.wait.map_or(state.config.wait_limit, |Wait(wait)| wait.min(state.config.wait_limit))
    };
    let key = idempotency_key(&headers)?;
    let submission = body.into_submission(principal, key, request_id)?;
    let submitted = answer(state.engine.submit(submission)).await?;
    let task = wait_for(&state, submitted.task, limit).await;

    let mut response = task_response(&state, task).await;
    let headers = response.headers_mut();
    if submitted.replayed {
        headers.insert(IDEMPOTENCY_REPLAYED, HeaderValue::from_static("true"));
    }
    if prefers_async {
        let applied = HeaderName::from_static("preference-applied");
        headers.insert(applied, HeaderValue::from_static("respond-async"));
    }
    Ok(response)
}

/// The task after at most `limit`. From here on nothing is an error: the task
/// is durable, and the client must learn its id.
async fn wait_for(state: &ApiState, task: Task, limit: Duration) -> Task {
    if limit.is_zero() || task.status.is_final() {
        return task;
    }
    // The engine keeps the limit; the second one only guards against a fault.
    let wait = state.engine.wait(&task.workspace_id, &task.task_id, limit);
    let waited = tokio::select! {
        waited = answer_within(limit.saturating_add(Duration::from_secs(5)), wait) => waited,
        () = state.shutdown.cancelled() => return task,
    };
    waited.unwrap_or_else(|problem| {
        tracing::warn!(task = %task.task_id, ?problem, "stopped waiting for a task");
        task
    })
}

async fn task_response(state: &ApiState, task: Task) -> Response {
    let status = if task.status.is_final() { StatusCode::OK } else { StatusCode::ACCEPTED };
    let location = format!("/api/tasks/{}", task.task_id);
    let mut response = (status, Json(full_json(state, &task).await)).into_response();
    if status == StatusCode::ACCEPTED
        && let Ok(location) = HeaderValue::from_str(&location)
    {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let printable = |byte: &u8| (0x20..=0x7e).contains(byte);
    let text = value.to_str().ok().filter(|text| {
        !text.trim().is_empty()
            && text.len() <= MAX_KEY_BYTES
            && text.bytes().all(|b| printable(&b))
    });
    match (text, values.next()) {
        (Some(text), None) => Ok(Some(text.to_owned())),
        _ => Err(Problem::new(
            Code::BadRequest,
            format!(
                "Idempotency-Key: send one, of 1 to {MAX_KEY_BYTES} printable ASCII characters"
            ),
        )),
    }
}

/// Whether the client prefers not to wait (RFC 7240).
fn prefers_async(headers: &HeaderMap) -> bool {
    let values = headers.get_all(PREFER).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|preference| {
        let name = preference.split([';', '=']).next().unwrap_or_default();
        name.trim().eq_ignore_ascii_case("respond-async")
    })
}

/// A task as the API shows it.
pub(crate) fn task_json(task: &Task) -> Value {
    let mut value = json!(task);
    value["tokens"] = json!({ "input": task.input_tokens, "output": task.output_tokens });
    value
}

/// [`task_json`] with the place in the queue of a task that waits.
async fn full_json(state: &ApiState, task: &Task) -> Value {
    let mut value = task_json(task);
    if task.status == TaskStatus::Pending {
        let position = state.engine.queue_position(&task.workspace_id, &task.task_id);
        // It may have left the queue since; then there is no place to tell.
        if let Ok(Some(position)) = answer(position).await {
            value["queue_position"] = json!(position);
        }
    }
    value
}

/// Look at a task
#[utoipa::path(get, path = "/api/tasks/{id}", tag = "tasks", operation_id = "get_task",
    params(("id" = String, Path, description = "The task")),
    responses((status = 200, description = "The task", body = openapi::Task)))]
pub(crate) async fn show(
    State(state): State<ApiState>,
    Extension(principal): Extension<Principal>,
    TaskPath(id): TaskPath,
) -> Result<Json<Value>, Problem> {
    let task = answer(state.engine.task(&principal.workspace_id, &id)).await?;
    Ok(Json(full_json(&state, &task).await))
}

/// The parameters of `GET /api/tasks`. An empty one counts as absent.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListQuery {
    limit: Option<String>,
    status: Option<String>,
    agent_type: Option<String>,
    cursor: Option<String>,
}

impl ListQuery {
    /// The filter for a page, which asks for one task more than the page has.
    fn into_filter(self) -> Result<TaskFilter, Problem> {
        let limit = page_size(self.limit)?;
        Ok(TaskFilter {
            status: parameter("status", self.status)?,
            agent: parameter("agent_type", self.agent_type)?,
            before: parameter("cursor", self.cursor)?,
            limit: limit + 1,
        })
    }
}

/// How many items a page has.
pub(crate) fn page_size(limit: Option<String>) -> Result<u32, Problem> {
    let limit = parameter("limit", limit)?.unwrap_or(DEFAULT_PAGE);
    if (1..=MAX_PAGE).contains(&limit) {
        return Ok(limit);
    }
    let detail = format!("limit: {limit} is out of range: use 1 to {MAX_PAGE}");
    Err(Problem::new(Code::BadRequest, detail))
}

pub(crate) fn parameter<T>(name: &str, text: Option<String>) -> Result<Option<T>, Problem>
where
    T: std::str::FromStr<Err: fmt::Display>,
{
    let text = text.filter(|text| !text.is_empty());
    text.map(|text| text.parse())
        .transpose()
        .map_err(|error| Problem::new(Code::BadRequest, format!("{name}: {error}")))
}

/// The parameters of a request's address.
pub(crate) fn query<T>(
    parsed: Result<Query<T>, axum::extract::rejection::QueryRejection>,
) -> Result<T, Problem> {
    let reason = |error: &dyn std::error::Error| {
        error.source().map_or_else(|| error.to_string(), ToString::to_string)
    };
    parsed
        .map(|Query(query)| query)
        .map_err(|error| Problem::new(Code::BadRequest, format!("query: {}", reason(&error))))
}

/// List tasks, newest first
#[utoipa::path(get, path = "/api/tasks", tag = "tasks", operation_id = "list_tasks",
    params(
        ("limit" = Option<u32>, Query, description = "How many; 20 if left out",
            minimum = 1, maximum = 100),
        ("status" = Option<openapi::TaskStatus>, Query,
            description = "Only those that stand there"),
        ("agent_type" = Option<String>, Query, description = "Only this agent's",
            pattern = "^[A-Za-z0-9._-]{0,64}$"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before",
            pattern = "^(task_[0-9a-f]{32})?$"),
    ),
    responses((status = 200, description = "A page of tasks", body = openapi::TaskPage)))]
pub(crate) async fn list(
    State(state): State<ApiState>,
    Extension(principal): Extension<Principal>,
    parsed: Result<Query<ListQuery>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<Value>, Problem> {
    let filter = query(parsed)?.into_filter()?;
    let page = filter.limit as usize - 1;
    let mut tasks = answer(state.engine.tasks(&principal.workspace_id, &filter)).await?;
    let more = tasks.len() > page;
    tasks.truncate(page);
    let next_cursor = tasks.last().filter(|_| more).map(|task| task.task_id.to_string());
    let mut items = Vec::with_capacity(tasks.len());
    for task in &tasks {
        items.push(full_json(&state, task).await);
    }
    Ok(Json(json!({ "items": items, "next_cursor": next_cursor })))
}

/// Why a task is ended.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Cancellation)]
pub(crate) struct CancelBody {
    /// It is kept with the task.
    #[schema(max_length = 1000)]
    reason: Option<String>,
}

/// End a task
///
/// A task that has ended already is returned as it is.
#[utoipa::path(post, path = "/api/tasks/{id}/cancel", tag = "tasks", operation_id = "cancel_task",
    params(("id" = String, Path, description = "The task")),
    request_body = Option<CancelBody>,
    responses((status = 200, description = "The task, as it is now", body = openapi::Task)))]
pub(crate) async fn cancel(
    State(state): State<ApiState>,
    Extension(principal): Extension<Principal>,
    TaskPath(id): TaskPath,
    OptionalJsonBody(body): OptionalJsonBody<CancelBody>,
) -> Result<Json<Value>, Problem> {
    let reason = body
        .reason
        .filter(|reason| !reason.trim().is_empty())
        .unwrap_or_else(|| format!("cancelled by {}", principal.name));
    let chars = reason.chars().count();
    if chars > MAX_REASON_CHARS {
        let detail = format!("{chars} characters: use at most {MAX_REASON_CHARS}");
        return Err(Problem::field("reason", detail));
    }
    let task = answer(state.engine.cancel(&principal.workspace_id, &id, &reason)).await?;
    Ok(Json(full_json(&state, &task).await))
}

/// The parameters of `GET /api/tasks/{id}/steps`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StepsQuery {
    after: Option<String>,
}

/// Read the journal of a task
#[utoipa::path(get, path = "/api/tasks/{id}/steps", tag = "tasks", operation_id = "list_steps",
    params(
        ("id" = String, Path, description = "The task"),
        ("after" = Option<u64>, Query, description = "Only steps after this one",
            format = "uint64"),
    ),
    responses((status = 200, description = "Its steps", body = openapi::StepPage)))]
pub(crate) async fn steps(
    State(state): State<ApiState>,
    Extension(principal): Extension<Principal>,
    TaskPath(id): TaskPath,
    parsed: Result<Query<StepsQuery>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<Value>, Problem> {
    let after = parameter("after", query(parsed)?.after)?.unwrap_or(0);
    let steps = answer(state.engine.steps(&principal.workspace_id, &id, after)).await?;
    Ok(Json(json!({ "items": steps, "next_cursor": null })))
}
