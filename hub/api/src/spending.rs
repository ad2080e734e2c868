//! What models there are, what calls of them cost, and what they may cost.

use std::time::Duration;

use agentos_domain::{CallId, NanoUsd};
use agentos_engine::{EngineError, Principal};
use agentos_router::{DeploymentStatus, ModelInfo};
use agentos_store::{Budget, BudgetScope, CallRecord, OnLimit, Spend, StoreError};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::body::JsonBody;
use crate::problem::{Code, Problem};
use crate::state::answer;
use crate::tasks::{page_size, parameter, query};
use crate::{ApiState, openapi};

/// The name of the workspace's own budget in paths.
const WORKSPACE: &str = "workspace";
/// The most that a budget may be, in billionths of a US dollar: a million.
const LARGEST: i64 = 1_000_000_000_000_000;

/// The outcome of a verb of the ledger.
async fn noted<T>(verb: impl Future<Output = Result<T, StoreError>>) -> Result<T, Problem> {
    answer(async { verb.await.map_err(EngineError::from) }).await
}

/// List the models
///
/// The names that requests may name, and the deployments behind each.
#[utoipa::path(get, path = "/api/models", tag = "models", operation_id = "list_models",
    responses((status = 200, description = "The models", body = openapi::ModelPage)))]
pub(crate) async fn models(State(state): State<ApiState>) -> Result<Json<Value>, Problem> {
    let models = state.models()?;
    let status = models.status();
    let items: Vec<_> = models.models().iter().map(|model| model_json(model, &status)).collect();
    Ok(Json(json!({ "items": items, "next_cursor": null })))
}

fn model_json(model: &ModelInfo, status: &[DeploymentStatus]) -> Value {
    let of_it = status.iter().filter(|one| model.deployments.contains(&one.name));
    let deployments: Vec<_> = of_it
        .map(|one| {
            json!({
                "name": one.name,
                "provider": one.provider,
                "model": one.model,
                "location": one.location,
                "state": one.state(),
                "resting_seconds": one.resting.map(|rest| rest.as_secs().max(1)),
                "calls_under_way": one.under_way,
                "first_content_ms": one.first_content.map(millis),
            })
        })
        .collect();
    json!({ "name": model.name, "local": model.local, "deployments": deployments })
}

fn millis(took: Duration) -> u64 {
    u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
}

/// List the budgets of the workspace, with what is spent of them this month
///
/// That of the whole installation comes first; it is set in the configuration.
#[utoipa::path(get, path = "/api/budgets", tag = "models", operation_id = "list_budgets",
    responses((status = 200, description = "The budgets", body = openapi::BudgetPage)))]
pub(crate) async fn budgets(
    State(state): State<ApiState>,
    Extension(principal): Extension<Principal>,
) -> Result<Json<Value>, Problem> {
    let models = state.models()?;
    let workspace = &principal.workspace_id;
    let mut items = Vec::new();
    if let Some(budget) = models.installation_budget() {
        // How much others have spent is for those who administer the hub.
        let spend = noted(models.spend_of(&BudgetScope::Installation)).await?;
        items.push(budget_json(budget, principal.has("admin").then_some(&spend)));
    }
    for budget in noted(models.ledger().budgets(Some(workspace))).await? {
        let spend = noted(models.spend_of(&budget.scope)).await?;
        items.push(budget_json(&budget, Some(&spend)));
    }
    Ok(Json(json!({ "items": items, "next_cursor": null })))
}

fn budget_json(budget: &Budget, spend: Option<&Spend>) -> Value {
    let scope = match &budget.scope {
        BudgetScope::Workspace(_) => WORKSPACE,
        BudgetScope::Installation => "installation",
        BudgetScope::Key(id) => id,
    };
    json!({
        "scope": scope,
        "limit_usd": budget.limit.to_string(),
        "on_limit": budget.on_limit.as_str(),
        "month": spend.map(|spend| spend.period.to_string()),
        "settled_usd": spend.map(|spend| spend.settled.to_string()),
        "reserved_usd": spend.map(|spend| spend.reserved.to_string()),
        "calls": spend.map(|spend| spend.calls),
    })
}

