//! Approvals: what waits for a person, and deciding it.
//!
//! Who may decide has the scope `approve`, which is apart from `run`: whoever
//! asks for work need not be who confirms what it does.

use std::num::NonZeroU64;

use agentos_domain::{AgentName, BlobHash, Decision, GrantScope, Proposal, ProposalId, ToolName};
use agentos_engine::{Principal, ProposalFilter, Resolution};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::body::{JsonBody, OptionalJsonBody};
use crate::problem::{Code, Problem};
use crate::state::answer;
use crate::tasks::{page_size, parameter, query};
use crate::{ApiState, openapi};

const MAX_NOTE_CHARS: usize = 4000;

/// The parameters of the lists. An empty one counts as absent.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListQuery {
    limit: Option<String>,
    cursor: Option<String>,
}

/// As [`ListQuery`], with a status.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HistoryQuery {
    limit: Option<String>,
    cursor: Option<String>,
    status: Option<String>,
}

type Parsed<T> = Result<Query<T>, axum::extract::rejection::QueryRejection>;

/// List what waits for a person, newest first
#[utoipa::path(get, path = "/api/approvals", tag = "approvals", operation_id = "list_approvals",
    params(
        ("limit" = Option<u32>, Query, description = "How many; 20 if left out",
            minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before",
            pattern = "^(prop_[0-9a-f]{32})?$"),
    ),
    responses((status = 200, description = "What waits", body = openapi::PendingPage)))]
pub(crate) async fn pending(
    State(state): State<ApiState>,
    Extension(principal): Extension<Principal>,
    parsed: Parsed<ListQuery>,
) -> Result<Json<Value>, Problem> {
    let ListQuery { limit, cursor } = query(parsed)?;
    let status = Some(agentos_domain::ProposalStatus::Pending);
    let filter =
        ProposalFilter { status, before: parameter("cursor", cursor)?, limit: page_size(limit)? };
    let (pending, next_cursor) = page(&state, &principal, filter).await?;
    Ok(Json(json!({ "pending": pending, "next_cursor": next_cursor })))
}

/// List proposals, also decided ones, newest first
#[utoipa::path(get, path = "/api/approvals/history", tag = "approvals",
    operation_id = "list_proposals",
    params(
        ("limit" = Option<u32>, Query, description = "How many; 20 if left out",
            minimum = 1, maximum = 100),
        ("status" = Option<openapi::ProposalStatus>, Query,
            description = "Only those that stand there"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before",
            pattern = "^(prop_[0-9a-f]{32})?$"),
    ),
    responses((status = 200, description = "A page of proposals", body = openapi::ProposalPage)))]
pub(crate) async fn history(
    State(state): State<ApiState>,
    Extension(principal): Extension<Principal>,
    parsed: Parsed<HistoryQuery>,
) -> Result<Json<Value>, Problem> {
    let HistoryQuery { limit, cursor, status } = query(parsed)?;
    let filter = ProposalFilter {
        status: parameter("status", status)?,
        before: parameter("cursor", cursor)?,
        limit: page_size(limit)?,
    };
    let (items, next_cursor) = page(&state, &principal, filter).await?;
    Ok(Json(json!({ "items": items, "next_cursor": next_cursor })))
}

async fn page(
    state: &ApiState,
    principal: &Principal,
    mut filter: ProposalFilter,
) -> Result<(Vec<Proposal>, Option<String>), Problem> {
    let size = filter.limit as usize;
    filter.limit += 1;
    let mut items = answer(state.engine.proposals(&principal.workspace_id, &filter)).await?;
    let more = items.len() > size;
    items.truncate(size);
    let next = items.last().filter(|_| more).map(|last| last.proposal_id.to_string());
    Ok((items, next))
}

/// A proposal
#[utoipa::path(get, path = "/api/approvals/{id}", tag = "approvals", operation_id = "get_approval",
    params(("id" = String, Path, description = "The proposal")),
    responses((status = 200, description = "The proposal", body = openapi::Proposal)))]
pub(crate) async fn show(
    State(state): State<ApiState>,
    Extension(principal): Extension<Principal>,
    Path(id): Path<String>,
) -> Result<Json<Proposal>, Problem> {
    answer(state.engine.proposal(&principal.workspace_id, &proposal_id(&id)?)).await.map(Json)
}

