//! Keys of models' providers that a workspace brings along: setting, listing,
//! removing. No answer ever holds one.

use agentos_domain::{ProviderName, ProviderSecret};
use agentos_engine::{Principal, ProviderKeyInfo};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::body::SecretJsonBody;
use crate::problem::{Code, Problem};
use crate::state::answer;
use crate::{ApiState, openapi};

/// What a path names as the provider.
type Named = Result<Path<String>, PathRejection>;

/// List the workspace's provider keys
#[utoipa::path(get, path = "/api/provider-keys", tag = "provider keys",
    operation_id = "list_provider_keys",
    responses((status = 200, description = "What is known of them; never the keys",
        body = openapi::ProviderKeyPage)))]
pub(crate) async fn list(
    State(state): State<ApiState>,
    Extension(principal): Extension<Principal>,
) -> Result<Json<Value>, Problem> {
    let keys = answer(state.engine.provider_keys(&principal.workspace_id)).await?;
    Ok(Json(json!({ "items": keys, "next_cursor": null })))
}

/// A provider's key.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ProviderKeyRequest)]
pub(crate) struct SetBody {
    /// The key as the provider shows it: one line, at most 4096 bytes.
    #[schema(
        min_length = 1,
        max_length = 4096,
        write_only,
        pattern = r"^[^\s\x00-\x1f\x7f-\x9f]([^\x00-\x1f\x7f-\x9f\u2028\u2029]*[^\s\x00-\x1f\x7f-\x9f])?$"
    )]
    key: String,
}

/// Set the workspace's key of a provider
///
/// It replaces the one before, is kept encrypted, and is never shown again.
#[utoipa::path(put, path = "/api/provider-keys/{provider}", tag = "provider keys",
    operation_id = "set_provider_key",
    params(("provider" = String, Path,
        description = "The provider: `openai`, `anthropic`, or 1 to 40 lower-case letters, digits, `-` and `_`",
        pattern = "^[a-z0-9_-]{1,40}$")),
    request_body = SetBody,
    responses((status = 200, description = "What is known of the key", body = openapi::ProviderKey)))]
pub(crate) async fn set(
    State(state): State<ApiState>,
    Extension(principal): Extension<Principal>,
    provider: Named,
    SecretJsonBody(body): SecretJsonBody<SetBody>,
) -> Result<Json<ProviderKeyInfo>, Problem> {
    let secret = ProviderSecret::new(body.key).map_err(|error| Problem::field("key", error))?;
    let wrong = |error: &dyn std::fmt::Display| Problem::field("provider", error);
    let Path(provider) = provider.map_err(|error| wrong(&error))?;
    let provider: ProviderName = provider.parse().map_err(|error| wrong(&error))?;
    let workspace = &principal.workspace_id;
    let key = answer(state.engine.set_provider_key(workspace, &provider, &secret)).await?;
    tracing::info!(%provider, %workspace, by = principal.id, "set a provider key");
    Ok(Json(key))
}

/// Remove the workspace's key of a provider
#[utoipa::path(delete, path = "/api/provider-keys/{provider}", tag = "provider keys",
    operation_id = "remove_provider_key",
    params(("provider" = String, Path, description = "The provider",
        pattern = "^[a-z0-9_-]{1,40}$")),
    responses((status = 204, description = "It is gone")))]
pub(crate) async fn remove(
    State(state): State<ApiState>,
    Extension(principal): Extension<Principal>,
    provider: Named,
) -> Result<StatusCode, Problem> {
    // What cannot be a name names no key.
    let provider = provider.ok().and_then(|Path(text)| text.parse::<ProviderName>().ok());
    let none = || Problem::new(Code::NotFound, "no provider key of this name");
    let provider = provider.ok_or_else(none)?;
    let workspace = &principal.workspace_id;
    answer(state.engine.remove_provider_key(workspace, &provider)).await?;
    tracing::info!(%provider, %workspace, by = principal.id, "removed a provider key");
    Ok(StatusCode::NO_CONTENT)
}