/// A budget.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = BudgetRequest)]
pub(crate) struct BudgetBody {
    /// The most that calls of models may cost in a calendar month (UTC), in US
    /// dollars, with at most nine decimals.
    #[schema(pattern = r"^([0-9]{1,6}(\.[0-9]{1,9})?|1000000(\.0{1,9})?)$")]
    limit_usd: String,
    /// What happens to a call that does not fit: it is refused, or a local model
    /// answers instead; `refuse` if left out.
    #[schema(value_type = Option<openapi::OnLimit>)]
    on_limit: Option<OnLimitWord>,
}

/// What happens to a call that does not fit.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum OnLimitWord {
    Refuse,
    LocalOnly,
}

/// Set a budget of the workspace or of one of its keys
///
/// It counts at once, also for what this month has spent already.
#[utoipa::path(put, path = "/api/budgets/{scope}", tag = "models", operation_id = "set_budget",
    params(("scope" = String, Path, description = "`workspace`, or the id of an API key",
        pattern = "^(workspace|key_[0-9a-f]{32})$")),
    request_body = BudgetBody,
    responses((status = 200, description = "The budget", body = openapi::Budget)))]
pub(crate) async fn set_budget(
    State(state): State<ApiState>,
    Extension(principal): Extension<Principal>,
    Path(scope): Path<String>,
    JsonBody(body): JsonBody<BudgetBody>,
) -> Result<Json<Value>, Problem> {
    let models = state.models()?;
    let scope = scope_of(&state, &principal, &scope).await?;
    let limit = usd(&body.limit_usd).ok_or_else(|| {
        let detail =
            "an amount in US dollars such as 5.00, at most 1000000, with at most nine decimals";
        Problem::field("limit_usd", detail)
    })?;
    let on_limit = match body.on_limit {
        None | Some(OnLimitWord::Refuse) => OnLimit::Refuse,
        Some(OnLimitWord::LocalOnly) => OnLimit::LocalOnly,
    };
    let budget = Budget { scope, limit, on_limit };
    noted(models.set_budget(budget.clone())).await?;
    tracing::info!(scope = budget.scope.kind(), limit = %limit, by = principal.id, "set a budget");
    let spend = noted(models.spend_of(&budget.scope)).await?;
    Ok(Json(budget_json(&budget, Some(&spend))))
}

/// Remove a budget of the workspace or of one of its keys
#[utoipa::path(delete, path = "/api/budgets/{scope}", tag = "models",
    operation_id = "remove_budget",
    params(("scope" = String, Path, description = "`workspace`, or the id of an API key",
        pattern = "^(workspace|key_[0-9a-f]{32})$")),
    responses((status = 204, description = "It has no limit of its own any more")))]
pub(crate) async fn remove_budget(
    State(state): State<ApiState>,
    Extension(principal): Extension<Principal>,
    Path(scope): Path<String>,
) -> Result<StatusCode, Problem> {
    let models = state.models()?;
    let scope = scope_of(&state, &principal, &scope).await?;
    if noted(models.remove_budget(&scope)).await? {
        tracing::info!(scope = scope.kind(), by = principal.id, "removed a budget");
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(Problem::new(Code::NotFound, "there is no such budget"))
}

/// What a path names: the workspace, or one of its keys.
async fn scope_of(
    state: &ApiState,
    principal: &Principal,
    scope: &str,
) -> Result<BudgetScope, Problem> {
    if scope == WORKSPACE {
        return Ok(BudgetScope::Workspace(principal.workspace_id.clone()));
    }
    let keys = answer(state.engine.keys(Some(&principal.workspace_id))).await?;
    let known = keys.iter().any(|key| key.key_id.to_string() == scope);
    let unknown = "no such key in this workspace: name `workspace`, or the id of one of its keys";
    known
        .then(|| BudgetScope::Key(scope.to_owned()))
        .ok_or_else(|| Problem::new(Code::NotFound, unknown))
}

/// An amount in US dollars, exactly.
fn usd(text: &str) -> Option<NanoUsd> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let lengths = (1..=7).contains(&whole.len()) && part.len() <= 9 && !text.ends_with('.');
    if !lengths || !digits(whole) || !digits(part) {
        return None;
    }
    let whole: i64 = whole.parse().ok()?;
    let part: i64 = format!("{part:0<9}").parse().ok()?;
    let nano = whole.checked_mul(1_000_000_000)?.checked_add(part)?;
    (nano <= LARGEST).then_some(NanoUsd(nano))
}