fn proposal_id(text: &str) -> Result<ProposalId, Problem> {
    text.parse().map_err(|_| Problem::new(Code::NotFound, "no such proposal"))
}

/// How a call is confirmed.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Approval)]
pub(crate) struct ApproveBody {
    /// How far it reaches: this call (`once`, if left out), this tool for the
    /// rest of the task (`task`), or whenever this agent calls it (`agent`).
    #[schema(value_type = Option<openapi::GrantScope>)]
    scope: Option<GrantScope>,
    /// It is kept with the decision.
    #[schema(max_length = 4000)]
    notes: Option<String>,
    /// `content_hash` of what was looked at: refused if something else is proposed.
    #[schema(value_type = Option<String>, pattern = "^[0-9a-f]{64}$")]
    content_hash: Option<BlobHash>,
}

/// Confirm a call of a tool
///
/// The task goes on. Of several decisions one is taken; the others get 409.
#[utoipa::path(post, path = "/api/approvals/{id}/approve", tag = "approvals",
    operation_id = "approve",
    params(("id" = String, Path, description = "The proposal")),
    request_body = Option<ApproveBody>,
    responses((status = 200, description = "It, as decided", body = openapi::Proposal)))]
pub(crate) async fn approve(
    State(state): State<ApiState>,
    Extension(principal): Extension<Principal>,
    Path(id): Path<String>,
    OptionalJsonBody(body): OptionalJsonBody<ApproveBody>,
) -> Result<Json<Proposal>, Problem> {
    let ApproveBody { scope, notes, content_hash } = body;
    let decision = Decision::Approve { scope: scope.unwrap_or(GrantScope::Once) };
    decide(&state, &principal, &id, decision, notes, content_hash).await
}

/// Why a call is refused.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Rejection)]
pub(crate) struct RejectBody {
    /// The model is told this.
    #[schema(min_length = 1, max_length = 4000, pattern = r"\S")]
    reason: String,
    /// As for an approval.
    #[schema(value_type = Option<String>, pattern = "^[0-9a-f]{64}$")]
    content_hash: Option<BlobHash>,
}

/// Refuse a call of a tool
///
/// The task goes on; its model is told the reason.
#[utoipa::path(post, path = "/api/approvals/{id}/reject", tag = "approvals",
    operation_id = "reject",
    params(("id" = String, Path, description = "The proposal")),
    request_body = RejectBody,
    responses((status = 200, description = "It, as decided", body = openapi::Proposal)))]
pub(crate) async fn reject(
    State(state): State<ApiState>,
    Extension(principal): Extension<Principal>,
    Path(id): Path<String>,
    JsonBody(body): JsonBody<RejectBody>,
) -> Result<Json<Proposal>, Problem> {
    let RejectBody { reason, content_hash } = body;
    if reason.trim().is_empty() {
        return Err(Problem::field("reason", "say why: the model is told"));
    }
    let notes = Some(reason.clone());
    decide(&state, &principal, &id, Decision::Reject { reason }, notes, content_hash).await
}

/// What became of a call whose result was lost.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = LostOutcome)]
pub(crate) enum Outcome {
    /// It had its effect.
    Done,
    /// It had none, or it may happen twice: make it again.
    Retry,
    /// End the task.
    Abort,
}

/// How a lost call is resolved.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LostCall)]
pub(crate) struct ResolveBody {
    /// What became of it.
    outcome: Outcome,
    /// What is known; with `done` the model is told.
    #[schema(max_length = 4000)]
    notes: Option<String>,
    /// As for an approval.
    #[schema(value_type = Option<String>, pattern = "^[0-9a-f]{64}$")]
    content_hash: Option<BlobHash>,
}

/// Say what became of a call whose result was lost
#[utoipa::path(post, path = "/api/approvals/{id}/resolve", tag = "approvals",
    operation_id = "resolve",
    params(("id" = String, Path, description = "The proposal")),
    request_body = ResolveBody,
    responses((status = 200, description = "It, as decided", body = openapi::Proposal)))]
