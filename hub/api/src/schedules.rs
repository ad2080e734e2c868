//! Schedules: tasks that are made when their time has come.

use agentos_domain::{
    AgentName, OnEdgeLost, Priority, Privacy, Schedule, ScheduleId, ScheduleName, ScheduledTask,
    SessionId, Timestamp, ToolName,
};
use agentos_engine::{Principal, ScheduleRequest, When};
use axum::extract::{Path, Query, State};
use axum::http::header::LOCATION;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::body::JsonBody;
use crate::problem::{Code, Problem};
use crate::state::answer;
use crate::tasks::{WantedTier, check_task, page_size, parameter, query};
use crate::{ApiState, openapi};

/// The time zone of a schedule that names none.
const DEFAULT_ZONE: &str = "UTC";

/// What is asked for at each slot of a schedule.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ScheduledTaskRequest)]
pub(crate) struct TaskBody {
    /// What is to be done.
    #[schema(min_length = 1, max_length = 100_000)]
    input: String,
    /// Who is to do it; the default agent if left out.
    #[schema(value_type = Option<String>, pattern = "^[A-Za-z0-9._-]{1,64}$")]
    agent: Option<AgentName>,
    /// Which kind of model; the agent's own if left out.
    tier: Option<WantedTier>,
    /// The conversation that its tasks belong to.
    #[schema(value_type = Option<String>, pattern = "^ses_[0-9a-f]{32}$")]
    session: Option<SessionId>,
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

impl TaskBody {
    fn into_task(self) -> Result<ScheduledTask, Problem> {
        check_task(&self.input, self.max_tokens, self.temperature)?;
        Ok(ScheduledTask {
            input: self.input,
            agent: self.agent,
            tier: self.tier.map(WantedTier::resolve),
            tool_choice: self.tool_choice,
            session: self.session,
            max_tokens: self.max_tokens,
            temperature: self.temperature,
            seed: self.seed,
            priority: self.priority.unwrap_or_default(),
            on_edge_lost: self.on_edge_lost,
            privacy: self.privacy,
        })
    }
}

/// A schedule that is asked for: either `cron` or `at` says when.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ScheduleRequest, example = json!({
    "name": "daily_report", "cron": "0 6 * * MON-FRI", "timezone": "Europe/Berlin",
    "task": { "input": "What has changed in my files since yesterday?" },
}))]
pub(crate) struct CreateBody {
    /// Its name; no other schedule of the workspace may have it.
    #[schema(value_type = String, pattern = "^[A-Za-z0-9._-]{1,64}$")]
    name: ScheduleName,
    /// Again and again: minute, hour, day of the month, month, weekday.
    #[schema(max_length = 200, format = "cron", example = "0 6 * * MON-FRI")]
    cron: Option<String>,
    /// One time: with an offset, or by the clocks of the time zone.
    #[schema(format = "civil-or-date-time", example = "2027-03-01T08:30")]
    at: Option<String>,
    /// The time zone by whose clocks the times are, as IANA calls it; `UTC` if
    /// left out.
    #[schema(format = "time-zone", example = "Europe/Berlin")]
    timezone: Option<String>,
    /// What it asks for.
    task: TaskBody,
}

/// Make a schedule
///
/// At each of its times a task is made as if it were asked for then. Times that
/// pass while the hub is away are made up for by one task, for the newest; the
/// others are `missed`. Times of the day that the clocks skip in spring are at
/// the end of the gap, and those that they show twice in autumn happen once;
/// but an expression whose minute or hour begins with `*` follows the clocks.
#[utoipa::path(post, path = "/api/schedules", tag = "schedules", operation_id = "create_schedule",
    request_body = CreateBody,
    responses((status = 201, description = "The schedule", body = openapi::Schedule)))]
pub(crate) async fn create(
    State(state): State<ApiState>,
    Extension(principal): Extension<Principal>,
    JsonBody(body): JsonBody<CreateBody>,
) -> Result<Response, Problem> {
    let when = match (body.cron, body.at) {
        (Some(cron), None) => When::Cron(cron),
        (None, Some(at)) => When::At(at),
        _ => {
            let detail = "give either `cron`, for again and again, or `at`, for one time";
            return Err(Problem::new(Code::InvalidRequest, detail));
        }
    };
    let request = ScheduleRequest {
        workspace_id: principal.workspace_id,
        name: body.name,
        when,
        timezone: body.timezone.unwrap_or_else(|| DEFAULT_ZONE.to_owned()),
        task: body.task.into_task()?,
        created_by: principal.name,
    };
    let schedule = answer(state.engine.create_schedule(request)).await?;
    tracing::info!(schedule = %schedule.schedule_id, by = principal.id, "made a schedule");
    let mut response = (StatusCode::CREATED, Json(schedule_json(&schedule))).into_response();
    let location = format!("/api/schedules/{}", schedule.schedule_id);
    if let Ok(location) = HeaderValue::from_str(&location) {
        response.headers_mut().insert(LOCATION, location);
    }
    Ok(response)
}

/// A schedule as the API shows it.
fn schedule_json(schedule: &Schedule) -> Value {
    // By way of text, so that a temperature of 0.3 is shown as that.
    let text = serde_json::to_string(schedule).unwrap_or_default();
    let mut value: Value = serde_json::from_str(&text).unwrap_or_default();
    value["task"]["tier"] = json!(schedule.task.tier.and_then(WantedTier::of));
    value
}

/// The parameters of the lists. An empty one counts as absent.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListQuery {
    limit: Option<String>,
    cursor: Option<String>,
}

