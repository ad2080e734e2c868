//! API keys: making, listing, revoking.
//!
//! Who administers a workspace handles its keys alone; who administers the
//! hub's own workspace, `default`, handles those of all.

use agentos_domain::{KeyId, Timestamp, WorkspaceId};
use agentos_engine::{KeyInfo, KeyRequest, Principal};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::body::JsonBody;
use crate::problem::{Code, Problem};
use crate::state::answer;
use crate::{ApiState, openapi};

/// The workspace that a caller is confined to.
pub(crate) fn confined(principal: &Principal) -> Option<&WorkspaceId> {
    Some(&principal.workspace_id).filter(|own| **own != WorkspaceId::default())
}

/// List the API keys
#[utoipa::path(get, path = "/api/keys", tag = "keys", operation_id = "list_keys",
    responses((status = 200, description = "All keys, also those that no longer work",
        body = openapi::KeyPage)))]
pub(crate) async fn list(
    State(state): State<ApiState>,
    Extension(principal): Extension<Principal>,
) -> Result<Json<Value>, Problem> {
    let keys = answer(state.engine.keys(confined(&principal))).await?;
    Ok(Json(json!({ "items": keys, "next_cursor": null })))
}

/// An API key that is asked for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = KeyRequest)]
pub(crate) struct CreateBody {
    /// What people call it.
    #[schema(
        max_length = 64,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"
    )]
    name: String,
    /// What it may do: some of `read`, `run`, `approve`, `admin`.
    #[schema(value_type = Vec<openapi::Scope>, min_items = 1, max_items = 4)]
    scopes: Vec<String>,
    /// Whose data it opens; the caller's own workspace if left out.
    #[schema(value_type = Option<String>, pattern = "^[A-Za-z0-9._-]{1,64}$")]
    workspace_id: Option<WorkspaceId>,
    /// When it ceases to work; never if left out.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
}

/// Make an API key
///
/// The answer holds the key itself: it is shown this once.
#[utoipa::path(post, path = "/api/keys", tag = "keys", operation_id = "create_key",
    request_body = CreateBody,
    responses((status = 201, description = "The key", body = openapi::NewKey)))]
pub(crate) async fn create(
    State(state): State<ApiState>,
    Extension(principal): Extension<Principal>,
    JsonBody(body): JsonBody<CreateBody>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let workspace_id = body.workspace_id.unwrap_or_else(|| principal.workspace_id.clone());
    if confined(&principal).is_some_and(|own| *own != workspace_id) {
        let detail = "only who administers the hub makes keys for other workspaces";
        return Err(Problem::field("workspace_id", detail));
    }
    let CreateBody { name, scopes, expires_at, .. } = body;
    let request = KeyRequest { name, workspace_id, scopes, expires_at };
    let (key, info) = answer(state.engine.issue_key(request)).await?;
    tracing::info!(key = %info.key_id, by = principal.id, "made an API key");
    let mut value = json!({ "key": key });
    if let (Value::Object(all), Value::Object(info)) = (&mut value, json!(info)) {
        all.extend(info);
    }
    Ok((StatusCode::CREATED, Json(value)))
}

/// Revoke an API key, at once and for good
///
/// A key that was revoked before is returned as it is.
#[utoipa::path(post, path = "/api/keys/{id}/revoke", tag = "keys", operation_id = "revoke_key",
    params(("id" = String, Path, description = "The key's id")),
    responses((status = 200, description = "It opens nothing any more", body = openapi::Key)))]
pub(crate) async fn revoke(
    State(state): State<ApiState>,
    Extension(principal): Extension<Principal>,
    Path(id): Path<String>,
) -> Result<Json<KeyInfo>, Problem> {
    let id: KeyId = id.parse().map_err(|_| Problem::new(Code::NotFound, "no such key"))?;
    let key = answer(state.engine.revoke_key(confined(&principal), &id)).await?;
    tracing::info!(key = %id, by = principal.id, "revoked an API key");
    Ok(Json(key))
}
