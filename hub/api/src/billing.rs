//! What providers charge: the kernel's tasks, and what it has recorded.

mod watched;

use std::sync::Arc;

use agentos_domain::Classified as _;
use agentos_engine::{EngineError, Principal};
use agentos_kernel::{
    DayRange, ExportFormat, ExportRequest, KernelError, Month, ProgressSink, TaskParams,
    newest_complete_day,
};
use agentos_store::{Day, ResultFilter, RunFilter, RunId, RunStatus};
use axum::Json;
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequestParts, Path, Query, State};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio_util::io::ReaderStream;
use utoipa::ToSchema;

use crate::body::OptionalJsonBody;
use crate::edges::is_of_hub;
use crate::problem::{Code, Problem};
use crate::tasks::{parameter, query};
use crate::{ApiState, openapi};

/// How many rows a list has, where no number is given, and at most.
const RUNS: (u32, u32) = (50, 1000);
const RESULTS: (u32, u32) = (100, 1000);
/// Bytes of an export that are sent at a time.
const CHUNK: usize = 64 * 1024;

type Parsed<T> = Result<Query<T>, QueryRejection>;

/// Whoever speaks for the hub: bills belong to it, and to no workspace.
pub(crate) struct HubAdmin(Principal);

impl FromRequestParts<ApiState> for HubAdmin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &ApiState) -> Result<Self, Problem> {
        let detail = "bills belong to the hub: an admin of the workspace `default` may see them";
        let principal = parts.extensions.get::<Principal>().filter(|one| is_of_hub(one));
        let refused = || Problem::new(Code::InsufficientScope, detail);
        principal.cloned().map(Self).ok_or_else(refused)
    }
}

/// As clients see what the kernel refuses.
pub(crate) fn refused(error: KernelError) -> Problem {
    let code = match &error {
        KernelError::UnknownPlugin { .. } | KernelError::UnknownTask { .. } => Code::NotFound,
        KernelError::UnknownProvider { .. } | KernelError::Invalid { .. } => Code::InvalidRequest,
        KernelError::Write { .. } | KernelError::Stopping => Code::Unavailable,
        KernelError::Store(_) => match error {
            KernelError::Store(error) => return EngineError::from(error).into(),
            _ => Code::Internal,
        },
        KernelError::PluginTwice { .. } | KernelError::UnknownZone { .. } => Code::Internal,
    };
    Problem::new(code, error.to_string()).caused_by(error.code())
}

/// As [`refused`], where what was asked for stands in the address.
fn refused_query(error: KernelError) -> Problem {
    match &error {
        KernelError::UnknownProvider { .. } | KernelError::Invalid { .. } => {
            Problem::new(Code::BadRequest, error.to_string())
        }
        _ => refused(error),
    }
}

fn count(limit: Option<String>, (usual, most): (u32, u32)) -> Result<u32, Problem> {
    let limit = parameter("limit", limit)?.unwrap_or(usual);
    if (1..=most).contains(&limit) {
        return Ok(limit);
    }
    let detail = format!("limit: {limit} is out of range: use 1 to {most}");
    Err(Problem::new(Code::BadRequest, detail))
}

/// A day of a query. An empty one is none, and not as if it were left out.
fn day(name: &str, text: Option<&str>) -> Result<Option<Day>, Problem> {
    text.map(str::parse)
        .transpose()
        .map_err(|error| Problem::new(Code::BadRequest, format!("{name}: {error}")))
}

/// What a task is given; what does not belong to it is refused.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = KernelTaskRequest)]
pub(crate) struct TaskBody {
    /// The first day in UTC; the newest complete one if left out.
    #[schema(value_type = Option<String>, format = "date")]
    from: Option<Day>,
    /// The last day in UTC.
    #[schema(value_type = Option<String>, format = "date")]
    to: Option<Day>,
    /// Whether days that are recorded are fetched again.
    #[serde(default)]
    force: bool,
    /// The form of an export; as configured if left out.
    #[schema(value_type = Option<openapi::ExportForm>)]
    format: Option<ExportFormat>,
    /// The provider whose results are exported; all if left out.
    provider: Option<String>,
    /// Whether the providers' own answers are a column of an export.
    raw_json: Option<bool>,
    /// The month of a summary; that of the newest complete day if left out.
    #[schema(value_type = Option<String>, pattern = "^[0-9]{4}-[0-9]{2}$")]
    month: Option<Month>,
}

/// Do a task of the kernel
///
/// `fetch_openai` and `fetch_anthropic` collect one provider's bill, `run_all`
/// those of all; `export` writes a file on the hub, `summary` sums up a month,
/// `daily_report` does all of these. What goes wrong with a provider is no error
/// of this call: it stands in the answer. It is answered when all is done; with
/// `Accept: text/event-stream` it is told meanwhile how far it is, by events
/// `progress` with `plugin`, `done` and `total`, until the event `report`.
#[utoipa::path(post, path = "/api/kernel/tasks/{task}", tag = "billing",
    operation_id = "run_kernel_task",
    params(("task" = String, Path, description = "The task", example = "run_all")),
    request_body = Option<TaskBody>,
    responses((status = 200, description = "How it went", content(
        (openapi::KernelTaskReport = "application/json"),
        (String = "text/event-stream"),
    ))))]