pub(crate) async fn resolve(
    State(state): State<ApiState>,
    Extension(principal): Extension<Principal>,
    Path(id): Path<String>,
    JsonBody(body): JsonBody<ResolveBody>,
) -> Result<Json<Proposal>, Problem> {
    let ResolveBody { outcome, notes, content_hash } = body;
    let decision = match outcome {
        Outcome::Done => {
            Decision::Done { note: notes.clone().filter(|notes| !notes.trim().is_empty()) }
        }
        Outcome::Retry => Decision::Retry,
        Outcome::Abort => Decision::Abort,
    };
    decide(&state, &principal, &id, decision, notes, content_hash).await
}

async fn decide(
    state: &ApiState,
    principal: &Principal,
    id: &str,
    decision: Decision,
    notes: Option<String>,
    content_hash: Option<BlobHash>,
) -> Result<Json<Proposal>, Problem> {
    let id = proposal_id(id)?;
    let notes = notes.filter(|notes| !notes.trim().is_empty());
    let chars = notes.as_ref().map_or(0, |notes| notes.chars().count());
    if chars > MAX_NOTE_CHARS {
        let field = if matches!(decision, Decision::Reject { .. }) { "reason" } else { "notes" };
        let detail = format!("{chars} characters: use at most {MAX_NOTE_CHARS}");
        return Err(Problem::field(field, detail));
    }
    let word = decision.as_str();
    let reviewer = principal.id.clone();
    let resolution = Resolution { decision, reviewer, notes, content_hash };
    let resolved = state.engine.resolve(&principal.workspace_id, &id, resolution);
    let proposal = answer(resolved).await?;
    tracing::info!(proposal = %id, by = principal.id, decision = word, "decided a proposal");
    Ok(Json(proposal))
}

/// List what agents may call without being asked for
#[utoipa::path(get, path = "/api/approvals/grants", tag = "approvals", operation_id = "list_grants",
    responses((status = 200, description = "All such grants", body = openapi::GrantPage)))]
pub(crate) async fn grants(
    State(state): State<ApiState>,
    Extension(principal): Extension<Principal>,
) -> Result<Json<Value>, Problem> {
    let grants = answer(state.engine.tool_grants(&principal.workspace_id)).await?;
    Ok(Json(json!({ "items": grants, "next_cursor": null })))
}

/// Take a grant back: the agent's next run is asked for again
#[utoipa::path(delete, path = "/api/approvals/grants/{agent}/{tool}", tag = "approvals",
    operation_id = "revoke_grant",
    params(
        ("agent" = String, Path, description = "The agent"),
        ("tool" = String, Path, description = "The tool"),
    ),
    responses((status = 204, description = "It is gone")))]
pub(crate) async fn revoke_grant(
    State(state): State<ApiState>,
    Extension(principal): Extension<Principal>,
    Path((agent, tool)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let missing = || Problem::new(Code::NotFound, "no such grant");
    let agent: AgentName = agent.parse().map_err(|_| missing())?;
    let tool: ToolName = tool.parse().map_err(|_| missing())?;
    let (workspace, by) = (&principal.workspace_id, &principal.id);
    answer(state.engine.revoke_tool_grant(workspace, &agent, &tool, by)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// List who decided what, when and why, newest first
#[utoipa::path(get, path = "/api/audit", tag = "approvals", operation_id = "list_audit",
    params(
        ("limit" = Option<u32>, Query, description = "How many; 20 if left out",
            minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before",
            pattern = "^([1-9][0-9]{0,17})?$"),
    ),
    responses((status = 200, description = "A page of the audit", body = openapi::AuditPage)))]
pub(crate) async fn audit(
    State(state): State<ApiState>,
    Extension(principal): Extension<Principal>,
    parsed: Parsed<ListQuery>,
) -> Result<Json<Value>, Problem> {
    let ListQuery { limit, cursor } = query(parsed)?;
    let (size, before) = (page_size(limit)?, parameter::<NonZeroU64>("cursor", cursor)?);
    let lines = state.engine.audit(&principal.workspace_id, before.map(NonZeroU64::get), size + 1);
    let mut items = answer(lines).await?;
    let more = items.len() > size as usize;
    items.truncate(size as usize);
    let next = items.last().filter(|_| more).map(|line| line.seq.to_string());
    Ok(Json(json!({ "items": items, "next_cursor": next })))
}