/// The parameters of `GET /api/calls`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CallsQuery {
    limit: Option<String>,
    cursor: Option<String>,
}

/// List the workspace's calls of models, newest first, with what each cost
#[utoipa::path(get, path = "/api/calls", tag = "models", operation_id = "list_calls",
    params(
        ("limit" = Option<u32>, Query, description = "How many; 20 if left out",
            minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before",
            pattern = "^(call_[0-9a-f]{32})?$"),
    ),
    responses((status = 200, description = "A page of calls", body = openapi::CallPage)))]
pub(crate) async fn calls(
    State(state): State<ApiState>,
    Extension(principal): Extension<Principal>,
    parsed: Result<Query<CallsQuery>, QueryRejection>,
) -> Result<Json<Value>, Problem> {
    let CallsQuery { limit, cursor } = query(parsed)?;
    let limit = page_size(limit)?;
    let before: Option<CallId> = parameter("cursor", cursor)?;
    let ledger = state.models()?.ledger();
    let page = ledger.calls(&principal.workspace_id, before.as_ref(), limit + 1);
    let mut calls = noted(page).await?;
    let more = calls.len() > limit as usize;
    calls.truncate(limit as usize);
    let next_cursor = calls.last().filter(|_| more).map(|last| last.call.id.to_string());
    let items: Vec<_> = calls.iter().map(call_json).collect();
    Ok(Json(json!({ "items": items, "next_cursor": next_cursor })))
}

fn call_json(record: &CallRecord) -> Value {
    let (call, settled) = (&record.call, record.settled.as_ref());
    let attempts: Option<Value> =
        settled.and_then(|settled| serde_json::from_str(&settled.attempts).ok());
    json!({
        "call_id": call.id,
        "requested": call.requested,
        "deployment": call.deployment,
        "provider": call.provider,
        "model": settled.and_then(|settled| settled.model.as_deref()),
        "task_id": call.task_id,
        "request_id": call.request_id,
        "outcome": settled.map_or("under_way", |settled| settled.outcome.as_str()),
        "error_code": settled.and_then(|settled| settled.error_code.as_deref()),
        "tokens": settled.map(|settled| settled.tokens),
        "cost_usd": settled.map(|settled| settled.cost.to_string()),
        "reserved_usd": call.reserved.to_string(),
        "estimated": settled.is_some_and(|settled| settled.estimated),
        "attempts": attempts.unwrap_or_else(|| json!([])),
        "first_token_ms": settled.and_then(|settled| settled.first_token_ms),
        "duration_ms": settled.and_then(|settled| settled.duration_ms),
        "created_at": call.created_at,
        "settled_at": settled.map(|settled| settled.settled_at),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_exactly() {
        assert_eq!(usd("5"), Some(NanoUsd(5_000_000_000)));
        assert_eq!(usd("0.000000001"), Some(NanoUsd(1)));
        assert_eq!(usd("1000000"), Some(NanoUsd(LARGEST)));
        for wrong in
            ["", ".", ".5", "5.", "-1", "1e3", "5,00", "1000000.000000001", "0.0000000001", "5 "]
        {
            assert_eq!(usd(wrong), None, "{wrong:?}");
        }
    }
}