pub(crate) async fn perform(
    State(state): State<ApiState>,
    HubAdmin(principal): HubAdmin,
    Path(task): Path<String>,
    headers: HeaderMap,
    OptionalJsonBody(body): OptionalJsonBody<TaskBody>,
) -> Result<Response, Problem> {
    let params = TaskParams {
        range: DayRange { from: body.from, to: body.to },
        force: body.force,
        format: body.format,
        provider: body.provider,
        raw_json: body.raw_json,
        month: body.month,
    };
    let kernel = state.kernel()?;
    tracing::info!(task, by = principal.id, "does a kernel task");
    if watched::is_wanted(&headers) {
        return watched::perform(Arc::clone(kernel), task, params).await;
    }
    let silent: ProgressSink = Arc::new(|_| ());
    let report = kernel.perform(&task, params, silent).await.map_err(refused)?;
    Ok(Json(json!(report)).into_response())
}

/// The parameters of `GET /api/results`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResultsQuery {
    provider: Option<String>,
    start_date: Option<String>,
    end_date: Option<String>,
    limit: Option<String>,
    cursor: Option<String>,
}

/// List what providers charged, day by day, newest first
#[utoipa::path(get, path = "/api/results", tag = "billing", operation_id = "list_results",
    params(
        ("provider" = Option<String>, Query, description = "Of this provider, such as `openai`"),
        ("start_date" = Option<String>, Query, description = "From this day in UTC",
            format = "date"),
        ("end_date" = Option<String>, Query, description = "To this day in UTC", format = "date"),
        ("limit" = Option<u32>, Query, description = "How many; 100 if left out",
            minimum = 1, maximum = 1000),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before",
            pattern = "^([0-9]{4}-[0-9]{2}-[0-9]{2}[.][A-Za-z]{1,40})?$"),
    ),
    responses((status = 200, description = "A page of results", body = openapi::ResultPage)))]
pub(crate) async fn results(
    State(state): State<ApiState>,
    _: HubAdmin,
    parsed: Parsed<ResultsQuery>,
) -> Result<Json<Value>, Problem> {
    let asked = query(parsed)?;
    let limit = count(asked.limit, RESULTS)?;
    let filter = ResultFilter {
        provider: asked.provider.filter(|name| !name.is_empty()),
        from: day("start_date", asked.start_date.as_deref())?,
        to: day("end_date", asked.end_date.as_deref())?,
        after: parameter::<Place>("cursor", asked.cursor)?.map(|place| (place.0, place.1)),
        limit: limit + 1,
        ..ResultFilter::default()
    };
    let mut page = state.kernel()?.results(filter).await.map_err(refused_query)?;
    let more = page.len() > limit as usize;
    page.truncate(limit as usize);
    let next = page.last().filter(|_| more);
    let next = next.map(|last| format!("{}.{}", last.date, last.provider));
    Ok(Json(json!({ "items": page, "next_cursor": next })))
}

/// Where a page of results ended: `2026-11-21.OpenAI`.
struct Place(Day, String);

impl std::str::FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "it is none: give `next_cursor` of the page before".to_owned();
        let (day, provider) = text.split_once('.').ok_or_else(wrong)?;
        Ok(Self(day.parse().map_err(|_| wrong())?, provider.to_owned()))
    }
}

/// The parameters of `GET /api/runs`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RunsQuery {
    status: Option<String>,
    plugin_name: Option<String>,
    limit: Option<String>,
    cursor: Option<String>,
}

/// List runs of plugins, newest first
#[utoipa::path(get, path = "/api/runs", tag = "billing", operation_id = "list_runs",
    params(
        ("status" = Option<openapi::RunStatus>, Query, description = "Those that stand there"),
        ("plugin_name" = Option<String>, Query, description = "Those of this plugin"),
        ("limit" = Option<u32>, Query, description = "How many; 50 if left out",
            minimum = 1, maximum = 1000),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before",
            pattern = "^([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})?$"),
    ),
    responses((status = 200, description = "A page of runs", body = openapi::RunPage)))]
pub(crate) async fn runs(
    State(state): State<ApiState>,
    _: HubAdmin,
    parsed: Parsed<RunsQuery>,
) -> Result<Json<Value>, Problem> {
    let asked = query(parsed)?;
    let limit = count(asked.limit, RUNS)?;
    let filter = RunFilter {
        status: parameter::<RunStatus>("status", asked.status)?,
        plugin_name: asked.plugin_name.filter(|name| !name.is_empty()),
        before: parameter::<RunId>("cursor", asked.cursor)?,
        limit: limit + 1,
    };
    let mut page = state.kernel()?.runs(filter).await.map_err(refused_query)?;
    let more = page.len() > limit as usize;
    page.truncate(limit as usize);
    let next = page.last().filter(|_| more).map(|last| last.id);
    Ok(Json(json!({ "items": page, "next_cursor": next })))
}