type Parsed<T> = Result<Query<T>, axum::extract::rejection::QueryRejection>;

/// List schedules, newest first
#[utoipa::path(get, path = "/api/schedules", tag = "schedules", operation_id = "list_schedules",
    params(
        ("limit" = Option<u32>, Query, description = "How many; 20 if left out",
            minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before",
            pattern = "^(sched_[0-9a-f]{32})?$"),
    ),
    responses((status = 200, description = "A page of schedules", body = openapi::SchedulePage)))]
pub(crate) async fn list(
    State(state): State<ApiState>,
    Extension(principal): Extension<Principal>,
    parsed: Parsed<ListQuery>,
) -> Result<Json<Value>, Problem> {
    let ListQuery { limit, cursor } = query(parsed)?;
    let (size, before) = (page_size(limit)?, parameter::<ScheduleId>("cursor", cursor)?);
    let page = state.engine.schedules(&principal.workspace_id, before.as_ref(), size + 1);
    let mut page = answer(page).await?;
    let more = page.len() > size as usize;
    page.truncate(size as usize);
    let next = page.last().filter(|_| more).map(|last| last.schedule_id.to_string());
    let items: Vec<_> = page.iter().map(schedule_json).collect();
    Ok(Json(json!({ "items": items, "next_cursor": next })))
}

/// Look at a schedule
#[utoipa::path(get, path = "/api/schedules/{id}", tag = "schedules", operation_id = "get_schedule",
    params(("id" = String, Path, description = "The schedule")),
    responses((status = 200, description = "The schedule", body = openapi::Schedule)))]
pub(crate) async fn show(
    State(state): State<ApiState>,
    Extension(principal): Extension<Principal>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    let id = schedule_id(&id)?;
    let schedule = answer(state.engine.schedule(&principal.workspace_id, &id)).await?;
    Ok(Json(schedule_json(&schedule)))
}

fn schedule_id(text: &str) -> Result<ScheduleId, Problem> {
    text.parse().map_err(|_| Problem::new(Code::NotFound, "no such schedule"))
}

/// Remove a schedule
///
/// Its slots are forgotten; its tasks stay.
#[utoipa::path(delete, path = "/api/schedules/{id}", tag = "schedules",
    operation_id = "remove_schedule",
    params(("id" = String, Path, description = "The schedule")),
    responses((status = 204, description = "It is gone")))]
pub(crate) async fn remove(
    State(state): State<ApiState>,
    Extension(principal): Extension<Principal>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let id = schedule_id(&id)?;
    answer(state.engine.delete_schedule(&principal.workspace_id, &id)).await?;
    tracing::info!(schedule = %id, by = principal.id, "removed a schedule");
    Ok(StatusCode::NO_CONTENT)
}

/// Pause a schedule
///
/// Until it is resumed it has no slots. One that is due and has not run is
/// missed.
#[utoipa::path(post, path = "/api/schedules/{id}/pause", tag = "schedules",
    operation_id = "pause_schedule",
    params(("id" = String, Path, description = "The schedule")),
    responses((status = 200, description = "It, paused", body = openapi::Schedule)))]
pub(crate) async fn pause(
    State(state): State<ApiState>,
    Extension(principal): Extension<Principal>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    let id = schedule_id(&id)?;
    let schedule = answer(state.engine.pause_schedule(&principal.workspace_id, &id)).await?;
    tracing::info!(schedule = %id, by = principal.id, "paused a schedule");
    Ok(Json(schedule_json(&schedule)))
}

/// Let a schedule go on
///
/// With its first time from now; what passed meanwhile is not made up for.
#[utoipa::path(post, path = "/api/schedules/{id}/resume", tag = "schedules",
    operation_id = "resume_schedule",
    params(("id" = String, Path, description = "The schedule")),
    responses((status = 200, description = "It, no longer paused", body = openapi::Schedule)))]
pub(crate) async fn resume(
    State(state): State<ApiState>,
    Extension(principal): Extension<Principal>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    let id = schedule_id(&id)?;
    let schedule = answer(state.engine.resume_schedule(&principal.workspace_id, &id)).await?;
    tracing::info!(schedule = %id, by = principal.id, "resumed a schedule");
    Ok(Json(schedule_json(&schedule)))
}

/// List what became of the times of a schedule, newest first
#[utoipa::path(get, path = "/api/schedules/{id}/slots", tag = "schedules",
    operation_id = "list_slots",
    params(
        ("id" = String, Path, description = "The schedule"),
        ("limit" = Option<u32>, Query, description = "How many; 20 if left out",
            minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before",
            pattern = r"^([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{12}Z)?$"),
    ),
    responses((status = 200, description = "A page of slots", body = openapi::SlotPage)))]
pub(crate) async fn slots(
    State(state): State<ApiState>,
    Extension(principal): Extension<Principal>,
    Path(id): Path<String>,
    parsed: Parsed<ListQuery>,
) -> Result<Json<Value>, Problem> {
    let ListQuery { limit, cursor } = query(parsed)?;
    let (size, before) = (page_size(limit)?, parameter::<Timestamp>("cursor", cursor)?);
    let id = schedule_id(&id)?;
    let page = state.engine.slots(&principal.workspace_id, &id, before, size + 1);
    let mut items = answer(page).await?;
    let more = items.len() > size as usize;
    items.truncate(size as usize);
    let next = items.last().filter(|_| more).map(|last| last.slot_at.to_string());
    Ok(Json(json!({ "items": items, "next_cursor": next })))
}