/// Say what a month costs
#[utoipa::path(get, path = "/api/totals/{year}/{month}", tag = "billing",
    operation_id = "get_totals",
    params(
        ("year" = i16, Path, description = "The year", minimum = 1970, maximum = 9998),
        ("month" = i8, Path, description = "The month", minimum = 1, maximum = 12),
    ),
    responses((status = 200, description = "Its totals", body = openapi::MonthlyTotals)))]
pub(crate) async fn totals(
    State(state): State<ApiState>,
    _: HubAdmin,
    Path((year, month)): Path<(String, String)>,
) -> Result<Json<Value>, Problem> {
    let numbers = year.parse().ok().filter(|year| *year < 9999).zip(month.parse().ok());
    let found = numbers.and_then(|(year, month)| Month::new(year, month).ok());
    let wrong = "there is no such month: give a year from 1970 and a month from 1 to 12";
    let month = found.ok_or_else(|| Problem::new(Code::NotFound, wrong))?;
    Ok(Json(json!(state.kernel()?.monthly_totals(month).await.map_err(refused)?)))
}

/// The parameters of `GET /api/export`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExportQuery {
    format: Option<String>,
    provider: Option<String>,
    from: Option<String>,
    to: Option<String>,
    raw_json: Option<String>,
}

/// Download what providers charged, as CSV
#[utoipa::path(get, path = "/api/export", tag = "billing", operation_id = "export_results",
    params(
        ("format" = Option<openapi::ExportForm>, Query,
            description = "The columns; as configured if left out"),
        ("provider" = Option<String>, Query, description = "Of this provider, such as `openai`"),
        ("from" = Option<String>, Query, description = "From this day in UTC", format = "date"),
        ("to" = Option<String>, Query, description = "To this day in UTC", format = "date"),
        ("raw_json" = Option<bool>, Query,
            description = "Whether the providers' own answers are a column"),
    ),
    responses((status = 200, description = "The file", body = String,
        content_type = "text/csv")))]
pub(crate) async fn export(
    State(state): State<ApiState>,
    _: HubAdmin,
    parsed: Parsed<ExportQuery>,
) -> Result<Response, Problem> {
    let asked = query(parsed)?;
    let request = ExportRequest {
        format: parameter("format", asked.format)?,
        provider: asked.provider.filter(|name| !name.is_empty()),
        from: day("from", asked.from.as_deref())?,
        to: day("to", asked.to.as_deref())?,
        raw_json: parameter("raw_json", asked.raw_json)?,
        path: None,
    };
    let file = state.kernel()?.download(request).await.map_err(refused_query)?;
    let headers = [
        (CONTENT_TYPE, "text/csv; charset=utf-8"),
        (CONTENT_DISPOSITION, "attachment; filename=\"export_results.csv\""),
    ];
    let content = ReaderStream::with_capacity(tokio::fs::File::from_std(file), CHUNK);
    Ok((headers, Body::from_stream(content)).into_response())
}

/// The parameters of `GET /api/reconciliation`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReconcileQuery {
    from: Option<String>,
    to: Option<String>,
}

/// Compare what the hub metered with what providers charged, day by day
#[utoipa::path(get, path = "/api/reconciliation", tag = "billing", operation_id = "reconcile",
    params(
        ("from" = Option<String>, Query, format = "date",
            description = "The first day in UTC; the first of its month if left out"),
        ("to" = Option<String>, Query, format = "date",
            description = "The last day in UTC; the newest complete one if left out"),
    ),
    responses((status = 200, description = "Both sides", body = openapi::Reconciliation)))]
pub(crate) async fn reconcile(
    State(state): State<ApiState>,
    _: HubAdmin,
    parsed: Parsed<ReconcileQuery>,
) -> Result<Json<Value>, Problem> {
    let asked = query(parsed)?;
    let kernel = state.kernel()?;
    let (from, to): (Option<Day>, Option<Day>) =
        (day("from", asked.from.as_deref())?, day("to", asked.to.as_deref())?);
    let to = to.unwrap_or_else(|| {
        let newest = newest_complete_day(kernel.now());
        from.map_or(newest, |from| from.max(newest))
    });
    let from = from.unwrap_or_else(|| to.first_of_month());
    Ok(Json(json!(kernel.reconcile(from, to).await.map_err(refused_query)?)))
}

/// Say whether the kernel is well
#[utoipa::path(get, path = "/api/kernel/health", tag = "billing",
    operation_id = "get_kernel_health",
    responses((status = 200, description = "What it has recorded, or why it cannot say",
        body = openapi::KernelHealth)))]
pub(crate) async fn health(
    State(state): State<ApiState>,
    _: HubAdmin,
) -> Result<Json<Value>, Problem> {
    let kernel = state.kernel()?;
    Ok(Json(match kernel.health().await {
        Ok(counts) => json!({
            "database": true,
            // An older schema is brought up to date at the start, a newer one refused.
            "schema_valid": true,
            "last_run": counts.last_run,
            "total_results": counts.results,
            "total_runs": counts.runs,
            "plugins": kernel.plugins().collect::<Vec<_>>(),
        }),
        Err(error) => {
            tracing::error!(%error, "the kernel's database cannot be read");
            json!({ "database": false, "error": error.to_string() })
        }
    }))
}
